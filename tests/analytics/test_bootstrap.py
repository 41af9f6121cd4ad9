import math

import numpy as np
import pytest

from daytrader_ray.analytics.bootstrap import block_length, interval, resampled


def ar(phi: float, n: int = 2000) -> np.ndarray:
    noise = np.random.default_rng(3).normal(size=n)
    values = np.zeros(n)
    for t in range(1, n):
        values[t] = phi * values[t - 1] + noise[t]
    return values


def test_memory_asks_for_longer_blocks() -> None:
    short, long = block_length(ar(0.0)), block_length(ar(0.8))
    assert 1.0 <= short < 6.0
    assert long > 3 * short


def test_the_block_of_an_autoregression_is_near_the_one_that_theory_wants() -> None:
    """Politis & White (2004): G = 2 phi / (1 - phi)^2 / (1 - phi^2), g(0) = 1 / (1 - phi)^2, D = 2 g(0)^2."""
    phi, n = 0.6, 2000
    moved, spectrum = 2 * phi / (1 - phi) ** 2 / (1 - phi**2), 1 / (1 - phi) ** 2
    assert block_length(ar(phi, n)) == pytest.approx((moved**2 / spectrum**2 * n) ** (1 / 3), rel=0.35)


def test_a_flat_or_a_short_series_has_blocks_of_one() -> None:
    assert block_length(np.full(50, 0.01)) == 1.0
    assert block_length(np.array([0.01, -0.01, 0.02])) == 1.0


def test_blocks_are_runs_of_neighbours_with_the_wanted_mean_length() -> None:
    found = resampled(100, 500, 8.0, np.random.default_rng(1))
    assert found.shape == (500, 100)
    assert 0 <= found.min() <= found.max() < 100
    goes_on = (np.diff(found, axis=1) % 100 == 1).mean()
    assert goes_on == pytest.approx(1 - 1 / 8, abs=0.01)
    assert np.bincount(found.ravel(), minlength=100).std() < 60


def test_the_same_seed_gives_the_same_samples() -> None:
    first, second = (resampled(20, 5, 3.0, np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first, second)


def test_an_interval_holds_the_middle_and_needs_most_samples() -> None:
    assert interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))
    assert all(math.isnan(end) for end in interval(np.array([1.0, np.nan, np.nan])))


def test_intervals_of_the_mean_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        values = rng.normal(0.0, 1.0, 120)
        low, high = interval(values[resampled(120, 400, 1.0, rng)].mean(axis=1))
        hits += low <= 0.0 <= high
    assert 0.90 <= hits / 200 <= 0.99
