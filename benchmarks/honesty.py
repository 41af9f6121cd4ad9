"""Does the search tell the truth about its winner? Asked on markets of which the answer is known (`honesty_market`).

The null markets hold nothing: whatever is called significant there is a false discovery. In the planted ones a secret
is worth an annual Sharpe ratio of 5 after costs: what is not called significant was there to be found. Each market goes
through the search's own fits, trials and verdict in one process (`walkforward.alone`); the verdict reads the 31
ensembles alone, so the two baselines are left out, except where the parallel search is held to the same bytes.

Markets come in the order of their seeds, and what each gave is kept in the folder of temporary files, under a key of
all that made it: an interrupted run goes on where it stopped, and prints what it knows by then.
"""

import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from benchmarks.honesty_market import (
    COSTS,
    FREE,
    Plant,
    asked,
    made,
    oracle_sharpe,
    planted,
    request_of,
    study_of,
    windows_of,
)
from benchmarks.registry import Result, benchmark, bounded
from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.analytics.verdict import SIGNIFICANT
from daytrader_ray.cluster.fit_jobs import LIBRARIES
from daytrader_ray.cluster.fits import silent
from daytrader_ray.cluster.runtime import environment, started
from daytrader_ray.cluster.search import STUDY_LIBRARIES, asked_of, searched
from daytrader_ray.cluster.watch import Watch
from daytrader_ray.domain.content import key_of
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.domain.trading import N_ENSEMBLES
from daytrader_ray.walkforward.alone import judged, learned, run_alone

FOLDER = Path(tempfile.gettempdir(), "daytrader-honesty-benchmark")
PROCESSES = 2
N_NULL, N_PLANTED, N_BOTH_WAYS = 200, 50, 3
MOST_FALSE, LEAST_FOUND, PBO_OF_LUCK, PBO_OFF = 15, 35, 0.5, 0.1
ENSEMBLES = tuple(range(N_ENSEMBLES))
FREE_FILLS, WITH_COSTS = "free", "costs"
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


@dataclass(frozen=True)
class Told:
    """What a search said of one market: its verdict, and what the verdict was read from.

    `sharpe` (a year) and `trades` are those of the best ensemble, `pbo` is None where it could not be computed.
    """

    label: str
    dsr: float | None
    spa: float | None
    pbo: float | None
    sharpe: float | None
    trades: int
    best: list[str]

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "Told":
        """Read the result of a search."""
        best, found = result["best"], result["statistics"]
        trades = next(trial["metrics"]["trades"] for trial in result["trials"] if trial["mask"] == best["mask"])
        figures = found["dsr"], found["spa"], found["pbo"]["value"], best["sharpe"]
        return cls(result["verdict"]["label"], *figures, trades, best["members"])

    @property
    def significant(self) -> bool:
        """Whether the verdict calls the winner's advantage more than luck."""
        return self.label == SIGNIFICANT


@dataclass(frozen=True)
class Found:
    """What one market gave, by what trading cost in it; the oracle's Sharpe ratio (None: not asked), CPU seconds."""

    seed: int
    told: Mapping[str, Told]
    oracle: float | None
    seconds: float


def null(seed: int) -> Found:
    """Search one null market: fitted once, traded with free fills and with costs."""
    start, plant = time.process_time(), Plant(seed)
    market = made(plant)
    free = study_of(market, plant, FREE)
    fitted = learned(market, free, windows_of(market), ENSEMBLES)
    told = {FREE_FILLS: Told.of(judged(market, free, asked(), fitted, ENSEMBLES))}
    paying = study_of(market, plant, COSTS)
    told[WITH_COSTS] = Told.of(judged(market, paying, asked(), fitted, ENSEMBLES))
    return Found(seed, told, None, time.process_time() - start)


def power(seed: int) -> Found:
    """Search one planted market, and ask its oracle."""
    start, plant = time.process_time(), planted(seed)
    market = made(plant)
    study = study_of(market, plant, COSTS)
    told = Told.of(run_alone(market, study, windows_of(market), asked(), ENSEMBLES))
    return Found(seed, {WITH_COSTS: told}, oracle_sharpe(plant), time.process_time() - start)


KINDS = {"null": null, "planted": power}


