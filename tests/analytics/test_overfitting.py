import math

import numpy as np
import pytest

from daytrader_ray.analytics.overfitting import (
    best_of,
    daily_sharpe,
    dsr,
    exceedance,
    expected_maximum,
    minimum_track_record,
    psr,
    track_record,
)


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
    assert math.isnan(minimum_track_record(np.zeros(50)))
    assert math.isnan(psr(np.full(50, 0.1)))


@pytest.mark.parametrize(
    ("days", "skewness", "kurtosis", "expected"),
    [(24, -2.448, 10.164, 0.913), (24, 0.0, 3.0, 0.982), (36, -2.448, 10.164, 0.953)],
)
def test_the_fund_of_the_psr_paper_has_its_probability(
    days: int, skewness: float, kurtosis: float, expected: float
) -> None:
    """Bailey & Lopez de Prado (2012), section 4: monthly ratio 0.458, with its moments and as if it were normal."""
    assert exceedance(0.458, 0.0, days, skewness, kurtosis) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(
    ("a_year", "skewness", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_track_records_of_the_paper_are_as_long_as_it_says(
    a_year: int, skewness: float, kurtosis: float, years: float
) -> None:
    """Bailey & Lopez de Prado (2012), section 5: a Sharpe ratio of 2 a year against 1, at 95 %."""
    unit = math.sqrt(a_year)
    assert track_record(2 / unit, 1 / unit, skewness, kurtosis) / a_year == pytest.approx(years, abs=6e-3)


@pytest.mark.parametrize(("trials", "skewness", "kurtosis", "expected"), [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505)])
def test_the_analyst_of_the_dsr_paper_has_his_deflated_ratio(
    trials: int, skewness: float, kurtosis: float, expected: float
) -> None:
    """Bailey & Lopez de Prado (2014), a numerical example: 2.5 a year over 1,250 of 250 days, V = 1/2 a year."""
    luck = best_of(trials, math.sqrt(0.5 / 250))
    assert exceedance(2.5 / math.sqrt(250), luck, 1250, skewness, kurtosis) == pytest.approx(expected, abs=1e-4)
    if trials == 100:
        assert luck == pytest.approx(0.1132, abs=1e-4)


def test_a_record_of_the_minimum_length_has_the_wanted_probability() -> None:
    returns = np.random.default_rng(4).normal(0.002, 0.01, 400)
    ratio = daily_sharpe(returns)
    days = track_record(ratio, 0.02, 0.3, 5.0, confidence=0.9)
    assert exceedance(ratio, 0.02, days, 0.3, 5.0) == pytest.approx(0.9)
    assert minimum_track_record(returns, 0.02) > minimum_track_record(returns) > 1
    assert minimum_track_record(returns, ratio) == math.inf
