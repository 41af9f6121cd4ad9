"""Reading the store: one month of 60 symbols as a panel."""

import datetime as dt
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.registry import Result, benchmark, compared
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import DAILY, DIVIDENDS, SPLITS, Kind
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import US_PER_MINUTE

FIRST, LAST = dt.date(2025, 3, 1), dt.date(2025, 3, 31)
SYMBOLS = tuple(f"S{number:02d}" for number in range(60))
PRESENT = 0.97
RUNS = 15
LEAST = 5.0
"""M rows/s that one core reads at least."""


def _bars(rng: np.random.Generator) -> pa.Table:
    minutes = session_grid(FIRST, LAST).minute_of_row
    minutes = minutes[rng.random(len(minutes)) < PRESENT]
    n = len(minutes)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 2e-4, n))), 2)
    open_ = np.concatenate([close[:1], close[:-1]])
    columns = {
        "timestamp": pa.array(minutes * US_PER_MINUTE).cast(FILE_SCHEMA.field("timestamp").type),
        "open": open_,
        "high": np.maximum(open_, close) + 0.02,
        "low": np.minimum(open_, close) - 0.02,
        "close": close,
        "volume": rng.integers(1, 50_000, n).astype(np.float64),
        "vwap": np.round((open_ + close) / 2, 4),
        "trades": pa.array(rng.integers(1, 500, n)).cast(pa.int32()),
    }
    return pa.table(columns, schema=FILE_SCHEMA)


def _fill(root: str) -> int:
    """Write the month, a year of daily bars and the actions of a usual market; return the number of bars.

    Every second symbol pays four dividends, every tenth is split inside the month.
    """
    store, n_bars = ParquetStore(root), 0
    days = [session.date for session in session_grid(dt.date(2024, 4, 1), LAST).sessions]
    dividends = [{"ex_date": days[k], "cash_amount": 0.25, "currency": "USD"} for k in (20, 80, 140, 240)]
    split = {"execution_date": dt.date(2025, 3, 12), "split_from": 1.0, "split_to": 2.0}
    for number, symbol in enumerate(SYMBOLS):
        bars = _bars(np.random.default_rng(number))
        n_bars += bars.num_rows
        store.write_bars(symbol, "2025-03", bars, (FIRST, LAST))
        for year in ("2024", "2025"):
            rows = [{"date": day, "close": 100.0} for day in days if f"{day.year}" == year]
            store.write_table(Kind.DAILY, symbol, year, pa.Table.from_pylist(rows, DAILY))
        paid, divided = dividends[: 4 * (number % 2)], [split][: number % 10 == 0]
        store.write_table(Kind.DIVIDENDS, symbol, "dividends", pa.Table.from_pylist(paid, DIVIDENDS))
        store.write_table(Kind.SPLITS, symbol, "splits", pa.Table.from_pylist(divided, SPLITS))
    return n_bars


def _plain(root: str) -> int:
    """Read the same files with Arrow alone, to columns in memory."""
    paths = [Path(root, f"historical/minute_bars/symbol={symbol}/2025-03.parquet") for symbol in SYMBOLS]
    return sum(pq.ParquetFile(path).read(use_threads=False).num_rows for path in paths)


def _cpu_seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


@benchmark("store.read_rows_per_s")
def read_rows_per_s() -> list[Result]:
    """Time both sides in turns by the processor's time: what one core does, whoever shares the machine."""
    with tempfile.TemporaryDirectory() as root:
        n_bars = _fill(root)

        def ours() -> Panel:
            return ParquetStore(root).panel(SYMBOLS, FIRST, LAST)

        if int(ours().traded.sum()) != n_bars or _plain(root) != n_bars:
            raise AssertionError("the panel does not hold the bars that were written")
        start = time.perf_counter()
        pairs = [(_cpu_seconds(ours), _cpu_seconds(lambda: _plain(root))) for _ in range(RUNS)]
        print(f"{n_bars} bars, {RUNS} runs in {time.perf_counter() - start:.1f} s of wall time")
    rates = [[n_bars / seconds / 1e6 for seconds in side] for side in zip(*pairs, strict=True)]
    peer = f"pyarrow {pa.__version__}: the files read, no panel"
    result = compared("store.read_rows_per_s", "M rows/s per core", peer, *rates)
    if result.value < LEAST:
        raise AssertionError(f"{result.value:.1f} M rows/s per core: below {LEAST}")
    return [result]
