"""The full protocol as one search on two cores: what it takes, in time and memory, and what its trials take of it.

Bars of the synthetic market are made once and stay in the folder of temporary files; what is computed from them lies
under the sources that compute it. Interrupted, a benchmark goes on where it stopped, adds up its time and keeps the
highest memory. The kernels are compiled before by a small search, as they are once on every machine.
"""

import datetime as dt
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.registry import Result, benchmark, bounded
from benchmarks.search_kill import search_of_three
from benchmarks.window import CPUS, REFERENCES, fill
from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.cli.memory import Peak, peak_memory
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.search import SearchReport, SearchRequest, search
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.domain.trading import MASKS, MEMBERS
from daytrader_ray.sandbox.listing import SECTORS
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.config import SearchConfig

FOLDER = Path(tempfile.gettempdir(), "daytrader-search-benchmark")
PACKAGES = ("adapters", "analytics", "cluster", "domain", "engine", "features", "market_data", "models", "portfolio")
SOURCES = (*PACKAGES, "regime", "universe", "walkforward")
SAMPLE_SECONDS = 0.5
MOST_GIB, MOST_OVER_FITS, MOST_OVERHEAD, MOST_MINUTES = 12.0, 0.2, 0.1, 90.0
FITS, TRYING = ("fits",), ("trials",)


@dataclass(frozen=True)
class Scale:
    """How many stocks of each sector, which days, and what the search is told."""

    name: str
    stocks: Mapping[str, int]
    first: dt.date
    last: dt.date
    config: SearchConfig

    @property
    def universe(self) -> UniverseConfig:
        """Return the stocks and what they are compared with."""
        proxies = {name: SECTORS[name].fund for name in self.stocks if SECTORS[name].fund}
        sectors = {name: SECTORS[name].stocks[:n] for name, n in self.stocks.items()}
        pinned = tuple(stock for stocks in sectors.values() for stock in stocks)
        return UniverseConfig(sectors=sectors, references=REFERENCES, proxies=proxies, pinned=pinned)


FIFTH = Scale(
    "fifth",
    {"Technology": 4, "Biotech": 2, "Energy": 2, "Consumer": 2},
    dt.date(2024, 6, 10),
    dt.date(2025, 12, 19),
    SearchConfig(score_every_minutes=5),
)
"""Ten stocks; six months, one month and 49 weeks of bars."""
FULL = Scale(
    "full",
    {"Technology": 13, "Biotech": 8, "Energy": 10, "Crypto-related": 6, "Consumer": 10, "Meme": 3},
    dt.date(2024, 1, 2),
    dt.date(2025, 12, 31),
    SearchConfig(score_every_minutes=5, step="7s"),
)
"""Fifty stocks and two years, in which windows that are seven sessions apart are about fifty."""


@dataclass
class Took:
    """Wall time and processors' time by stage, in seconds, of this process and all its children; their memory."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    workers: dict[str, float] = field(default_factory=dict)
    gib: float = 0.0

    def of(self, which: Mapping[str, float], stages: tuple[str, ...]) -> float:
        """Return the sum over some stages."""
        return sum(which.get(stage, 0.0) for stage in stages)


class Meter:
    """Adds what each stage takes to what `path` says of runs that were interrupted, and keeps it there."""

    def __init__(self, path: Path, peak: Peak) -> None:
        self.took = Took(**json.loads(path.read_text())) if path.exists() else Took()
        self._path, self._peak, self._stage = path, peak, "start"
        self._seen = dict[int, tuple[float, bool]]()
        self._last = self._now()

    def tell(self, stage: str, _done: int, _of: int) -> None:
        """Note that a stage has begun."""
        self._stage = stage

    def sample(self) -> None:
        """Count what was used since the last sample for the stage that runs."""
        now = self._now()
        for total, mine, before in zip(
            (self.took.wall, self.took.cpu, self.took.workers), now, self._last, strict=True
        ):
            total[self._stage] = total.get(self._stage, 0.0) + mine - before
        self._last = now
        self.took.gib = max(self.took.gib, self._peak.gib)
        atomic_write_json(self._path, vars(self.took))

    def _now(self) -> tuple[float, float, float]:
        for process in psutil.Process().children(recursive=True):
            try:
                times = process.cpu_times()
                self._seen[process.pid] = times.user + times.system, process.name().startswith("ray::")
            except psutil.Error:
                continue
        workers = sum(cpu for cpu, works in self._seen.values() if works)
        return time.perf_counter(), time.process_time() + sum(cpu for cpu, _ in self._seen.values()), workers

    @contextmanager
    def running(self) -> Iterator[None]:
        """Take a sample every half second inside the block."""
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(SAMPLE_SECONDS):
                self.sample()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.sample()


@dataclass(frozen=True)
class Run:
    """What one search found, took and held."""

    report: SearchReport
    took: Took

    @property
    def minutes(self) -> float:
        """Wall time of all stages."""
        return sum(self.took.wall.values()) / 60.0

    @property
    def over_fits(self) -> float:
        """Processors' time of the trials over that of the fits alone, without selections and regimes."""
        return self.took.of(self.took.cpu, TRYING) / self.took.of(self.took.cpu, FITS)

    @property
    def overhead(self) -> float:
        """Share of the search's wall time in which trials ran and workers did not compute: Tune, and idle cores."""
        idle = self.took.of(self.took.wall, TRYING) - self.took.of(self.took.workers, TRYING) / CPUS
        return idle / 60.0 / self.minutes


