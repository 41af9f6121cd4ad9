"""One window of the full protocol: six months of fifty stocks, minute by minute, learned by all members on two cores.

The store with its features is made once, from the synthetic market, and stays in the folder of temporary files.
"""

import datetime as dt
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pyarrow as pa

from benchmarks.registry import Result, benchmark, seconds
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.frames import load_frames
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import UTC, Kind
from daytrader_ray.cluster.features import FeatureRequest, build
from daytrader_ray.cluster.fit_jobs import jobs_of
from daytrader_ray.cluster.fits import run_fits, silent
from daytrader_ray.cluster.regimes import regime_paths, run_regimes
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.search import SearchRequest, market_of
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.sessions import US_PER_MINUTE
from daytrader_ray.domain.trading import MEMBERS, SCORERS
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.listing import SECTORS, VIX, VIX3M
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.source import SessionBars
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.windows import Window, training_window, windows

FOLDER = Path(tempfile.gettempdir(), "daytrader-window-benchmark")
FIRST, LAST = dt.date(2025, 5, 1), dt.date(2025, 12, 17)
N_STOCKS, CPUS = 50, 2
SECTORS_USED = ("Technology", "Biotech", "Energy", "Crypto-related", "Consumer", "Meme")
REFERENCES = ("SPY", "QQQ", "TLT", "GLD", "XLK", "XBI", "XLE", "XLY", VIX, VIX3M)
MOST_SECONDS, MOST_GIB, RUNS = 50.0, 3.0, 3
SAMPLE_SECONDS = 0.2

T = TypeVar("T")


def universe() -> UniverseConfig:
    """Return fifty stocks of six sectors and what they are compared with."""
    stocks = {name: SECTORS[name].stocks for name in SECTORS_USED}
    stocks["Meme"] = stocks["Meme"][: N_STOCKS - sum(map(len, stocks.values())) + len(stocks["Meme"])]
    proxies = {name: SECTORS[name].fund for name in SECTORS_USED if SECTORS[name].fund}
    return UniverseConfig(sectors=stocks, references=REFERENCES, proxies=proxies)


def stored() -> str:
    """Return the root of the store, its bars and features made where they are not there yet; Ray must be running."""
    wanted, root = universe(), str(FOLDER)
    fill(FOLDER, wanted, FIRST, LAST)
    build(FeatureRequest(root=root, symbols=wanted.symbols, universe=wanted))
    return root


def fill(root: Path, wanted: UniverseConfig, first: dt.date, last: dt.date) -> None:
    """Write the bars of the synthetic market that are not there yet."""
    store, grid = ParquetStore(str(root)), session_grid(first, last)
    market = Market(SandboxConfig(first_session=first, n_sessions=len(grid.sessions)), grid)
    for symbol in wanted.symbols:
        for month, start, end in Kind.MINUTE.parts(first, last):
            if not store.is_downloaded(symbol, start, end):
                sessions = [s for s, session in enumerate(grid.sessions) if start <= session.date <= end]
                bars = [market.bars(symbol, s) for s in sessions]
                minutes = np.concatenate([grid.minute_of_row[_rows(grid.first_row, s)] for s in sessions])
                store.write_bars(symbol, month, _table(minutes, bars), (start, end))


def _rows(first_row: np.ndarray, session: int) -> slice:
    return slice(int(first_row[session]), int(first_row[session + 1]))


def _table(minutes: np.ndarray, bars: Sequence[SessionBars]) -> pa.Table:
    traded = np.concatenate([part.traded for part in bars])
    names = ("open", "high", "low", "close", "volume", "vwap")
    values = [pa.array(np.concatenate([getattr(part, name) for part in bars])[traded]) for name in names]
    stamps = pa.array(minutes[traded] * US_PER_MINUTE).cast(UTC)
    return pa.Table.from_arrays([stamps, *values, pa.nulls(int(traded.sum()), pa.int32())], schema=FILE_SCHEMA)


@benchmark("models.window_seconds")
def window_seconds() -> list[Result]:
    """Learn three windows one after the other, as a search does; the first of them finds workers that know nothing.

    Timed: labels, selection, all members with their calibration and their scores on validation, and the regime model;
    beside it, not judged, a window with all that a search stores: the test month, baselines and importances too.
    """
    with started(CPUS):
        root = stored()
        request = SearchRequest(root=root, universe=universe())
        asked = request.model_copy(update={"config": request.config.model_copy(update={"importance_samples": 0})})
        frames = load_frames(root, request.universe.symbols)
        found = windows(frames.panel.grid, request.spec)[:RUNS]
        with peak_of_workers() as peak:
            runs = [learned(asked, frames, training_window(window.train), MEMBERS) for window in found]
            whole = learned(request, frames, found[0], SCORERS)
    print(f"windows: {', '.join(f'{one:.1f} s' for one in runs)}; of a search {whole:.1f} s; {peak[0]:.2f} GiB")
    took = statistics.median(runs)
    if took > MOST_SECONDS or peak[0] > MOST_GIB:
        raise AssertionError(f"{took:.1f} s and {peak[0]:.2f} GiB a worker: over {MOST_SECONDS} s or {MOST_GIB} GiB")
    return [
        Result("models.window_seconds", took, "s", "", None, None, (max(runs) - min(runs)) / took, RUNS),
        Result("models.window_of_a_search_seconds", whole, "s", "", None, None, 0.0, 1),
        Result("models.window_peak_gib", peak[0], "GiB, largest worker", "", None, None, 0.0, RUNS + 1),
    ]


def learned(request: SearchRequest, frames: Frames, window: Window, names: Collection[str]) -> float:
    """Return the seconds that a search needs for one window and the scorers `names`, of which nothing is stored yet.

    Ray must be running.
    """
    with tempfile.TemporaryDirectory() as scratch:
        here = request.model_copy(update={"root": scratch})
        parts: list[tuple[str, float]] = []

        def work() -> None:
            market = _timed(parts, "labels", lambda: market_of(here, frames))
            jobs = _timed(parts, "keys", lambda: jobs_of(market, [window], here.config, here.labels, scratch))
            wanted = [job for job in jobs if job.member in names]
            _timed(parts, "fits", lambda: run_fits(market, wanted, here.config, scratch))
            paths = _timed(parts, "regime keys", lambda: regime_paths(here, frames, [window]))
            _timed(parts, "regime", lambda: run_regimes(here, market, [window], paths, silent))

        before = cpu_seconds()
        took = seconds(work)
        cpu = cpu_seconds() - before
    print(
        f"{took:.1f} s, {cpu:.1f} s of processors: {', '.join(f'{name} {part:.1f}' for name, part in parts)}",
        flush=True,
    )
    return took


def _timed(parts: list[tuple[str, float]], name: str, work: Callable[[], T]) -> T:
    start = time.perf_counter()
    done = work()
    parts.append((name, time.perf_counter() - start))
    return done


@contextmanager
def peak_of_workers() -> Iterator[list[float]]:
    """Watch the block; the one entry yielded grows to the most memory that any worker of Ray held (GiB).

    Pages that processes share, as those of the frames, are counted whole.
    """
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max([peak[0], *(memory for memory, _ in workers())])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def workers() -> list[tuple[float, float]]:
    """Return the memory (GiB) and the processor's time (s) of each worker of the Ray that this process has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name().startswith("ray::"):
                times = process.cpu_times()
                found.append((process.memory_info().rss / 2**30, times.user + times.system))
        except psutil.Error:
            continue
    return found


def cpu_seconds() -> float:
    """Return the processor's time of this process and of the workers there are."""
    return time.process_time() + sum(cpu for _, cpu in workers())
