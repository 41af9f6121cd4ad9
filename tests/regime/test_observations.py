import numpy as np
import pytest

from daytrader_ray.regime.observations import (
    BREADTH,
    CORRELATION,
    HALF_LIFE_MINUTES,
    INPUTS,
    LOG_RV,
    MEAN_CORR,
    TREND,
    VIX,
    VIX_TERM,
    observe,
)
from tests.regime.market import N_SLOTS, STOCKS, SYMBOLS, frames


def test_observations_are_made_every_five_minutes():
    seen = observe(frames(), STOCKS, 2, 4)
    assert seen.x.shape == (2 * N_SLOTS // 5, len(INPUTS))
    assert np.array_equal(seen.slots, np.tile(np.arange(4, N_SLOTS, 5), 2))
    assert set(seen.sessions) == {2, 3}
    assert seen.breadth == ("AAA", "BBB", "CCC")


def test_observations_agree_with_a_plain_calculation():
    whole = frames()
    seen = observe(whole, STOCKS, 0, 12)
    close = whole.panel.close
    for at in (7, 30, 200):
        row, slot = seen.rows[at], seen.slots[at]
        day = close[row - slot : row + 1]
        moves = np.diff(np.log(day[:, SYMBOLS.index("SPY")]))[-30:]
        assert seen.x[at, LOG_RV] == pytest.approx(np.sqrt(np.mean(moves**2)))
        assert seen.x[at, TREND] == pytest.approx(abs(moves.sum()) / np.sqrt((moves**2).sum()))
        firsts = [day[np.isfinite(day[:, s]), s][0] for s in range(3)]
        assert seen.x[at, BREADTH] == pytest.approx(np.mean(day[-1, :3] > firsts))


def test_the_mean_correlation_is_that_of_all_pairs_without_looking_at_pairs():
    """Against the definition: every pair of stocks, each standardised by its own EWMA volatility up to the bar."""
    whole = frames()
    seen = observe(whole, STOCKS, 5, 6)
    returns = np.diff(np.log(whole.panel.close[:, :3]), axis=0)
    returns[N_SLOTS - 1 :: N_SLOTS] = np.nan
    decay, squares, product, square = 0.5 ** (1 / HALF_LIFE_MINUTES), np.zeros(3), 0.0, 0.0
    for row in returns[: seen.rows[-1]]:
        there = np.isfinite(row)
        squares[there] = decay * squares[there] + (1 - decay) * row[there] ** 2
        z = row[there] / np.sqrt(squares[there])
        if there.sum() > 1:
            pairs = np.outer(z, z)[~np.eye(len(z), dtype=bool)]
            product = decay * product + (1 - decay) * pairs.mean()
            square = decay * square + (1 - decay) * (z**2).mean()
    assert seen.x[-1, MEAN_CORR] == pytest.approx(product / square)
    assert seen.x[-1, MEAN_CORR] == pytest.approx(0.5, abs=0.15), "half of each stock's variance is the market's"


def test_one_stock_has_no_mean_correlation():
    assert np.isnan(observe(frames(symbols=("AAA", "SPY")), ("AAA",), 0, 1).x[:, MEAN_CORR]).all()


def test_correlations_are_exponentially_weighted_over_all_sessions_so_far():
    whole = frames()
    seen = observe(whole, STOCKS, 5, 6)
    returns = np.diff(np.log(whole.panel.close), axis=0)
    returns[N_SLOTS - 1 :: N_SLOTS] = np.nan
    past = returns[: seen.rows[-1]]
    past = past[np.isfinite(past[:, 5])]
    weights = 0.5 ** (np.arange(len(past))[::-1] / HALF_LIFE_MINUTES)
    for pair, name in enumerate(("QQQ", "TLT", "GLD")):
        spy, other = past[:, 5], past[:, SYMBOLS.index(name)]
        expected = (weights * spy * other).sum() / np.sqrt((weights * spy**2).sum() * (weights * other**2).sum())
        assert seen.x[-1, CORRELATION + pair] == pytest.approx(expected)


def test_a_correlation_without_a_return_for_half_an_hour_of_trading_is_unknown_until_there_is_one():
    whole = frames()
    gold, first, last = SYMBOLS.index("GLD"), 2 * N_SLOTS + 60, 4 * N_SLOTS + 7
    whole.panel.close[first:last, gold] = np.nan
    whole.panel.close[first:last, :3] = np.nan
    seen = observe(whole, STOCKS, 0, 6)
    stale = (seen.rows >= first + 29) & (seen.rows <= last)
    assert stale.sum() > 30
    for column in (MEAN_CORR, CORRELATION + SYMBOLS.index("GLD") - 1):
        assert np.array_equal(np.isnan(seen.x[:, column]), stale)
    assert np.isfinite(seen.x[:, CORRELATION]).all(), "QQQ went on"


def test_without_spy_all_that_needs_it_is_unknown():
    seen = observe(frames(symbols=("AAA", "BBB", "QQQ")), STOCKS, 0, 3)
    of_stocks = [BREADTH, MEAN_CORR]
    assert np.isfinite(seen.x[:, of_stocks]).all()
    assert np.isnan(np.delete(seen.x, of_stocks, axis=1)).all()


def test_breadth_counts_stocks_and_no_other_symbol():
    seen = observe(frames(symbols=("AAA", "I:VIX", "SPY", "XLK")), ("AAA",), 0, 1)
    assert seen.breadth == ("AAA",)


def test_the_vix_is_seen_as_it_stands_and_unknown_where_it_has_no_value():
    whole = frames(symbols=("AAA", "I:VIX", "I:VIX3M", "SPY"))
    close = whole.panel.close
    close[30:40, 1] = np.nan
    close[50:60, 2] = np.nan
    seen = observe(whole, STOCKS, 0, 1)
    assert np.array_equal(seen.x[:, VIX], np.log(close[seen.rows, 1]), equal_nan=True)
    assert np.array_equal(seen.x[:, VIX_TERM], close[seen.rows, 2] / close[seen.rows, 1] - 1, equal_nan=True)
    assert np.isnan(seen.x[:, VIX]).sum() == 2 and np.isnan(seen.x[:, VIX_TERM]).sum() == 4


def test_a_split_overnight_is_no_move_of_the_market():
    """Prices of a session are halved from its first bar on, as they stand in the store; all that is observed stays."""
    whole = frames()
    before = observe(whole, STOCKS, 0, 4)
    whole.panel.close[2 * N_SLOTS :] /= 2.0
    assert observe(whole, STOCKS, 0, 4).x.tobytes() == before.x.tobytes()


def test_after_the_last_price_of_a_short_session_nothing_is_observed():
    whole = frames()
    whole.panel.close[60:N_SLOTS] = np.nan
    seen = observe(whole, STOCKS, 0, 2)
    assert np.isnan(seen.x[12:24]).all()
    assert np.isfinite(seen.x[24:, :VIX]).all()