def measured(scale: Scale, folder: Path = FOLDER) -> Run:
    """Search at one scale, from bars that are stored to the verdict."""
    bars, own = folder / scale.name / "bars", digest_of_sources(SOURCES)[:12]
    root = folder / scale.name / own
    fill(bars, scale.universe, scale.first, scale.last)
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "historical").exists():
        (root / "historical").symlink_to(bars / "historical")
    request = SearchRequest(root=str(root), universe=scale.universe, config=scale.config)
    search_of_three()
    with started(CPUS), peak_memory() as peak:
        meter = Meter(root / "took.json", peak)
        with meter.running():
            report = search(request, meter.tell)
    run = Run(report, meter.took)
    print(f"{scale.name}: {report.result['windows_used']} windows, {report.fits} fits, {report.fits_run} run now")
    for stage, wall in meter.took.wall.items():
        print(f"  {stage:<11}{wall:8.1f} s, {meter.took.cpu[stage]:8.1f} s of processors")
    print(f"  {run.minutes:.1f} minutes, {run.took.gib:.2f} GiB, trials over fits {run.over_fits:.3f}, ", end="")
    print(f"overhead {run.overhead:.3f}; {report.result['verdict']['sentence']}", flush=True)
    return run


@benchmark("search.full_protocol_minutes")
def fifth() -> list[Result]:
    """Search ten stocks and fifty windows: the trials, Tune's overhead and memory stay under their bounds."""
    run = measured(FIFTH)
    found = run.report.result
    whole = found["windows_used"] >= 50 and run.report.fits.members == len(MEMBERS) * found["windows_used"]
    within = run.took.gib < MOST_GIB and run.over_fits <= MOST_OVER_FITS and run.overhead < MOST_OVERHEAD
    if not whole:
        raise AssertionError(f"{found['windows_used']} windows and {run.report.fits} are not the protocol")
    missed = f"{run.took.gib:.1f} GiB, {run.over_fits:.2f} of the fits, overhead {run.overhead:.3f}"
    lines = [
        _line("search.full_protocol_minutes", run.minutes, "min"),
        _line("search.trials_over_fits", run.over_fits, f"{len(MASKS)} trials / fits"),
        _line("search.tune_overhead", run.overhead, "of the wall time"),
        _line("search.full_protocol_gib", run.took.gib, "GiB, the node"),
    ]
    return bounded(lines, [] if within else [missed])


@benchmark("search.full_protocol_full")
def full() -> list[Result]:
    """Search fifty stocks and two years with scores every five minutes, in at most ninety minutes."""
    run = measured(FULL)
    over = run.minutes > MOST_MINUTES or run.took.gib > MOST_GIB
    lines = [
        _line("search.full_protocol_full", run.minutes, "min"),
        _line("search.full_trials_over_fits", run.over_fits, f"{len(MASKS)} trials / fits"),
        _line("search.full_protocol_full_gib", run.took.gib, "GiB, the node"),
    ]
    return bounded(lines, [f"{run.minutes:.0f} minutes, {run.took.gib:.1f} GiB"] if over else [])


def _line(name: str, value: float, unit: str) -> Result:
    return Result(name, value, unit, "", None, None, 0.0, 1)
