import numpy as np
import pytest

from daytrader_ray.models.ensemble import (
    Ensemble,
    break_even_threshold,
    combine,
    fit_weights,
    new_state,
    q99,
    rules_of,
    signal_step,
    signals,
    strategy_multiplier,
    thresholds,
    timeframe_means,
    weights_from_skill,
)

NAN = float("nan")
NOW = (1.0, 0.0, 0.0)
TRENDING = np.tile([0.7, 0.3], (4, 1))
EVEN = np.full((4, 2), 0.5)


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


def ensemble(weights: list[float] | np.ndarray, timeframes: tuple[float, ...] = NOW, q99: float = 0.05) -> Ensemble:
    table = np.array(weights) + np.zeros((4, 1))
    return Ensemble("equal", 2 ** table.shape[1] - 1, table, np.array(timeframes), q99, 0.5, np.ones(2))


def step(
    given: Ensemble, strategy: np.ndarray, scores: np.ndarray, regime: int = -1, **known: np.ndarray
) -> list[float]:
    """Return the signals of a session's first bar."""
    n, out = len(scores), np.empty(len(scores))
    rules, state = rules_of(given, strategy, 1), new_state(given, n, 1)
    signal_step(rules, state, 0, scores, regime, known.get("return_30", np.zeros(n)), np.full(n, 0.01), out)
    return out.tolist()


def test_the_signal_follows_the_documented_order():
    scores = np.array([[0.02, 0.04], [-0.06, -0.06], [NAN, NAN], [0.01, NAN]])
    return_30 = np.array([0.01, 0.01, 0.01, NAN])
    found = step(ensemble([0.5, 0.5]), TRENDING, scores, return_30=return_30)
    assert found == pytest.approx([0.03 / 0.05 * 1.4, -0.06 / 0.05 * 0.6, NAN, 0.2], nan_ok=True)
    assert not np.nan_to_num(step(ensemble([0.5, 0.5], q99=0.0), TRENDING, scores)).any()


def test_each_regime_has_its_weights_and_its_strategy():
    table = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.25, 0.75]])
    strategy = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.1, 0.1]])
    given, scores = ensemble(table, q99=1.0), np.array([[0.4, 0.8]])
    found = [step(given, strategy, scores, regime)[0] for regime in (-1, 0, 1, 2)]
    assert found == pytest.approx([0.6, 0.4, 0.8, 0.2 * 0.7])


def test_timeframes_average_the_bars_of_the_session_that_have_a_score():
    scores = np.array([0.1, 0.2, NAN, 0.4, 0.5, 0.6, 0.7])[:, None, None]
    given, slots = ensemble([1.0], (0.5, 0.3, 0.2), 1.0), np.arange(7)
    rules, nothing = rules_of(given, EVEN, 1), np.zeros((7, 1))
    regimes = np.full(7, -1, dtype=np.int8)
    found = signals(rules, new_state(given, 1, 1), slots, scores, regimes, nothing, nothing)[:, 0]
    last = 0.5 * 0.7 + 0.3 * np.mean([0.4, 0.5, 0.6, 0.7]) + 0.2 * np.mean([0.1, 0.2, 0.4, 0.5, 0.6, 0.7])
    assert found[0] == pytest.approx(0.1)
    assert np.isnan(found[2])
    assert found[6] == pytest.approx(last)
    twice = np.concatenate([scores, scores])
    again = signals(
        rules,
        new_state(given, 1, 1),
        np.tile(slots, 2),
        twice,
        np.tile(regimes, 2),
        np.zeros((14, 1)),
        np.zeros((14, 1)),
    )
    assert np.array_equal(again[7:, 0], found, equal_nan=True), "a session knows nothing of the one before"


@pytest.mark.parametrize(("bar_minutes", "spans"), [(1, [1, 5, 15]), (5, [1, 1, 3]), (30, [1, 1, 1])])
def test_timeframes_are_minutes_whatever_the_bars(bar_minutes, spans):
    given = ensemble([1.0])
    assert rules_of(given, EVEN, bar_minutes).spans.tolist() == spans
    assert new_state(given, 2, bar_minutes).recent.shape == (2, spans[-1])


def test_the_batch_gives_the_bits_of_each_bar():
    generator = np.random.default_rng(4)
    scores = generator.normal(0, 0.1, (50, 6, 5))
    scores[generator.random(scores.shape) < 0.2] = NAN
    given = ensemble(generator.dirichlet(np.ones(5), 4), (0.2, 0.5, 0.3), 0.1)
    rules = rules_of(given, generator.random((4, 2)), 1)
    slots, regimes = np.concatenate([np.arange(30), np.arange(20)]), generator.integers(-1, 3, 50).astype(np.int8)
    return_30, sigma_30 = generator.normal(0, 0.01, (50, 6)), generator.uniform(0, 0.01, (50, 6))
    batch = signals(rules, new_state(given, 6, 1), slots, scores, regimes, return_30, sigma_30)
    assert np.nanmax(np.abs(batch)) == 1.0
    means = timeframe_means(rules, new_state(given, 6, 1), slots, scores, regimes)
    out = np.empty(6)
    state = new_state(given, 6, 1)
    for row in range(50):
        state = new_state(given, 6, 1) if slots[row] == 0 else state  # a live session has a state of its own
        signal_step(rules, state, slots[row], scores[row], regimes[row], return_30[row], sigma_30[row], out)
        assert np.array_equal(batch[row], out, equal_nan=True)
        assert np.array_equal(means[row], state.means, equal_nan=True)


def test_the_threshold_is_lower_in_the_first_and_the_last_hour():
    found = thresholds(0.5, np.array([0.8, 0.9]), 390, 1)
    assert found[[0, 59, 60, 329, 330, 389]].tolist() == [0.4, 0.4, 0.5, 0.5, 0.45, 0.45]
    assert thresholds(0.5, np.array([0.8, 0.9]), 78, 5)[[0, 11, 12, 65, 66]].tolist() == [0.4, 0.4, 0.5, 0.5, 0.45]
    assert thresholds(np.inf, np.array([0.8, 0.9]), 60, 1).tolist() == [np.inf] * 60


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
