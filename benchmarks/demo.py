"""The demo again and again: the same seed twice, on one processor, and on other seeds.

Every run must rehearse without a difference; runs of one seed must agree to the last digit whatever the processors.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.registry import Result, benchmark

SEEDS = (1, 2, 3, 4, 5)
LEAST_FILLS = 50
MEASURED_ANEW = ("seconds", "stage_seconds", "peak_gib", "fits_run")


@benchmark("demo.repeat")
def repeat() -> list[Result]:
    """Run the demo twice, and once on one processor, and compare; a difference ends the benchmark with an error."""
    with tempfile.TemporaryDirectory() as folder:
        first = _demo(Path(folder) / "first")
        again = _demo(Path(folder) / "again")
        single = _demo(Path(folder) / "single", "--cpus", "1")
    rehearsal = first["rehearsal"]
    if rehearsal["fills"] < LEAST_FILLS or not rehearsal["stops"] or not rehearsal["flattened"]:
        raise AssertionError(
            f"the default demo must have {LEAST_FILLS} fills, a stop and an exit at the close: {rehearsal}"
        )
    for run in (again, single):
        if _timeless(run) != _timeless(first):
            raise AssertionError(f"two demos of one seed differ:\n{_timeless(first)}\n{_timeless(run)}")
    lines = [_line("demo.seconds", "s", [first["seconds"], again["seconds"]])]
    lines.append(_line("demo.peak", "GiB", [first["peak_gib"], again["peak_gib"]]))
    for stage in first["stage_seconds"]:
        lines.append(_line(f"demo.{stage}_seconds", "s", [run["stage_seconds"][stage] for run in (first, again)]))
    latency = [run["rehearsal"]["bar_to_order_ms"]["p99"] for run in (first, again)]
    lines.append(_line("demo.bar_to_order_p99", "ms", latency))
    return [*lines, *_agreement("default seed", first)]


@benchmark("demo.seeds")
def seeds() -> list[Result]:
    """Run the demo on other seeds: each must rehearse without a difference."""
    lines: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            run = _demo(Path(folder) / f"seed-{seed}", "--seed", str(seed))
            lines += _agreement(f"seed {seed}", run)
    return lines


def _agreement(name: str, run: dict[str, Any]) -> list[Result]:
    rehearsal = run["rehearsal"]
    counts = f"{rehearsal['orders']} orders, {rehearsal['fills']} fills, {rehearsal['stops']} stops"
    sys.stdout.write(f"{name}: {counts}, {rehearsal['differences']} differences\n")
    return [
        _line(f"demo.fills ({name})", "fills", [float(rehearsal["fills"])]),
        _line(f"demo.differences ({name})", "differences", [float(rehearsal["differences"])]),
    ]


def _demo(root: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "daytrader_ray.cli", "demo", "--json", "--data", str(root), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if not lines:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    values: dict[str, Any] = json.loads(lines[-1].replace(f"{root}/", ""))
    if done.returncode or not values["ok"]:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {lines[-1]}\n{done.stderr[-2000:]}")
    return values


def _timeless(run: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that must repeat: no wall time or memory."""
    rehearsal = {key: value for key, value in run["rehearsal"].items() if key != "bar_to_order_ms"}
    return {key: value for key, value in run.items() if key not in MEASURED_ANEW} | {"rehearsal": rehearsal}


def _line(name: str, unit: str, values: list[float]) -> Result:
    middle = sorted(values)[len(values) // 2]
    spread = (max(values) - min(values)) / middle if middle else 0.0
    return Result(name, middle, unit, "", None, None, spread, len(values))
