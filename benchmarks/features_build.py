"""Building features: what computing adds to reading and writing, what a second core gives, the memory it takes.

The stores are made once and stay in the folder of temporary files, by the day they begin: 60 symbols over two years
are 12 million minutes, and their features 9 GB.
"""

import datetime as dt
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil
import pyarrow as pa

from benchmarks.registry import Result, benchmark, compared, seconds
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_parts import Computed, Layer, Part
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import UTC, Kind
from daytrader_ray.cluster import features
from daytrader_ray.cluster.features import FeatureRequest, FeaturesReport, build
from daytrader_ray.cluster.runtime import started
from daytrader_ray.domain.sessions import US_PER_MINUTE
from daytrader_ray.universe.config import UniverseConfig

FOLDER = Path(tempfile.gettempdir(), "daytrader-features-benchmark")
FIRST, LAST = dt.date(2023, 12, 1), dt.date(2025, 11, 28)
STOCKS = tuple(f"S{number:02d}" for number in range(59))
SYMBOLS = (*STOCKS, "SPY")
UNIVERSE = UniverseConfig(sectors={f"sector {k}": STOCKS[k::6] for k in range(6)}, references=("SPY",))
LEAST_SHARE, LEAST_SPEEDUP, MOST_GIB = 0.6, 1.7, 6.0
SHARE_SYMBOLS, SHARE_RUNS, RUNS = 8, 15, 2
SAMPLE_SECONDS = 0.5


def _month(symbol: str, first: dt.date, last: dt.date) -> pa.Table:
    grid = session_grid(first, last)
    rng = np.random.default_rng([*symbol.encode(), first.toordinal()])
    minutes = grid.minute_of_row[rng.random(grid.n_rows) < 0.97]
    n = len(minutes)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 2e-4, n))), 2)
    open_ = np.concatenate([close[:1], close[:-1]])
    columns = [
        pa.array(minutes * US_PER_MINUTE).cast(UTC),
        *(pa.array(values) for values in (open_, np.maximum(open_, close) + 0.02, np.minimum(open_, close) - 0.02)),
        pa.array(close),
        pa.array(rng.integers(1, 50_000, n).astype(np.float64)),
        pa.array((open_ + close) / 2),
        pa.nulls(n, pa.int32()),
    ]
    return pa.Table.from_arrays(columns, schema=FILE_SCHEMA)


def _store(first: dt.date = FIRST) -> ParquetStore:
    """Return the store from `first` on, made where it is not there yet."""
    store = ParquetStore(str(FOLDER / str(first)))
    for symbol in SYMBOLS:
        for month, a, b in Kind.MINUTE.parts(first, LAST):
            if not store.is_downloaded(symbol, a, b):
                store.write_bars(symbol, month, _month(symbol, a, b), (a, b))
    return store


def _request(store: ParquetStore, n_symbols: int = len(SYMBOLS)) -> FeatureRequest:
    return FeatureRequest(root=store.root, symbols=SYMBOLS[-n_symbols:], universe=UNIVERSE)


def _empty(store: ParquetStore) -> None:
    shutil.rmtree(Path(store.root, "processed"), ignore_errors=True)


def _anew(request: FeatureRequest) -> tuple[FeaturesReport, float]:
    """Build in an emptied folder; return the report and the seconds of the build."""
    _empty(ParquetStore(request.root))
    start = time.perf_counter()
    return build(request), time.perf_counter() - start


@contextmanager
def _in_one_process() -> Iterator[None]:
    """Run the items of a build one after another, without Ray."""
    with (
        patch.object(features, "mapped", lambda items, function: map(function, items)),
        patch.object(features, "started", lambda **_: nullcontext(1)),
    ):
        yield


