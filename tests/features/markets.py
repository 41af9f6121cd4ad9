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
from tests.features.conftest import make_inputs, make_panel
from tests.features.oracles.case import Case

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
REAL = {
    "yf_intraday_mit": ("SPY", "DIA", "TLT", "XLP", "XLV"),
    "lean": ("SPY", "IBM", "BAC", "AIG"),
}


def made_up(bar_minutes: int = 1) -> Case:
    """Return AAA, whose sector it joins late, over 20 sessions (90 of 5-minute bars), with ticks and events."""
    panel = make_panel(20 if bar_minutes == 1 else 90, bar_minutes=bar_minutes)
    rng, inputs, shape = np.random.default_rng(8), make_inputs(panel), (*panel.close.shape, 2)
    events = np.where(rng.random(shape) < 0.3, np.nan, rng.integers(0, 90_000, shape))
    return Case(panel, session_statistics(panel)[2], 0, inputs["ticks"], events, inputs["peers"])


def peers_of(panel: Panel) -> Peers:
    """Return all but SPY and QQQ as members of one sector without an ETF."""
    column = {symbol: i for i, symbol in enumerate(panel.symbols)}
    sector = np.array([-1 if symbol in ("SPY", "QQQ") else 0 for symbol in panel.symbols], dtype=np.int64)
    member = np.repeat(sector[None] == 0, len(panel.grid.sessions), axis=0)
    return Peers(column.get("SPY", -1), column.get("QQQ", -1), sector, np.full(sector.size, -1), member)


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
