"""The direct programme against skfolio and against the same problem written in cvxpy."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from skfolio.optimization import MeanRisk

from daytrader_ray.portfolio.limits import Limits, broken, exposures
from daytrader_ray.portfolio.min_variance import MinVariance, attainable
from tests.portfolio.problems import limits, returns

EXACT = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}


def by_cvxpy(
    covariance: np.ndarray, mu: np.ndarray, target: float, previous: np.ndarray, kept: Limits, kappa: float
) -> np.ndarray:
    """Return the weights of METHODS 8 as it stands there, with absolute values."""
    w, side = cp.Variable(len(mu)), np.sign(mu)
    scaled = covariance / np.diag(covariance).mean()
    constraints = [
        (mu @ w) / abs(mu).max() >= target / abs(mu).max(),
        cp.abs(w) <= kept.cap,
        cp.norm1(w) <= kept.leverage,
        cp.multiply(side, w) >= 0,
        cp.multiply(side == 0, w) == 0,
        kept.members @ cp.abs(w) <= kept.max_sector,
    ]
    constraints += [kept.exposures @ w == 0] if len(kept.exposures) else []
    loss = cp.quad_form(w, cp.psd_wrap(scaled)) + kappa * cp.norm1(w - previous)
    problem = cp.Problem(cp.Minimize(loss), constraints)
    problem.solve(solver=cp.CLARABEL, **EXACT)
    return np.asarray(w.value)


@pytest.mark.parametrize("seed", range(3))
def test_without_turnover_the_weights_are_those_of_skfolio(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample = returns(rng, 20)
    mu, covariance, kept = sample.mean(axis=0), np.cov(sample.T), limits(20)
    target, side = 0.6 * attainable(mu, kept), np.sign(mu)
    rows = np.vstack([kept.members * side, side])
    model = MeanRisk(
        min_weights=np.where(side < 0, -kept.cap, 0.0),
        max_weights=np.where(side > 0, kept.cap, 0.0),
        budget=None,
        min_return=target,
        left_inequality=rows,
        right_inequality=np.append(np.full(4, kept.max_sector), kept.leverage),
        solver_params=EXACT,
        scale_objective=1.0 / float(np.diag(covariance).mean()),
        scale_constraints=1.0 / float(np.abs(mu).max()),
    ).fit(sample)
    ours = MinVariance(kept, 0.0).solve(covariance, mu, target, np.zeros(20))
    assert ours is not None and ours == pytest.approx(model.weights_, abs=1e-6)


def test_with_turnover_and_neutral_exposures_they_are_those_of_cvxpy_and_stay_so_when_solved_again() -> None:
    rng = np.random.default_rng(7)
    kept = limits(24)
    kept = replace(kept, exposures=exposures(["net", "beta"], kept.sector, rng.uniform(0.5, 2.0, 24)))
    programme, previous = MinVariance(kept, 0.05), np.zeros(24)
    for _ in range(4):
        sample = returns(rng, 24)
        mu, covariance = rng.normal(0, 1e-4, 24), np.cov(sample.T)
        mu[3] = 0.0
        target = 0.5 * attainable(mu, kept)
        ours = programme.solve(covariance, mu, target, previous)
        assert ours is not None and broken(ours, kept) == ""
        assert ours == pytest.approx(by_cvxpy(covariance, mu, target, previous, kept, 0.05), abs=1e-6)
        assert np.abs(kept.exposures @ ours).max() < 1e-7 and mu @ ours >= target - 1e-9 and ours[3] == 0.0
        previous = ours


def test_turnover_keeps_the_weights_nearer_to_those_before() -> None:
    rng = np.random.default_rng(8)
    kept, covariance = limits(16), np.cov(returns(rng, 16).T)
    mu, before = rng.normal(0, 1e-4, 16), np.full(16, 0.02)
    target = 0.5 * attainable(mu, kept)
    moved = [
        np.abs(MinVariance(kept, kappa).solve(covariance, mu, target, before) - before).sum() for kappa in (0.0, 0.2)
    ]
    assert moved[1] < moved[0]


def test_the_attainable_return_is_that_of_the_best_book_within_the_limits() -> None:
    kept = limits(4, n_sectors=2, cap=0.1, leverage=0.25, max_sector=0.15)
    mu = np.array([4.0, -3.0, 2.0, 1.0]) * 1e-4  # sectors 0: stocks 0, 2; 1: stocks 1, 3
    assert attainable(mu, kept) == pytest.approx((0.1 * 4 + 0.1 * 3 + 0.05 * 2) * 1e-4)
    assert attainable(np.zeros(4), kept) == 0.0


def test_a_return_out_of_reach_has_no_solution_and_the_next_one_is_found_as_if_nothing_had_been() -> None:
    rng = np.random.default_rng(9)
    kept, covariance, mu = limits(12), np.cov(returns(rng, 12).T), rng.normal(0, 1e-4, 12)
    most, none = attainable(mu, kept), np.zeros(12)
    programme = MinVariance(kept, 0.05)
    assert programme.solve(covariance, mu, 1.1 * most, none) is None
    again = programme.solve(covariance, mu, 0.5 * most, none)
    assert np.array_equal(again, MinVariance(kept, 0.05).solve(covariance, mu, 0.5 * most, none))