def results_of(kind: str, seeds: Sequence[int]) -> list[Found]:
    """Return what the markets of these seeds gave; those not yet known are searched now, and each is kept at once."""
    folder = FOLDER / _key()
    missing = [seed for seed in seeds if not _file(folder, kind, seed).exists()]
    print(f"{len(seeds) - len(missing)} of {len(seeds)} {kind} markets are in {folder}", flush=True)
    start = time.perf_counter()
    try:
        with environment(ONE_THREAD), ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
            for work in as_completed([pool.submit(_keep, folder, kind, seed) for seed in missing]):
                print(f"{kind} {_line(work.result())}", flush=True)
    finally:
        known = [_read(path) for seed in seeds if (path := _file(folder, kind, seed)).exists()]
        print(f"{time.perf_counter() - start:.0f} s now, {sum(one.seconds for one in known):.0f} CPU seconds in all")
        print(table(kind, known), flush=True)
    return known


def _key() -> str:
    here = Path(__file__).parent
    own = [(here / name).read_text(encoding="utf-8") for name in ("honesty.py", "honesty_market.py")]
    packages = ("analytics", "domain", "engine", "features", "market_data", "models", "portfolio", "regime")
    sources = digest_of_sources((*packages, "walkforward"))
    return key_of({"sources": sources, "own": own, "libraries": versions_of({*LIBRARIES, *STUDY_LIBRARIES})})[:16]


def _keep(folder: Path, kind: str, seed: int) -> Found:
    found = KINDS[kind](seed)
    atomic_write_json(str(_file(folder, kind, seed)), asdict(found))
    return found


def _read(path: Path) -> Found:
    values = json.loads(path.read_text(encoding="utf-8"))
    return Found(**values | {"told": {name: Told(**told) for name, told in values["told"].items()}})


def _file(folder: Path, kind: str, seed: int) -> Path:
    return folder / f"{kind}-{seed:03d}.json"


def _line(found: Found) -> str:
    told = "; ".join(
        f"{name}: {one.label}, DSR {_number(one.dsr)}, SPA {_number(one.spa)}, PBO {_number(one.pbo)}, "
        f"Sharpe {_number(one.sharpe)}, {one.trades} trades of {' + '.join(one.best)}"
        for name, one in found.told.items()
    )
    oracle = "" if found.oracle is None else f"; oracle {found.oracle:.2f}"
    return f"seed {found.seed}: {told}{oracle}; {found.seconds:.0f} CPU seconds"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


@dataclass(frozen=True)
class Row:
    """Many markets of one kind at one cost: how many were called significant, 95 % interval of the share, means.

    `dsr` and `spa` count those which one of the two tests alone would have let pass.
    """

    markets: int
    significant: int
    low: float
    high: float
    dsr: int
    spa: int
    pbo: float
    sharpe: float

    @classmethod
    def of(cls, told: Sequence[Told]) -> "Row":
        """Count; the interval is that of Clopper and Pearson (1934), a search that never trades has a ratio of 0."""
        n = sum(one.significant for one in told)
        found = binomtest(n, len(told)).proportion_ci(method="exact")
        passed = [
            sum((one.dsr or 0.0) > 0.95 for one in told),
            sum((1.0 if one.spa is None else one.spa) < 0.05 for one in told),
        ]
        return cls(
            len(told),
            n,
            found.low,
            found.high,
            *passed,
            _mean([one.pbo for one in told if one.pbo is not None]),
            _mean([one.sharpe or 0.0 for one in told]),
        )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def rows_of(found: Sequence[Found]) -> dict[str, Row]:
    """Return a row by what trading cost."""
    return {name: Row.of([one.told[name] for one in found]) for name in (found[0].told if found else ())}


def table(kind: str, found: Sequence[Found]) -> str:
    """Return what is known as a table for people, in Markdown."""
    head = (
        "market",
        "markets",
        "significant",
        "95 % interval",
        "DSR > 0.95",
        "SPA p < 0.05",
        "mean PBO",
        "mean Sharpe",
    )
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, row in rows_of(found).items():
        share = f"{row.significant} ({row.significant / row.markets:.0%}) | {row.low:.1%} to {row.high:.1%}"
        figures = f"{row.dsr} | {row.spa} | {row.pbo:.2f} | {row.sharpe:.2f}"
        lines.append(f"| {kind}, {name} | {row.markets} | {share} | {figures} |")
    oracles = [one.oracle for one in found if one.oracle is not None]
    return "\n".join([*lines, f"mean Sharpe ratio of the oracle: {np.mean(oracles):.2f}"] if oracles else lines)


