import numpy as np
import pytest

from daytrader_ray.regime.observations import BREADTH, CORRELATION, INPUTS, LOG_RV, TREND, observe
from tests.regime.market import N_SLOTS, SYMBOLS, frames


def test_observations_are_made_every_five_minutes():
    seen = observe(frames(), 2, 4)
    assert seen.x.shape == (2 * N_SLOTS // 5, len(INPUTS))
    assert np.array_equal(seen.slots, np.tile(np.arange(4, N_SLOTS, 5), 2))
    assert set(seen.sessions) == {2, 3}
    assert seen.breadth == ("AAA", "BBB", "CCC")


def test_observations_agree_with_a_plain_calculation():
    whole = frames()
    seen = observe(whole, 0, 12)
    close = whole.panel.close
    for at in (7, 30, 200):
        row, slot = seen.rows[at], seen.slots[at]
        day = close[row - slot : row + 1]
        moves = np.diff(np.log(day[:, SYMBOLS.index("SPY")]))[-30:]
        assert seen.x[at, LOG_RV] == pytest.approx(np.sqrt(np.mean(moves**2)))
        assert seen.x[at, TREND] == pytest.approx(abs(moves.sum()) / np.sqrt((moves**2).sum()))
        firsts = [day[np.isfinite(day[:, s]), s][0] for s in range(3)]
        assert seen.x[at, BREADTH] == pytest.approx(np.mean(day[-1, :3] > firsts))


def test_correlations_are_exponentially_weighted_over_all_sessions_so_far():
    whole = frames()
    seen = observe(whole, 5, 6)
    returns = np.diff(np.log(whole.panel.close), axis=0)
    returns[N_SLOTS - 1 :: N_SLOTS] = np.nan
    past = returns[: seen.rows[-1]]
    past = past[np.isfinite(past[:, 5])]
    weights = 0.5 ** (np.arange(len(past))[::-1] / 60)
    for pair, name in enumerate(("QQQ", "TLT", "GLD")):
        spy, other = past[:, 5], past[:, SYMBOLS.index(name)]
        expected = (weights * spy * other).sum() / np.sqrt((weights * spy**2).sum() * (weights * other**2).sum())
        assert seen.x[-1, CORRELATION + pair] == pytest.approx(expected)


def test_without_spy_all_that_needs_it_is_unknown():
    seen = observe(frames(symbols=("AAA", "BBB", "QQQ")), 0, 3)
    assert np.isfinite(seen.x[:, BREADTH]).all()
    assert np.isnan(np.delete(seen.x, BREADTH, axis=1)).all()


def test_after_the_last_price_of_a_short_session_nothing_is_observed():
    whole = frames()
    whole.panel.close[60:N_SLOTS] = np.nan
    seen = observe(whole, 0, 2)
    assert np.isnan(seen.x[12:24]).all()
    assert np.isfinite(seen.x[24:]).all()
