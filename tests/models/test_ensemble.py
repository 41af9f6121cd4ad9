import numpy as np
import pytest

from daytrader_ray.models.ensemble import (
    break_even_threshold,
    combine,
    fit_weights,
    q99,
    signal,
    signals,
    strategy_multiplier,
    weights_from_skill,
)

NAN = float("nan")


def test_a_missing_member_leaves_its_weight_to_the_others():
    weights = np.array([0.25, 0.25, 0.5, 0.0, 0.0])
    assert combine(np.array([0.4, 0.2, NAN, 0.9, NAN]), weights) == pytest.approx(0.3)
    assert np.isnan(combine(np.array([NAN, NAN, NAN, 0.9, 0.9]), weights))


@pytest.mark.parametrize(
    ("side", "return_30", "w_momentum", "w_reversion", "expected"),
    [
        (1.0, 0.02, 0.7, 0.3, 1.4),
        (-1.0, 0.02, 0.7, 0.3, 0.6),
        (1.0, 0.0, 0.7, 0.3, 1.0),
        (1.0, 0.005, 0.7, 0.3, 1.2),
        (1.0, NAN, 0.7, 0.3, 1.0),
        (-1.0, 0.02, 0.5, 0.5, 1.0),
        (1.0, 0.02, 0.1, 0.1, 0.2),
    ],
)
def test_strategy_weights_favour_trades_with_or_against_the_last_half_hour(
    side, return_30, w_momentum, w_reversion, expected
):
    assert strategy_multiplier(side, return_30, 0.01, w_momentum, w_reversion) == pytest.approx(expected)


def test_the_signal_follows_the_documented_order():
    scores = np.array([[0.02, 0.04], [-0.06, -0.06], [NAN, NAN], [0.01, NAN]])
    out = np.empty(4)
    signal(scores, np.array([0.5, 0.5]), 0.05, 0.7, 0.3, np.array([0.01, 0.01, 0.01, NAN]), np.full(4, 0.01), out)
    assert out == pytest.approx([0.03 / 0.05 * 1.4, -0.06 / 0.05 * 0.6, NAN, 0.2], nan_ok=True)
    signal(scores, np.array([0.5, 0.5]), 0.0, 0.7, 0.3, np.zeros(4), np.ones(4), out)
    assert not np.nan_to_num(out).any()


def test_the_batch_gives_the_bits_of_each_bar():
    generator = np.random.default_rng(4)
    scores = generator.normal(0, 0.1, (50, 6, 5))
    scores[generator.random(scores.shape) < 0.2] = NAN
    weights = np.array([0.1, 0.3, 0.2, 0.4, 0.0])
    w_momentum, w_reversion = generator.random(50), generator.random(50)
    return_30, sigma_30 = generator.normal(0, 0.01, (50, 6)), generator.uniform(0, 0.01, (50, 6))
    batch = signals(scores, weights, 0.2, w_momentum, w_reversion, return_30, sigma_30)
    assert np.abs(batch).max() == 1.0
    out = np.empty(6)
    for row in range(50):
        signal(scores[row], weights, 0.2, w_momentum[row], w_reversion[row], return_30[row], sigma_30[row], out)
        assert np.array_equal(batch[row], out)


def test_weights_lie_on_the_simplex_of_the_mask_and_follow_skill():
    generator = np.random.default_rng(5)
    forward = generator.standard_normal((400, 3))
    noise = generator.standard_normal((400, 3, 5))
    scores = noise + np.array([0.0, 0.5, -0.5, 1.0, 2.0]) * forward[:, :, None]
    forward[3, 1] = NAN
    scores[9, 2, 4] = NAN
    weights = fit_weights(scores, forward, 0b01110)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] == weights[4] == 0.0
    assert weights[3] > weights[1] > weights[2]
    assert weights[2] == pytest.approx(1 / 6)
    assert weights_from_skill(np.array([-0.1, 0.2, -0.3, 0.0, 0.1]), 0b00101).tolist() == [0.5, 0.0, 0.5, 0.0, 0.0]
    assert not fit_weights(scores, forward, 0).any()


def test_q99_is_the_quantile_of_the_combined_score():
    scores = np.linspace(-1, 1, 2001).reshape(2001, 1, 1)
    assert q99(scores, np.array([1.0])) == pytest.approx(0.99, abs=1e-3)
    assert q99(np.full((10, 2, 1), NAN), np.array([1.0])) == 0.0


def test_the_break_even_threshold_is_where_strong_signals_start_to_pay():
    generator = np.random.default_rng(6)
    signal_b = generator.uniform(-1, 1, 40_000)
    forward = 0.001 * signal_b + generator.normal(0, 0.002, signal_b.size)
    assert break_even_threshold(signal_b, forward, 0.0005) == pytest.approx(0.5, abs=0.1)
    assert break_even_threshold(signal_b, forward, 0.002) == float("inf")
    assert break_even_threshold(signal_b, -forward, np.full(signal_b.size, 0.0001)) == float("inf")
    assert break_even_threshold(np.zeros(100), np.zeros(100), 0.0) == float("inf")
