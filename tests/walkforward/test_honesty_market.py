"""The markets on which the search is held to the truth are what they say they are."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.honesty_market import (
    COSTS,
    FEATURES,
    FREE,
    N_STOCKS,
    Plant,
    made,
    oracle_sharpe,
    secret_of,
    study_of,
    windows_of,
)
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.simulate import Purse, Terms, staged

N_SESSIONS = 60


@pytest.fixture(scope="module")
def null() -> Market:
    return made(Plant(seed=500, n_sessions=N_SESSIONS))


def moves(market: Market) -> npt.NDArray[np.float64]:
    """Return the return of each bar from its own open `[row, symbol]`."""
    return market.frames.panel.close / market.frames.panel.open - 1.0


def noise_traded(market: Market, costs: CostConfig) -> BacktestResult:
    """Trade signals that know nothing, with all the kernel's limits, stops and holding times."""
    study, n = study_of(market, Plant(seed=500), costs), N_SESSIONS
    shape = market.frames.panel.close.shape
    signal = np.full(shape, np.nan)
    signal[:, :N_STOCKS] = np.random.default_rng(1).uniform(-1.0, 1.0, (shape[0], N_STOCKS))
    rows = study.rows((3, n))
    return staged(study, (3, n), signal[rows], np.ones(rows.stop - rows.start)).result(Terms(0.5, np.ones(2)), PURSE)


PURSE = Purse(100_000.0, 100_000.0)


def test_free_trading_on_the_null_market_earns_nothing_whatever_the_kernel_does(null: Market) -> None:
    result = noise_traded(null, FREE)
    pnl = np.array([trade.pnl_usd for trade in result.trades])
    assert len(pnl) > 2000 and len({trade.reason for trade in result.trades}) >= 3
    assert abs(pnl.mean()) < 3.0 * pnl.std() / math.sqrt(len(pnl))
    assert {fill.fee for fill in result.fills} == {0.0}


def test_costs_take_from_the_same_trading_what_they_are(null: Market) -> None:
    pnl = np.array([trade.pnl_usd for trade in noise_traded(null, COSTS).trades])
    assert pnl.mean() < -3.0 * pnl.std() / math.sqrt(len(pnl))


def test_bars_hold_together_and_the_extremes_are_those_of_a_continuous_path(null: Market) -> None:
    panel = null.frames.panel
    assert (panel.high >= np.maximum(panel.open, panel.close)).all()
    assert (panel.low <= np.minimum(panel.open, panel.close)).all()
    squares = np.log(panel.high / panel.low) ** 2 / (4.0 * math.log(2.0))
    assert squares.mean() == pytest.approx((moves(null) ** 2).mean(), rel=0.06)
    assert (panel.volume > 0).all()


def test_returns_cluster_have_fat_tails_a_u_shape_and_move_together(null: Market) -> None:
    grid, found = null.frames.panel.grid, moves(null)
    full = np.array([found[a:b] for a, b in zip(grid.first_row, grid.first_row[1:], strict=False) if b - a == 78])
    by_slot = full.std(axis=(0, 2))
    assert by_slot[:6].mean() > 1.5 * by_slot[36:42].mean() and by_slot[-6:].mean() > 1.5 * by_slot[36:42].mean()
    daily = np.log(full.std(axis=1))
    assert np.corrcoef(daily[1:].mean(axis=1), daily[:-1].mean(axis=1))[0, 1] > 0.3
    scaled = (full / full.std(axis=(1, 2), keepdims=True)).ravel()
    assert (scaled**4).mean() / (scaled**2).mean() ** 2 > 5.0
    together = np.corrcoef(found[:, :N_STOCKS].T)
    assert 0.25 < together[0, 7] < together[0, 1] < 0.6


def test_the_secret_is_in_the_features_of_both_and_in_the_prices_of_one(null: Market) -> None:
    strong = made(Plant(seed=500, strength=0.3, n_sessions=N_SESSIONS))
    secret = secret_of(Plant(seed=500), null.frames.panel.grid.n_rows)
    for market, low, high in ((null, -0.02, 0.02), (strong, 0.15, 0.4)):
        assert market.frames.features.names == FEATURES and len(FEATURES) == 8
        look = np.asarray(market.frames.features.values[:])[:, :N_STOCKS, 0]
        assert np.corrcoef(look.ravel(), secret.ravel())[0, 1] == pytest.approx(1.25**-0.5, abs=0.01)
        assert low < np.corrcoef(secret[:-1].ravel(), moves(market)[1:, :N_STOCKS].ravel())[0, 1] < high
    spy = np.repeat(moves(strong)[1:, -1:], N_STOCKS, axis=1)
    assert abs(np.corrcoef(secret[:-1].ravel(), spy.ravel())[0, 1]) < 0.02


def test_who_knows_the_secret_earns_more_the_stronger_it_is() -> None:
    weak, strong = (oracle_sharpe(Plant(seed=501, strength=s, n_sessions=60)) for s in (0.1, 0.3))
    assert strong > 10.0 and strong > weak


def test_labels_are_of_all_classes_and_the_protocol_has_fifty_windows(null: Market) -> None:
    labels = null.labels.label[:, null.columns]
    assert min((labels == side).mean() for side in (-1, 0, 1)) > 0.15
    whole = made(Plant(seed=1))
    assert len(windows_of(whole)) == 50 and len(whole.frames.panel.grid.sessions) == 270


def test_a_market_is_a_function_of_its_seed() -> None:
    small = Plant(seed=3, strength=0.05, n_sessions=4)
    first, again, other = (made(one).frames.panel.close for one in (small, small, Plant(4, 0.05, 4)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
