"""Markets for the oracles: one made up with every oddity, and the real bars of ../shared/data."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel
from daytrader_ray.market_data.statistics import session_statistics
from tests.features.conftest import make_panel
from tests.features.oracles.case import Case

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
REAL = {
    "yf_intraday_mit": ("SPY", "DIA", "TLT", "XLP", "XLV", "QQQ"),
    "lean": ("SPY", "IBM", "BAC", "AIG"),
}


def made_up(bar_minutes: int = 1) -> Case:
    """Return AAA among four symbols over 20 sessions (5-minute bars: 90), with ticks in most minutes and events."""
    panel = make_panel(20 if bar_minutes == 1 else 90, ("AAA", "BBB", "SPY", "XLK", "QQQ"), bar_minutes)
    rng, shape = np.random.default_rng(8), panel.close.shape
    ticks = rng.random((*shape, 6)) * [9, 2, 900, 2, 50, 300] - [0, 1, 450, 1, 0, 0]
    ticks[..., 4] = np.ceil(ticks[..., 4])
    ticks[rng.random(shape) < 0.1, :3] = np.nan
    ticks[rng.random(shape) < 0.1, 3:] = np.nan
    events = np.where(rng.random((*shape, 2)) < 0.3, np.nan, rng.integers(0, 90_000, (*shape, 2)))
    return Case(panel, session_statistics(panel)[2], 0, ticks, events, peers_of(panel))


def peers_of(panel: Panel) -> Peers:
    """Return AAA and BBB as members of one sector with XLK as its ETF where there is one."""
    column = {symbol: i for i, symbol in enumerate(panel.symbols)}
    references = ("SPY", "QQQ", "XLK")
    sector = np.array([-1 if symbol in references else 0 for symbol in panel.symbols], dtype=np.int64)
    proxy = np.where(sector == 0, column.get("XLK", -1), -1).astype(np.int64)
    member = np.repeat(sector[None] == 0, len(panel.grid.sessions), axis=0)
    return Peers(column.get("SPY", -1), column.get("QQQ", -1), sector, proxy, member)


def real(source: str) -> Case:
    """Return the real minute bars of several symbols, seen from the first stock; skips where they are absent."""
    folder = DATA / source / "1min"
    if not folder.is_dir():
        pytest.skip("the real bars of ../shared/data are not there")
    tables = {symbol: pq.read_table(folder / f"{symbol}.parquet") for symbol in REAL[source]}
    days = [stamp.date() for table in tables.values() for stamp in table["timestamp"].to_pylist()]
    grid = session_grid(min(days), max(days))
    columns = {}
    for symbol, table in tables.items():
        minutes = table["timestamp"].cast("int64").to_numpy() // 60_000
        names = ("open", "high", "low", "close", "volume")
        values = [table[name].to_numpy().astype(np.float64) for name in names]
        bars = SymbolBars(minutes, *values, np.full(minutes.size, np.nan))
        columns[symbol] = bars.take(grid.rows_of_minutes(minutes) >= 0)
    panel = build_panel(columns, grid, lambda *_: True)
    return Case(panel, session_statistics(panel)[2], 0 if source == "yf_intraday_mit" else 1, peers=peers_of(panel))
