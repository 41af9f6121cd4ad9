"""How strong a signal must be: scale, break-even and the factors of the hours."""

import numpy as np
import pytest

from daytrader_ray.models.thresholds import HOUR_FACTORS, break_even_threshold, hour_factor, q99, thresholds

NAN = float("nan")


def test_the_threshold_is_lower_in_the_first_and_the_last_hour():
    found = thresholds(0.5, np.array([0.8, 0.9]), 390, 1)
    assert found[[0, 59, 60, 329, 330, 389]].tolist() == [0.4, 0.4, 0.5, 0.5, 0.45, 0.45]
    assert thresholds(0.5, np.array([0.8, 0.9]), 78, 5)[[0, 11, 12, 65, 66]].tolist() == [0.4, 0.4, 0.5, 0.5, 0.45]
    assert thresholds(np.inf, np.array([0.8, 0.9]), 60, 1).tolist() == [np.inf] * 60


def test_q99_is_the_quantile_of_the_size():
    assert q99(np.linspace(-1, 1, 2001)) == pytest.approx(0.99, abs=1e-3)
    assert q99(np.full((10, 2), NAN)) == 0.0


def test_the_break_even_threshold_is_where_strong_signals_start_to_pay():
    generator = np.random.default_rng(6)
    signal_b = generator.uniform(-1, 1, 40_000)
    forward = 0.001 * signal_b + generator.normal(0, 0.002, signal_b.size)
    assert break_even_threshold(signal_b, forward, 0.0005) == pytest.approx(0.5, abs=0.1)
    assert break_even_threshold(signal_b, forward, 0.002) == float("inf")
    assert break_even_threshold(signal_b, -forward, np.full(signal_b.size, 0.0001)) == float("inf")
    assert break_even_threshold(np.zeros(100), np.zeros(100), 0.0) == float("inf")


@pytest.fixture
def entries() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sizes, noise and session of many bars of one hour."""
    generator = np.random.default_rng(7)
    return generator.uniform(0, 1, 20_000), generator.normal(0, 0.001, 20_000), np.repeat(np.arange(10), 2000)


def test_an_hour_in_which_weaker_signals_pay_has_a_lower_threshold(entries):
    size, noise, session = entries
    for pays_from, factor in ((0.0, 0.7), (0.46, 0.9), (0.6, 1.0)):
        net = np.where(size >= pays_from, 0.002, -0.004) + noise
        assert hour_factor(size, net, session, 0.5) == factor
    assert hour_factor(size, np.full_like(size, NAN), session, 0.5) == 1.0


def test_one_lucky_day_lowers_no_threshold(entries):
    size, noise, session = entries
    net = np.where(session == 3, 0.02, -0.0015) + noise
    assert net.mean() > 0.0
    assert hour_factor(size, net, session, 0.5) == 1.0
    assert hour_factor(size[:10], net[:10] + 1.0, session[:10], 0.5) == 1.0
    assert min(HOUR_FACTORS) == 0.7


def test_an_hour_in_which_weaker_signals_earn_nothing_keeps_its_threshold():
    generator, session = np.random.default_rng(9), np.repeat(np.arange(12), 100)
    size = np.tile(np.linspace(0.3, 0.5, 100), 12)
    found = [hour_factor(size, generator.normal(0, 0.01, 1200), session, 0.5) for _ in range(500)]
    assert np.mean(np.array(found) < 1.0) < 0.06
