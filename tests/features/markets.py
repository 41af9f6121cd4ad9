"""Markets for the oracles: one made up with every oddity, one that hardly moves, the real bars of ../shared/data."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_inputs import QUOTE_COLUMNS, TRADE_COLUMNS
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.features.bar import TICKS
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.conditions import ALL
from daytrader_ray.market_data.panel import build_panel
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.market_data.ticks import QuoteAggregator, TradeAggregator
from tests.features.conftest import make_inputs, make_panel
from tests.features.oracles.case import Case, Float64

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def made_up(bar_minutes: int = 1) -> Case:
    """Return a market, one of whose members comes late, over 20 sessions (90 of 5-minute bars), ticks and events."""
    panel = make_panel(20 if bar_minutes == 1 else 90, bar_minutes=bar_minutes)
    rng, inputs, shape = np.random.default_rng(8), make_inputs(panel), (*panel.close.shape, 2)
    events = np.where(rng.random(shape) < 0.3, np.nan, rng.integers(0, 90_000, shape))
    return Case(panel, session_statistics(panel)[2], 0, inputs["ticks"], events, inputs["peers"])


def cents() -> Case:
    """Return prices of 5000 USD that move by one cent now and then, and at last not at all."""
    panel = make_panel(3)
    rng, shape = np.random.default_rng(3), panel.close.shape
    often = np.where(np.arange(shape[0]) < 350, 0.5, 0.06)[:, None]
    close = np.where(np.cumsum(rng.random(shape) < often, axis=0) % 2, 5000.01, 5000.0)
    close[-100:] = close[-100]
    prices = [np.where(np.isnan(panel.close), np.nan, close)] * 4
    panel = Panel(panel.grid, panel.symbols, *prices, panel.volume, panel.vwap * np.nan, panel.traded)
    return Case(panel, session_statistics(panel)[2], peers=peers_of(panel))


def peers_of(panel: Panel) -> Peers:
    """Return all but SPY and QQQ as members of one sector without an ETF."""
    column = {symbol: i for i, symbol in enumerate(panel.symbols)}
    sector = np.array([-1 if symbol in ("SPY", "QQQ") else 0 for symbol in panel.symbols], dtype=np.int64)
    member = np.repeat(sector[None] == 0, len(panel.grid.sessions), axis=0)
    return Peers(column.get("SPY", -1), column.get("QQQ", -1), sector, np.full(sector.size, -1), member)


def real(source: str, symbols: tuple[str, ...]) -> Case:
    """Return real minute bars on the days that two symbols or more have, with quotes and trades where there are any."""
    folder = DATA / source / "1min"
    if not folder.is_dir():
        pytest.skip("the real bars of ../shared/data are not there")
    tables = {symbol: pq.read_table(folder / f"{symbol}.parquet") for symbol in symbols}
    n_symbols = Counter(day for table in tables.values() for day in set(table["timestamp"].cast("date32").to_pylist()))
    days = [day for day, n in n_symbols.items() if n >= min(2, len(symbols))]
    grid = session_grid(min(days), max(days))
    columns = {}
    for symbol, table in tables.items():
        minutes = table["timestamp"].cast("int64").to_numpy() // 60_000
        names = ("open", "high", "low", "close", "volume")
        values = [table[name].to_numpy().astype(np.float64) for name in names]
        bars = SymbolBars(minutes, *values, np.full(minutes.size, np.nan))
        columns[symbol] = bars.take(grid.rows_of_minutes(minutes) >= 0)
    panel = build_panel(columns, grid, lambda *_: True)
    return Case(panel, session_statistics(panel)[2], 0, real_ticks(source, panel), peers=peers_of(panel))


def real_ticks(source: str, panel: Panel) -> Float64:
    """Return what quotes at the minutes' ends and trades tell, `[row, symbol, 6]`; NaN where there are none."""
    found = np.full((*panel.close.shape, len(TICKS)), np.nan)
    of_quotes, of_trades = ("bid_close", "ask_close", "bid_size", "ask_size"), ("price", "size")
    sides = (
        ("quotes_1min", QuoteAggregator, of_quotes, QUOTE_COLUMNS),
        ("tick_trade", TradeAggregator, of_trades, TRADE_COLUMNS),
    )
    for column, symbol in enumerate(panel.symbols):
        for at, (folder, aggregator, names, wanted) in zip((0, 3), sides, strict=True):
            path = DATA / source / folder / f"{symbol}.parquet"
            if not path.is_file():
                continue
            table, one = pq.read_table(path, columns=["timestamp", *names]), aggregator()
            stamps = table["timestamp"].cast(pa.timestamp("ns")).cast("int64").to_numpy()
            values = [table[name].to_numpy().astype(np.float64) for name in names]
            one.add(stamps, *values, *([np.full(len(stamps), ALL, np.uint8)] if folder == "tick_trade" else []))
            minutes = one.take(1 << 40)
            rows = panel.grid.rows_of_minutes(minutes["timestamp"] // 60_000_000)
            for k, name in enumerate(wanted):
                found[rows[rows >= 0], column, at + k] = minutes[name][rows >= 0]
    return found
