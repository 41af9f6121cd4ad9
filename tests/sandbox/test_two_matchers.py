"""The exchange's decimal fills and the backtest's binary ones agree to the share and the cent."""

from decimal import Decimal

import numpy as np
import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.book import new_book
from daytrader_ray.engine.fills import (
    Bar,
    Costs,
    Liquidity,
    costs_of,
    fill_fee,
    limit_at_open,
    limit_inside,
    market_fill,
    stop_fill,
)
from daytrader_ray.sandbox.actions import share_ratio
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.matching import Execution, Matcher
from daytrader_ray.sandbox.source import SessionBars

SYMBOLS = ("AAPL", "TSLA", "XLK", "NFLX")
SESSION, HALF_DAY = 23, 5
"""TSLA splits in session 20; AAPL, XLK and TSLA pay before session 23."""
ORDERS = {
    "entry": (OrderKind.ENTRY, Reason.SIGNAL),
    "exit": (OrderKind.EXIT, Reason.TIME_EXIT),
    "flat": (OrderKind.EXIT, Reason.FLATTEN),
    "hedge": (OrderKind.HEDGE, Reason.HEDGE),
}


@pytest.fixture(scope="module")
def market(more_days: SessionGrid) -> Market:
    return Market(SandboxConfig(), more_days)


def history(market: Market, session: int) -> Liquidity:
    """Mean volume and deviation of daily returns over the 20 earlier sessions (or fewer), in plain floats."""
    if session < 3:
        return Liquidity(*np.full((3, len(SYMBOLS)), np.nan))
    adv, sigma = [], []
    for symbol in SYMBOLS:
        known = range(max(0, session - 21), session)
        bars = [market.bars(symbol, s) for s in known]
        closes = [b.close[b.traded][-1] for b in bars]
        dates = [day.date for day in market.grid.sessions[known.start : session + 1]]
        until = np.array([share_ratio(market.splits(symbol), date) for date in dates])
        shares = until[-1] / until[:-1]
        returns = np.diff(np.log(closes)) - np.diff(np.log(shares))
        for dividend in market.dividends(symbol):
            if dates[1] <= dividend.ex_date < dates[-1]:
                at = dates.index(dividend.ex_date) - 1
                returns[at] -= np.log1p(-dividend.amount / closes[at])
        adv.append(np.mean(([b.volume.sum() for b in bars] * shares)[-20:]))
        sigma.append(np.std(returns, ddof=1))
    return Liquidity(np.array(adv), np.array(sigma), np.full(len(SYMBOLS), np.nan))


def bar_of(bars: list[SessionBars], slot: int) -> Bar:
    def column(name: str) -> np.ndarray:
        return np.array([getattr(b, name)[slot] for b in bars])

    before = [b.close[:slot][b.traded[:slot]] for b in bars]
    last = np.array([closes[-1] if closes.size else np.nan for closes in before])
    quiet = np.array([slot - 1 - max(np.flatnonzero(b.volume[:slot]), default=-1) for b in bars])
    return Bar(column("open"), column("high"), column("low"), column("volume"), last, quiet)


def agree(found: Execution | None, qty: int, price: float, side: int, costs: Costs) -> None:
    assert (found.qty if found else 0) == qty
    if found:
        assert float(found.price) == price
        assert float(found.fee) == pytest.approx(fill_fee(side, qty, price, costs), abs=1e-12)


@pytest.mark.parametrize("session", [2, HALF_DAY, SESSION])
def test_random_orders_get_the_same_quantity_price_and_fee(market: Market, session: int) -> None:
    rng = np.random.default_rng(session)
    config = CostConfig()
    day = market.grid.sessions[session]
    n_slots = day.n_minutes
    matcher, known = Matcher(market, config, session), history(market, session)
    costs = costs_of(config, day.date, n_slots, 1)
    bars = [market.bars(symbol, session) for symbol in SYMBOLS]
    quiet = [slot for b in bars for slot in np.flatnonzero(~b.traded) if slot > 0]
    slots = [*quiet, *rng.integers(1, n_slots, 100), *([n_slots - 1] * 20), *range(1, 35)]
    for slot in map(int, slots):
        bar = bar_of(bars, slot)
        for i, symbol in enumerate(SYMBOLS):
            side, qty = int(rng.choice([-1, 1])), int(np.exp(rng.uniform(0, 10)))
            word = str(rng.choice(list(ORDERS)))
            kind, reason = ORDERS[word]
            filled, price = market_fill(i, int(kind), side, qty, int(reason), slot, n_slots, bar, known, costs)
            agree(matcher.fill_at_open(f"x-{word}", symbol, side, qty, slot), filled, price, side, costs)
            check_stop(matcher, rng, (i, symbol, side, qty, slot), bar, known, costs)
            check_limit(matcher, rng, (i, symbol, side, qty, slot), bar, known, costs)


def check_limit(
    matcher: Matcher,
    rng: np.random.Generator,
    order: tuple[int, str, int, int, int],
    bar: Bar,
    known: Liquidity,
    costs: Costs,
) -> None:
    i, symbol, side, qty, slot = order
    around = bar.open[i] if bar.volume[i] else bar.last_close[i]
    if np.isnan(around):
        return
    limit = round(float(around) + 0.01 * float(rng.integers(-6, 7)), 2)
    price = Decimal(str(limit))
    filled, paid = limit_at_open(i, side, qty, limit, slot, bar, known, costs)
    agree(matcher.fill_limit_at_open(symbol, side, qty, price, slot), filled, paid, side, costs)
    inside = limit_inside(i, side, qty, limit, bar, costs)
    agree(matcher.fill_limit_inside(symbol, side, qty, price, slot), inside, limit, side, costs)


def check_stop(
    matcher: Matcher,
    rng: np.random.Generator,
    order: tuple[int, str, int, int, int],
    bar: Bar,
    known: Liquidity,
    costs: Costs,
) -> None:
    i, symbol, side, qty, slot = order
    around = bar.open[i] if bar.volume[i] else bar.last_close[i]
    if np.isnan(around):
        return
    stop = round(float(around) * (1 + 1e-3 * float(rng.standard_normal())), 2)
    book = new_book(len(SYMBOLS), 1e5)
    book.qty[i], book.stop_price[i] = -side * qty, stop
    price = stop_fill(book, i, slot, matcher.n_slots, bar, known, costs)
    agree(matcher.fill_stop(symbol, side, qty, Decimal(str(stop)), slot), qty * (price > 0), price, side, costs)
