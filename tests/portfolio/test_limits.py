import numpy as np
import pytest

from daytrader_ray.portfolio.limits import broken, caps, exposures, within
from tests.portfolio.problems import limits


def test_each_limit_that_is_broken_is_named_and_one_that_is_just_kept_is_not() -> None:
    kept = limits(8, n_sectors=2, cap=0.1, leverage=0.5, max_sector=0.3)
    fine = np.array([0.1, -0.1, 0.1, -0.1, 0.05, -0.05, 0.0, 0.0])
    assert broken(fine, kept) == ""
    assert "in a stock" in broken(fine + np.eye(8)[0] * 1e-5, kept)
    assert "in a sector" in broken(np.array([0.1, 0, -0.1, 0, 0.1, 0, 0.01, 0]), kept)
    assert "gross" in broken(np.full(8, 0.07), kept)
    assert broken(np.full(8, np.nan), kept) == "not finite" and broken(np.empty(0), limits(0)) == ""


def test_shares_become_weights_as_large_as_the_limits_allow() -> None:
    kept = limits(4, n_sectors=2, cap=0.5, leverage=1.0, max_sector=0.6)
    assert within(np.array([3.0, 1.0, 3.0, 1.0]), kept) == pytest.approx([0.3, 0.125, 0.3, 0.125])
    assert within(np.zeros(4), kept).tolist() == [0.0] * 4


def test_caps_are_shares_of_the_leverage_between_a_quarter_of_the_most_and_the_most() -> None:
    kept = limits(40, leverage=1.0)
    weights = np.where(np.arange(40) % 2 == 0, 1.0, -3.0)
    weights[0], weights[1] = 0.0, 40.0
    found = caps(weights, kept)
    total = np.abs(weights).sum()
    assert found[0] == 0.0125 and found[1] == 0.05
    assert found[2:4] == pytest.approx([max(0.0125, 1 / total), 3 / total])
    assert caps(np.zeros(40), kept).tolist() == [0.0125] * 40


def test_exposures_are_sums_of_weights_of_betas_and_of_each_sector() -> None:
    found = exposures(["net", "beta", "sector"], np.array([0, 1, 0]), np.array([0.5, 1.0, 2.0]))
    assert found.tolist() == [[1, 1, 1], [0.5, 1, 2], [1, 0, 1], [0, 1, 0]]
    assert exposures([], np.array([0, 1, 0]), np.ones(3)).shape == (0, 3)
