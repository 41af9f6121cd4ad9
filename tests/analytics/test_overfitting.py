import math

import numpy as np
import pytest

from daytrader_ray.analytics.overfitting import daily_sharpe, dsr, expected_maximum, psr


def _returns(ratio: float, days: int) -> np.ndarray:
    """Symmetric two-point returns (skewness 0, kurtosis 1) with a given population ratio."""
    return np.tile([ratio + 1.0, ratio - 1.0], days // 2) * 0.01


def test_psr_of_two_point_returns_is_the_plain_normal_probability() -> None:
    returns = _returns(0.1, 200)
    ratio = daily_sharpe(returns)
    expected = 0.5 * (1 + math.erf(ratio * math.sqrt(199) / math.sqrt(2)))
    assert psr(returns) == pytest.approx(expected, abs=1e-12)


def test_psr_at_its_own_ratio_is_one_half() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 250)
    assert psr(returns, daily_sharpe(returns)) == pytest.approx(0.5)


def test_the_best_of_many_luckless_trials_is_close_to_the_formula() -> None:
    rng = np.random.default_rng(2)
    best = np.max(rng.normal(0, 0.05, (20_000, 31)), axis=1).mean()
    sample = rng.normal(0, 1, 31)
    sample = (sample - sample.mean()) / sample.std(ddof=1) * 0.05
    assert expected_maximum(sample) == pytest.approx(best, rel=0.03)


def test_deflation_lowers_the_probability_and_one_trial_deflates_nothing() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.01, 250)
    assert dsr(returns, np.array([0.1])) == psr(returns)
    assert dsr(returns, np.array([0.1, 0.0, np.nan, -0.1])) < psr(returns)


def test_returns_without_variation_have_no_probability() -> None:
    assert math.isnan(psr(np.zeros(50)))
    assert math.isnan(psr(np.array([0.01, 0.02])))
