import numpy as np
import pytest

from daytrader_ray.portfolio.config import FearRule
from daytrader_ray.portfolio.covariance import LEAST
from daytrader_ray.portfolio.hedges import best_hedge, betas, is_fear


def test_betas_are_slopes_on_the_market_over_the_rows_known_of_both() -> None:
    rng = np.random.default_rng(1)
    market = rng.normal(0.001, 1e-3, 2 * LEAST)
    own = rng.normal(0, 1e-3, (2 * LEAST, 2))
    returns = np.column_stack([market, 1.5 * market + own[:, 0], -0.5 * market + own[:, 1], own[:, 0]])
    returns[:20, 1] = np.nan
    returns[LEAST - 1 :, 3] = np.nan
    found = betas(returns, 0)
    expected = [np.polyfit(market[a:], returns[a:, k], 1)[0] for k, a in ((0, 0), (1, 20), (2, 0))]
    assert found[:3] == pytest.approx(expected, rel=1e-9) and found[0] == pytest.approx(1.0) and np.isnan(found[3])


def test_a_market_that_never_moves_gives_no_betas() -> None:
    assert np.isnan(betas(np.zeros((2 * LEAST, 3)), 0)).all()


def test_the_hedge_is_the_fund_that_explains_more_of_the_book() -> None:
    tech, rest = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0])
    covariance = np.array([[4, 1, 1, 2], [1, 4, 2, 1], [1, 2, 2, 1], [2, 1, 1, 2]], dtype=float)
    assert best_hedge(covariance, tech, (2, 3)) == 3 and best_hedge(covariance, rest, (2, 3)) == 2
    assert best_hedge(covariance, tech, ()) == -1 and best_hedge(np.eye(4), tech, (2, 3)) == -1


@pytest.mark.parametrize(
    ("vix", "vix3m", "fear"),
    [(20, 22, False), (31, 35, True), (24, 22, True), (np.nan, 22, False), (31, np.nan, True), (np.nan, np.nan, False)],
)
def test_fear_is_a_high_vix_or_an_inverted_term_structure(vix: float, vix3m: float, fear: bool) -> None:
    assert is_fear(vix, vix3m, FearRule(enabled=True)) is fear
    assert not is_fear(vix, vix3m, FearRule())
