"""Two implementations of docs/fills.md, one binary and one decimal, say the same to the share and the last digit."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.trading import OrderKind, Reason, client_order_id, is_urgent
from daytrader_ray.engine.book import new_book
from daytrader_ray.engine.fills import (
    Bar,
    Liquidity,
    costs_of,
    fill_fee,
    limit_at_open,
    limit_inside,
    market_fill,
    stop_fill,
)
from daytrader_ray.market_data import adjust
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.matching import Matcher

SYMBOLS = ("GILD", "TSLA", "XLK")
GRID = session_grid(dt.date(2025, 11, 3), dt.date(2025, 12, 8))
"""Day 18 is a half-day; TSLA splits on day 20, all three pay a dividend before."""
MARKET = Market(SandboxConfig(seed=11), GRID)
COSTS = CostConfig()
KINDS = [
    (OrderKind.ENTRY, Reason.SIGNAL),
    (OrderKind.EXIT, Reason.SIGNAL_EXIT),
    (OrderKind.EXIT, Reason.FLATTEN),
    (OrderKind.EXIT, Reason.HALTED),
    (OrderKind.EXIT, Reason.UNPROTECTED),
    (OrderKind.EXIT, Reason.CARRIED),
    (OrderKind.HEDGE, Reason.HEDGE),
]


def bars_of(symbol: str) -> SymbolBars:
    parts = [MARKET.bars(symbol, session) for session in range(len(GRID.sessions))]
    traded = np.concatenate([part.traded for part in parts])
    names = ("open", "high", "low", "close", "volume", "vwap")
    columns = [np.concatenate([getattr(part, name) for part in parts])[traded] for name in names]
    return SymbolBars(GRID.minute_of_row[traded], *columns)


def factors_of(symbol: str) -> tuple[np.ndarray, np.ndarray]:
    dates = [day.date for day in GRID.sessions]
    days = [MARKET.bars(symbol, session) for session in range(len(dates))]
    closes = {date: float(bars.close[bars.traded][-1]) for date, bars in zip(dates, days, strict=True)}
    splits = [adjust.Split(split.date, split.new / split.old) for split in MARKET.splits(symbol)]
    dividends = [adjust.Dividend(dividend.ex_date, dividend.amount) for dividend in MARKET.dividends(symbol)]
    return adjust.factors(dates, splits, dividends, closes)


def test_the_sessions_have_a_split_a_half_day_and_dividends() -> None:
    dates = [day.date for day in GRID.sessions]
    assert [dates.index(split.date) for split in MARKET.splits("TSLA")] == [20]
    assert GRID.sessions[18].n_minutes == 210
    assert all(dates.index(MARKET.dividends(symbol)[0].ex_date) < 20 for symbol in SYMBOLS)


@pytest.fixture(scope="module")
def history():
    panel = build_panel({symbol: bars_of(symbol) for symbol in SYMBOLS}, GRID, lambda symbol, date: False)
    pairs = [factors_of(symbol) for symbol in SYMBOLS]
    price, share = (np.stack([pair[k] for pair in pairs], axis=1) for k in (0, 1))
    panel = replace(panel, price_factor=price, share_factor=share)
    adv, sigma_day, _ = session_statistics(panel)
    return panel, adv, sigma_day


def binary(history, session: int, slot: int):
    panel, adv, sigma_day = history
    first = int(GRID.first_row[session])
    row = first + slot
    earlier = panel.close[first:row]
    known = [column[np.isfinite(column)] for column in earlier.T]
    last_close = np.array([column[-1] if column.size else np.nan for column in known])
    volumes = panel.volume[first:row] > 0
    quiet = np.array([slot - 1 - max(np.flatnonzero(column), default=-1) for column in volumes.T])
    bar = Bar(panel.open[row], panel.high[row], panel.low[row], panel.volume[row], last_close, quiet)
    day = GRID.sessions[session]
    return (
        bar,
        Liquidity(adv[session], sigma_day[session], np.full(len(SYMBOLS), np.nan)),
        costs_of(COSTS, day.date, day.n_minutes, 1),
    )


sessions = st.integers(0, len(GRID.sessions) - 1)
places = st.one_of(st.integers(0, 209), st.sampled_from([0, 1, 4, 5, 14, 15, 29, 30, 208, 209]), st.just(-1))


@settings(max_examples=400, deadline=None)
@given(
    sessions, places, st.sampled_from(SYMBOLS), st.sampled_from([-1, 1]), st.integers(1, 20_000), st.sampled_from(KINDS)
)
def test_market_orders_fill_alike(history, session, slot, symbol, side, qty, kind_and_reason) -> None:
    kind, reason = kind_and_reason
    n_slots = GRID.sessions[session].n_minutes
    slot = n_slots - 1 if slot < 0 else slot
    bar, liquidity, costs = binary(history, session, slot)
    i = SYMBOLS.index(symbol)
    if np.isnan(bar.last_close[i]) and bar.volume[i] == 0:
        return
    filled, price = market_fill(i, int(kind), side, qty, int(reason), slot, n_slots, bar, liquidity, costs)
    order_id = client_order_id("x", GRID.sessions[session].date, slot, symbol, kind, is_urgent(reason))
    theirs = Matcher(MARKET, COSTS, session).fill_at_open(order_id, symbol, side, qty, slot)
    if theirs is None:
        assert filled == 0
    else:
        assert (filled, price) == (theirs.qty, float(theirs.price))
        assert round(fill_fee(side, filled, price, costs), 2) == float(theirs.fee)


@settings(max_examples=400, deadline=None)
@given(sessions, places, st.sampled_from(SYMBOLS), st.sampled_from([-1, 1]), st.integers(1, 5000), st.integers(-60, 60))
def test_stops_fill_alike(history, session, slot, symbol, side, qty, cents) -> None:
    n_slots = GRID.sessions[session].n_minutes
    slot = n_slots - 1 if slot < 0 else slot
    bar, liquidity, costs = binary(history, session, slot)
    i = SYMBOLS.index(symbol)
    if bar.volume[i] == 0:
        return
    edge = bar.low[i] if side < 0 else bar.high[i]
    stop = Decimal(repr(round(float(edge) + cents / 100, 2)))
    book = new_book(len(SYMBOLS), 0.0)
    book.qty[i], book.stop_price[i] = -side * qty, float(stop)
    price = stop_fill(book, i, slot, n_slots, bar, liquidity, costs)
    theirs = Matcher(MARKET, COSTS, session).fill_stop(symbol, side, qty, stop, slot)
    assert price == (float(theirs.price) if theirs else 0.0)


@settings(max_examples=300, deadline=None)
@given(sessions, places, st.sampled_from(SYMBOLS), st.sampled_from([-1, 1]), st.integers(1, 20_000), st.integers(-9, 9))
def test_limits_fill_alike_at_the_open_and_inside(history, session, slot, symbol, side, qty, cents) -> None:
    n_slots = GRID.sessions[session].n_minutes
    slot = n_slots - 1 if slot < 0 else slot
    bar, liquidity, costs = binary(history, session, slot)
    i, matcher = SYMBOLS.index(symbol), Matcher(MARKET, COSTS, session)
    near = bar.open[i] if cents % 2 else bar.low[i] if side > 0 else bar.high[i]
    limit = Decimal(repr(round(float(100.0 if np.isnan(near) else near) + cents / 100, 2)))
    filled, price = limit_at_open(i, side, qty, float(limit), slot, bar, liquidity, costs)
    theirs = matcher.fill_limit_at_open(symbol, side, qty, limit, slot)
    assert (filled, price) == ((theirs.qty, float(theirs.price)) if theirs else (0, 0.0))
    inside = matcher.fill_limit_inside(symbol, side, qty, limit, slot)
    assert limit_inside(i, side, qty, float(limit), bar, costs) == (inside.qty if inside else 0)
    for found in (theirs, inside):
        if found is not None:
            assert round(fill_fee(side, found.qty, float(found.price), costs), 2) == float(found.fee)
