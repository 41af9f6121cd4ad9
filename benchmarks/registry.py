"""How a benchmark is written: a function with a name that returns results, and fair timing of two sides."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One line of `results.json`.

    Attributes
    ----------
    name, value, unit
        What was measured: the median over `runs`.
    peer, peer_value
        What it is compared with, and its median in the same unit; empty and None where there is no peer.
    ratio
        `value / peer_value`; below 1 is faster where the unit is a time.
    spread
        (largest - smallest) / median of the runs of `value`.
    """

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float | None
    ratio: float | None
    spread: float
    runs: int


class MissedError(AssertionError):
    """A benchmark missed a bound; what it measured is kept all the same."""

    def __init__(self, said: str, measured: list[Result]) -> None:
        super().__init__(said)
        self.measured = measured


Benchmark = Callable[[], list[Result]]
BENCHMARKS: dict[str, Benchmark] = {}
"""All benchmarks of the imported files, by name."""


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Register the decorated function as benchmark `name` (`room.what`)."""

    def register(function: Benchmark) -> Benchmark:
        BENCHMARKS[name] = function
        return function

    return register


def bounded(measured: list[Result], failures: Sequence[str]) -> list[Result]:
    """Return what was measured; `MissedError` with all of it where bounds were missed, `failures` in words."""
    if failures:
        raise MissedError("; ".join(failures), measured)
    return measured


def seconds(function: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def alternating(ours: Callable[[], object], peers: Callable[[], object], runs: int) -> tuple[list[float], list[float]]:
    """Time both sides `runs` times in turns, after one call of each that does not count; seconds."""
    ours()
    peers()
    pairs = [(seconds(ours), seconds(peers)) for _ in range(runs)]
    return [own for own, _ in pairs], [other for _, other in pairs]


def compared(name: str, unit: str, peer: str, values: list[float], peer_values: list[float]) -> Result:
    """Return the line of a comparison from the runs of both sides, in `unit`."""
    value, peer_value = statistics.median(values), statistics.median(peer_values)
    spread = (max(values) - min(values)) / value
    return Result(name, value, unit, peer, peer_value, value / peer_value, spread, len(values))