@benchmark("features.io_share")
def io_share() -> list[Result]:
    """Time a build in one process, and the reading and writing of the same files alone, in turns.

    Reading and writing alone: each symbol's panel is read as the build reads it, and `Layer.save` encodes and writes
    the arrays and tables that a build handed to it, kept in memory. Both sides begin with an empty folder and leave the
    same bytes, each file flushed to the disk and renamed.
    """
    store = _store(dt.date(2025, 6, 1))
    request = _request(store, SHARE_SYMBOLS)
    written: list[tuple[Layer, list[Computed]]] = []
    save = Layer.save

    def recorded(layer: Layer, kept: dict[str, Part], new: Iterator[Computed]) -> dict[str, Part]:
        found = list(new)
        written.append((layer, [one._replace(arrays={k: np.array(v) for k, v in one.arrays.items()}) for one in found]))
        return save(layer, kept, found)

    def pure() -> None:
        for symbol in request.symbols:
            store.panel([symbol])
        for layer, found in written:
            save(layer, {}, found)

    def pure_seconds() -> float:
        _empty(store)
        return seconds(pure)

    def files() -> dict[Path, bytes]:
        found = Path(store.root, "processed").glob("features/*/symbol=*/*")
        return {path: path.read_bytes() for path in found}

    with _in_one_process():
        with patch.object(Layer, "save", recorded):
            report, _ = _anew(request)
        built = files()
        pure_seconds()
        if files() != built:
            raise AssertionError("reading and writing alone leaves other files than a build")
        pairs = [(_anew(request)[1], pure_seconds()) for _ in range(SHARE_RUNS)]
    rates = [[report.rows / one / 1e6 for one in side] for side in zip(*pairs, strict=True)]
    result = compared("features.io_share", "M rows/s", "reading and writing alone", *rates)
    if result.value / (result.peer_value or 1.0) < LEAST_SHARE:
        raise AssertionError(f"{result.value / (result.peer_value or 1.0):.0%} of reading and writing: below 60 %")
    return [result]


@benchmark("features.two_core_speedup")
def two_core_speedup() -> list[Result]:
    """Time the build of 60 symbols over two years on one core and on two, in turns; one worker to a core.

    On one core means that every process and thread of the build is held to it. One worker that may use both cores
    is timed beside them: its disk and Ray's own processes then have the second one. A small build before each starts
    the processes: what that takes does not depend on how much there is to build.
    """
    store = _store()

    def build_on(cores: int, workers: int) -> float:
        with _held_to(cores), started(workers):
            _, start = _anew(_request(store, 2 * workers + 1))
            _, took = _anew(_request(store))
        print(f"{cores} cores, {workers} workers: {took:.1f} s, after {start:.1f} s for their start")
        return took

    rounds = [(build_on(2, 2), build_on(1, 1), build_on(2, 1)) for _ in range(RUNS)]
    both, one, alone = map(list, zip(*rounds, strict=True))
    result = compared("features.two_core_speedup", "s", "one core", both, one)
    if (result.peer_value or 0.0) / result.value < LEAST_SPEEDUP:
        raise AssertionError(f"two cores are {(result.peer_value or 0.0) / result.value:.2f} x one: below 1.7 x")
    return [result, compared("features.two_worker_speedup", "s", "one worker, free to use both cores", both, alone)]


@contextmanager
def _held_to(cores: int) -> Iterator[None]:
    """Hold this process's threads, and the processes that they start, to the first of its cores."""
    whole = os.sched_getaffinity(0)

    def hold(to: set[int]) -> None:
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), to)

    hold(set(sorted(whole)[:cores]))
    try:
        yield
    finally:
        hold(whole)


@benchmark("features.build_peak_gib")
def build_peak_gib() -> list[Result]:
    """Build 60 symbols over two years with two workers; take the most memory that all processes hold together."""
    request = _request(_store())
    with started(2):
        peak, took = _peak(lambda: print(_anew(request)))
    rows = sum(ParquetStore(request.root).panel([symbol]).grid.n_rows for symbol in SYMBOLS)
    print(f"{rows} minutes in {took:.1f} s: {rows / took:,.0f} rows/s")
    if peak > MOST_GIB:
        raise AssertionError(f"{peak:.1f} GiB at the peak: over {MOST_GIB}")
    return [Result("features.build_peak_gib", peak, "GiB, all processes", "", None, None, 0.0, 1)]


def _peak(work: Callable[[], None]) -> tuple[float, float]:
    """Run `work`; return the largest sum of what this process and all below it hold (GiB), and the seconds it took."""
    samples, done = [0.0], threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append(_held())

    watch = threading.Thread(target=sample)
    watch.start()
    took = seconds(work)
    done.set()
    watch.join()
    return max(samples), took


def _held() -> float:
    """Return the memory of this process and all below it in GiB, what they share counted once."""
    total = 0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return float(total) / 2**30