def failures_of_null(row: Row) -> list[str]:
    """Return in words what 200 null markets with free fills were to show and did not."""
    failures = []
    if row.significant > MOST_FALSE:
        failures.append(
            f"{row.significant} of {row.markets} null markets are called significant: more than {MOST_FALSE}"
        )
    if not abs(row.pbo - PBO_OF_LUCK) <= PBO_OFF:
        failures.append(f"the mean PBO of null markets is {row.pbo:.2f}: not {PBO_OF_LUCK} +- {PBO_OFF}")
    return failures


def failures_of_power(row: Row) -> list[str]:
    """Return in words what 50 planted markets were to show and did not."""
    few = row.significant < LEAST_FOUND
    return [f"{row.significant} of {row.markets} planted markets are found: fewer than {LEAST_FOUND}"] if few else []


@benchmark("search.null_false_discovery")
def null_false_discovery() -> list[Result]:
    """Search 200 markets of which nothing can be known; with costs they are told and not judged."""
    rows = rows_of(results_of("null", range(N_NULL)))
    measured = [
        line
        for name, row in rows.items()
        for line in (
            _share("search.null_false_discovery", name, row),
            Result(f"search.null_pbo ({name})", row.pbo, "mean PBO", "", None, None, 0.0, row.markets),
        )
    ]
    return bounded(measured, failures_of_null(rows[FREE_FILLS]))


@benchmark("search.planted_power")
def planted_power() -> list[Result]:
    """Search 50 markets whose secret is worth a Sharpe ratio of 5 after costs to who knows it."""
    found = results_of("planted", range(N_PLANTED))
    row = rows_of(found)[WITH_COSTS]
    oracle = float(np.mean([one.oracle for one in found]))
    peer = Result(
        "search.planted_sharpe", row.sharpe, "Sharpe ratio", "oracle", oracle, row.sharpe / oracle, 0.0, row.markets
    )
    return bounded([_share("search.planted_power", WITH_COSTS, row), peer], failures_of_power(row))


def _share(name: str, costs: str, row: Row) -> Result:
    told = f"share called significant, 95 % interval {row.low:.3f} to {row.high:.3f}"
    return Result(
        f"{name} ({costs})", row.significant / row.markets, told, "", None, None, row.high - row.low, row.markets
    )


def both_ways(plant: Plant, costs: CostConfig, root: str) -> tuple[str, str]:
    """Return what a market gives by Ray Tune and alone, as JSON; Ray must be running, `root` is an empty folder."""
    market = made(plant)
    study, request = study_of(market, plant, costs), request_of(plant, costs, root)
    parallel = dict(searched(request, market, study, Watch(silent)).result)
    name, _ = parallel["id"], parallel.pop("kept")
    alone = run_alone(market, study, windows_of(market), asked_of(request, market.frames)) | {"id": name}
    return json.dumps(parallel, sort_keys=True), json.dumps(alone, sort_keys=True)


@benchmark("search.tune_equals_alone")
def tune_equals_alone() -> list[Result]:
    """Search three null and three planted markets by Ray Tune too: the same bytes."""
    asked_for = [(Plant(seed), FREE) for seed in range(N_BOTH_WAYS)]
    asked_for += [(planted(seed), COSTS) for seed in range(N_BOTH_WAYS)]
    with started(PROCESSES):
        for plant, costs in asked_for:
            with tempfile.TemporaryDirectory() as root:
                parallel, alone = both_ways(plant, costs, root)
            print(f"{plant}: {len(alone)} bytes, {'equal' if parallel == alone else 'NOT equal'}", flush=True)
            if parallel != alone:
                raise AssertionError(f"{plant} gives other bytes by Ray Tune than alone")
    return [Result("search.tune_equals_alone", len(asked_for), "markets, equal bytes", "", None, None, 0.0, 1)]
