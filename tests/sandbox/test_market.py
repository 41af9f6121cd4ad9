"""The synthetic market is a pure function, looks like a market, and has the signal that it says is planted."""

import time

import numpy as np
import pytest

from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.source import SessionBars

STOCKS = ("AAPL", "MSFT", "NVDA", "AMZN", "META", "GOOGL", "TSLA", "AMD", "JPM", "XOM", "UNH", "COST")
COLUMNS = ("open", "high", "low", "close", "volume", "vwap", "traded")


@pytest.fixture(scope="module")
def market(days: SessionGrid) -> Market:
    return Market(SandboxConfig(), days)


def same(a: SessionBars, b: SessionBars) -> bool:
    return all(np.array_equal(getattr(a, c), getattr(b, c), equal_nan=c != "traded") for c in COLUMNS)


def test_any_order_of_questions_gets_the_same_bars(market: Market, days: SessionGrid, more_days: SessionGrid) -> None:
    asked = [(symbol, session) for symbol in ("AAPL", "SPY", "T") for session in range(8)]
    first = {question: market.bars(*question) for question in asked}
    other = Market(SandboxConfig(), days)
    longer = Market(SandboxConfig(), more_days)
    for question in reversed(asked):
        assert same(first[question], other.bars(*question))
        assert same(first[question], longer.bars(*question))


def test_another_seed_or_symbol_gets_other_bars(market: Market, days: SessionGrid) -> None:
    assert not same(market.bars("AAPL", 0), market.bars("MSFT", 0))
    assert not same(market.bars("AAPL", 0), Market(SandboxConfig(seed=8), days).bars("AAPL", 0))


@pytest.mark.parametrize("symbol", [*STOCKS, "SPY", "TLT", "XLK"])
def test_every_bar_is_a_bar(market: Market, days: SessionGrid, symbol: str) -> None:
    for session in range(len(days.sessions)):
        bars = market.bars(symbol, session)
        assert len(bars.close) == days.sessions[session].n_minutes
        on = bars.traded
        top, bottom = np.maximum(bars.open, bars.close)[on], np.minimum(bars.open, bars.close)[on]
        assert (bars.low[on] <= bottom).all() and (top <= bars.high[on]).all()
        assert (bars.low[on] <= bars.vwap[on]).all() and (bars.vwap[on] <= bars.high[on]).all()
        assert (bars.low[on] >= 20).all() and (bars.high[on] <= 500).all()
        for price in (bars.open, bars.high, bars.low, bars.close):
            assert all(float(f"{x:.2f}") == x for x in price[on])
        assert (bars.volume[on] >= 1).all() and np.array_equal(bars.volume, np.rint(bars.volume))
        assert np.isnan(bars.close[~on]).all() and (bars.volume[~on] == 0).all()


def test_stocks_trade_and_move_like_stocks(market: Market) -> None:
    for symbol in STOCKS:
        sessions = [market.bars(symbol, s) for s in range(20) if s != 5]
        returns = np.concatenate([np.diff(np.log(b.close[b.traded])) for b in sessions])
        assert 5e-4 < returns.std() < 16e-4
        assert 5e6 < np.mean([b.volume.sum() for b in sessions]) < 62e6
        assert 0.001 < 1 - np.mean([b.traded.mean() for b in sessions]) < 0.03
    assert np.diff(np.log(market.bars("SPY", 1).close)).std() < 8e-4


def test_volume_and_volatility_are_u_shaped(market: Market) -> None:
    sessions = [market.bars(symbol, s) for symbol in STOCKS for s in range(5)]
    volume = np.mean([b.volume for b in sessions], axis=0)
    moves = np.nanmean([np.log(b.high / b.low) for b in sessions], axis=0)
    assert volume[:15].mean() > 1.5 * volume[150:240].mean() < volume[-15:].mean()
    assert moves[:15].mean() > 1.2 * moves[150:240].mean()


def test_one_factor_moves_the_stocks_and_the_bond_fund_the_other_way(market: Market) -> None:
    def session_returns(symbol: str) -> np.ndarray:
        closes = [market.bars(symbol, s).close[::10] for s in range(20)]
        return np.concatenate([np.diff(np.log(c)) for c in closes])

    spy = session_returns("SPY")
    both = {s: np.isfinite(spy) & np.isfinite(session_returns(s)) for s in ("AAPL", "TLT", "QQQ")}
    correlation = {s: np.corrcoef(spy[on], session_returns(s)[on])[0, 1] for s, on in both.items()}
    assert correlation["QQQ"] > 0.8 and correlation["AAPL"] > 0.2 and correlation["TLT"] < -0.1


def order_flow_ic(market: Market) -> float:
    """Mean correlation per session of signed volume over 60 minutes with the next 30 minutes' return."""
    out = []
    for session in range(20):
        flow, ahead = [], []
        for symbol in STOCKS:
            bars = market.bars(symbol, session)
            on = np.flatnonzero(bars.traded)
            close, volume = bars.close[on], bars.volume[on]
            signed = np.cumsum(np.sign(np.diff(close, prepend=bars.open[on[0]])) * volume)
            at = np.arange(61, len(on) - 30)
            flow.append((signed[at] - signed[at - 60]) / (np.cumsum(volume)[at] - np.cumsum(volume)[at - 60]))
            ahead.append(np.log(close[at + 30] / close[at]))
        out.append(np.corrcoef(np.concatenate(flow), np.concatenate(ahead))[0, 1])
    return float(np.mean(out))


def test_the_planted_signal_is_there_and_strength_zero_plants_none(market: Market, days: SessionGrid) -> None:
    assert 0.15 < order_flow_ic(market) < 0.35
    assert abs(order_flow_ic(Market(SandboxConfig(signal_strength=0.0), days))) < 0.06


def test_a_symbol_that_cannot_be_listed_is_refused(market: Market) -> None:
    with pytest.raises(DataError, match="expected capital letters"):
        market.bars("aapl/../x", 0)
    with pytest.raises(DataError, match="sessions 0 to 19"):
        market.bars("AAPL", 20)


def test_a_session_is_made_in_about_a_millisecond(days: SessionGrid) -> None:
    market = Market(SandboxConfig(), days)
    start = time.perf_counter()
    for symbol in STOCKS:
        market.bars(symbol, 19)
    assert (time.perf_counter() - start) / (20 * len(STOCKS)) < 5e-3
