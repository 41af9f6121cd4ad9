import numpy as np
import pytest
from skfolio.optimization import RiskBudgeting

from daytrader_ray.portfolio.risk_parity import inverse_volatility, risk_parity, sector_parity
from tests.portfolio.problems import returns


def contributions(shares: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return shares * (covariance @ shares) / (shares @ covariance @ shares)


@pytest.mark.parametrize("n", [2, 12, 60])
def test_every_name_contributes_the_same_and_the_shares_are_those_of_skfolio(n: int) -> None:
    sample = returns(np.random.default_rng(n), n)
    covariance = np.cov(sample.T)
    shares = risk_parity(covariance)
    assert shares.sum() == pytest.approx(1.0) and contributions(shares, covariance) == pytest.approx(1 / n, abs=1e-10)
    exact = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
    theirs = RiskBudgeting(solver_params=exact, scale_objective=1.0 / float(np.diag(covariance).mean())).fit(sample)
    assert shares == pytest.approx(theirs.weights_, abs=1e-6)


def test_without_correlations_it_is_inverse_volatility() -> None:
    covariance = np.diag([1.0, 4.0, 16.0])
    assert risk_parity(covariance) == pytest.approx(inverse_volatility(covariance), abs=1e-12)
    assert inverse_volatility(covariance) == pytest.approx(np.array([4, 2, 1]) / 7)


def test_wild_correlations_and_scales_still_converge() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        n = int(rng.integers(1, 30))
        factors = rng.normal(size=(n, int(rng.integers(1, 4)))) * 10.0 ** rng.uniform(-6, 3, (n, 1))
        covariance = factors @ factors.T + np.diag(np.diag(factors @ factors.T)) * 1e-6
        shares = risk_parity(covariance)
        assert (shares > 0).all() and contributions(shares, covariance) == pytest.approx(1 / n, abs=1e-7)


def test_sectors_contribute_the_same_and_so_do_the_names_inside_each() -> None:
    sector = np.array([5, 5, 5, 0, 0, 2])
    covariance = np.cov(returns(np.random.default_rng(4), 6).T)
    shares = sector_parity(covariance, sector)
    whole = contributions(shares, covariance)
    assert [whole[sector == one].sum() for one in (0, 2, 5)] == pytest.approx([1 / 3] * 3, abs=1e-10)
    for one in (0, 5):
        mine = sector == one
        inside = contributions(shares[mine] / shares[mine].sum(), covariance[np.ix_(mine, mine)])
        assert inside == pytest.approx(1 / mine.sum(), abs=1e-10)
