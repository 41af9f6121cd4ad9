"""Quotes and trades of a minute are consistent with its bar."""

import time

import numpy as np
import pytest

from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.crises import Crisis
from daytrader_ray.sandbox.market import Market

from .conftest import weekdays

SYMBOLS = ("SPY", "AAPL", "TSLA", "MARA", "KOSS")


@pytest.fixture(scope="module")
def market(days: SessionGrid) -> Market:
    return Market(SandboxConfig(), days)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_trades_make_exactly_the_bar(market: Market, symbol: str) -> None:
    for session in (1, 5):
        bars = market.bars(symbol, session)
        start = market.grid.sessions[session].open_minute
        for slot in range(0, len(bars.close), 3):
            trades = market.trades(symbol, session, slot)
            if not bars.traded[slot]:
                assert not trades.price.size
                continue
            price, size = trades.price, trades.size
            assert (price[0], price[-1]) == (bars.open[slot], bars.close[slot])
            assert (price.max(), price.min()) == (bars.high[slot], bars.low[slot])
            assert size.sum() == bars.volume[slot] and (size >= 1).all() and (size == np.rint(size)).all()
            assert round(float(price @ size / size.sum()), 4) == bars.vwap[slot]
            assert (np.diff(trades.stamp_ns) >= 0).all()
            assert set(trades.stamp_ns // 60_000_000_000) == {start + slot}


def test_the_thinnest_minutes_have_trades_too() -> None:
    vacuum = Crisis(name="liquidity_vacuum", session=weekdays(3).sessions[2].date, minute=200)
    market = Market(SandboxConfig(crises=(vacuum,)), weekdays(3))
    for symbol in ("NEWC", "KOSS", "MARA", "CLSK"):
        bars = market.bars(symbol, 2)
        for slot in np.flatnonzero(bars.traded[200:230]) + 200:
            trades = market.trades(symbol, 2, int(slot))
            assert round(float(trades.price @ trades.size / bars.volume[slot]), 4) == bars.vwap[slot]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_quotes_surround_the_bar_and_are_never_crossed(market: Market, symbol: str) -> None:
    bars = market.bars(symbol, 1)
    widths = []
    for slot in range(5, 390, 7):
        quotes = market.quotes(symbol, 1, slot)
        assert (quotes.bid < quotes.ask).all() and (np.diff(quotes.stamp_ns) >= 0).all()
        assert (quotes.bid_size >= 100).all() and (quotes.ask_size % 100 == 0).all()
        for price in (quotes.bid, quotes.ask):
            assert all(float(f"{x:.2f}") == x for x in price)
        middle = 0.5 * (quotes.bid + quotes.ask)
        widths.append(np.median((quotes.ask - quotes.bid) / middle) * 1e4)
        if bars.traded[slot]:
            assert (middle >= bars.low[slot] - 0.011).all() and (middle <= bars.high[slot] + 0.011).all()
            assert quotes.bid.max() <= bars.high[slot] and quotes.ask.min() >= bars.low[slot]
    assert np.median(widths) < 1.0 if symbol == "SPY" else np.median(widths) < 12.0


def test_a_quiet_minute_has_quotes_around_the_last_close_and_a_halt_has_none(market: Market) -> None:
    session, slot = next(
        (s, int(q)) for s in range(20) for q in np.flatnonzero(~market.bars("KOSS", s).traded) if q > 30
    )
    last = market.bars("KOSS", session).close[:slot]
    quotes = market.quotes("KOSS", session, slot)
    assert quotes.bid.max() <= last[np.isfinite(last)][-1] <= quotes.ask.min()
    assert not market.quotes("I:VIX", 1, 50).bid.size and not market.trades("I:VIX", 1, 50).price.size
    halted = Market(SandboxConfig(halt_chance=1.0), weekdays(3))
    (halt,) = halted.halts("AAPL", 1)
    assert not halted.quotes("AAPL", 1, halt.start).bid.size and halted.quotes("AAPL", 1, halt.stop + 1).bid.size


def test_an_earlier_report_of_a_bar_is_a_bar_with_less_volume(market: Market) -> None:
    bars = market.bars("AAPL", 1)
    for slot in np.flatnonzero(bars.traded)[::20]:
        early = market.revision("AAPL", 1, int(slot))
        assert early.close.shape == (1,) and early.traded[0]
        assert bars.low[slot] <= early.low[0] <= min(early.open[0], early.close[0])
        assert max(early.open[0], early.close[0]) <= early.high[0] <= bars.high[slot]
        assert early.low[0] <= early.vwap[0] <= early.high[0] and 0 < early.volume[0] < bars.volume[slot]


def test_ticks_are_the_same_in_any_order_and_process(market: Market, days: SessionGrid) -> None:
    other = Market(SandboxConfig(), days)
    for slot in (300, 10, 77):
        for name in ("stamp_ns", "price", "size"):
            ours, theirs = market.trades("AAPL", 2, slot), other.trades("AAPL", 2, slot)
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))
        for name in ("stamp_ns", "bid", "ask", "bid_size", "ask_size"):
            assert np.array_equal(
                getattr(market.quotes("AAPL", 2, slot), name), getattr(other.quotes("AAPL", 2, slot), name)
            )


def test_a_minute_of_ticks_is_made_in_well_under_a_millisecond(market: Market) -> None:
    market.bars("SPY", 1)
    start = time.process_time()
    for slot in range(50, 150):
        market.trades("SPY", 1, slot)
        market.quotes("SPY", 1, slot)
    assert (time.process_time() - start) / 200 < 2e-3
