from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.models.combine import combine
from daytrader_ray.models.ensemble import (
    Ensemble,
    new_state,
    rules_of,
    signal_step,
    signals,
    strategy_multiplier,
    timeframe_means,
    weights_in_force,
)
from daytrader_ray.models.online import Online, learnt, regret

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
    assert found == pytest.approx([0.03 / 0.05 * 1.4, -0.06 / 0.05 * 0.6, NAN, 0.2 * np.sqrt(0.5)], nan_ok=True)
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
    means = timeframe_means(rules, new_state(given, 6, 1), slots, scores, regimes, return_30, sigma_30)
    out = np.empty(6)
    state = new_state(given, 6, 1)
    for row in range(50):
        state = new_state(given, 6, 1) if slots[row] == 0 else state  # a live session has a state of its own
        signal_step(rules, state, slots[row], scores[row], regimes[row], return_30[row], sigma_30[row], out)
        assert np.array_equal(batch[row], out, equal_nan=True)
        assert np.array_equal(means[row], state.means, equal_nan=True)


def online(loss: list[float], rounds: int) -> Online:
    return Online(np.array(loss), 0.0, rounds, np.full(len(loss), 0.1))


def test_weights_that_learn_move_when_a_round_is_closed_and_only_then():
    """Member 0 foresees every half hour, member 1 the opposite."""
    given = replace(ensemble([0.5, 0.5], q99=0.1), online=online([0.0, 0.0], 0))
    rules, generator = rules_of(given, EVEN, 1), np.random.default_rng(6)
    half_hours = generator.choice([-1.0, 1.0], (13, 3))
    scores = np.repeat(half_hours, 30, axis=0)[:, :, None] * np.array([0.1, -0.1])
    slots, regimes = np.arange(390), np.full(390, -1, dtype=np.int8)
    sigma_30, return_30 = np.full((390, 3), 0.01), np.zeros((390, 3))
    ends = np.arange(29, 390, 30)
    return_30[ends[1:]] = 0.02 * half_hours[ends[:-1] // 30]
    weights = weights_in_force(rules, new_state(given, 3, 1), slots, scores, regimes, return_30, sigma_30)
    moved = np.flatnonzero(np.diff(weights[:, 0]) != 0.0) + 1
    assert set(moved) == set(ends[1:])
    assert weights[58, 0] == 0.5 and weights[-1, 0] > 0.99
    assert np.allclose(weights.sum(axis=1), 1.0)
    state, out = new_state(given, 3, 1), np.empty(3)
    for t in slots:
        signal_step(rules, state, t, scores[t], -1, return_30[t], sigma_30[t], out)
        assert np.array_equal(state.weights, weights[t])


def test_what_was_learnt_before_the_session_is_where_it_begins():
    given = replace(ensemble([0.5, 0.5], q99=1.0), online=online([10.0, 30.0], 60))
    state = new_state(given, 1, 1)
    assert step(given, EVEN, np.array([[0.02, 0.04]]))[0] == pytest.approx(float(state.hedge.weights @ [0.2, 0.4]))
    assert state.hedge.weights[0] > 0.9


@pytest.mark.parametrize("learns", [False, True])
def test_a_missing_late_or_nan_member_drops_out_and_without_any_there_is_no_signal(learns):
    given = ensemble([0.2, 0.3, 0.5], q99=1.0)
    given = replace(given, online=online([0.0, 0.0, 0.0], 0)) if learns else given
    weights = new_state(given, 4, 1).hedge.weights if learns else given.weights[0]
    scores = np.array([[0.1, 0.2, 0.4], [NAN, 0.2, 0.4], [NAN, NAN, 0.4], [NAN, NAN, NAN]])
    found = step(given, EVEN, 0.1 * scores if learns else scores)
    known = [weights[np.isfinite(row)] for row in scores[:3]]
    damped = [min(1.0, left.sum() * np.sqrt((weights**2).sum() / (left**2).sum())) for left in known]
    expected = [
        factor * np.nansum(weights * row) / left.sum()
        for factor, row, left in zip(damped, scores[:3], known, strict=True)
    ]
    assert found == pytest.approx([*expected, NAN], nan_ok=True)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("weights", [[0.2] * 5, [0.1, 0.1, 0.1, 0.1, 0.6], [0.6, 0.1, 0.1, 0.1, 0.1]])
def test_fewer_members_never_open_more(correlation, weights):
    generator = np.random.default_rng(7)
    common, own = generator.normal(0, 1, (20_000, 1)), generator.normal(0, 1, (20_000, 5))
    scores = np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * own
    squares = float((np.array(weights) ** 2).sum())
    given = ensemble(weights, q99=2.576 * np.sqrt(squares + (1.0 - squares) * correlation))
    opens = []
    for n_missing in range(5):
        scores[:, :n_missing] = NAN
        opens.append(np.mean(np.abs(step(given, EVEN, scores)) >= 0.6))
    assert opens[0] == pytest.approx(0.122, abs=0.01)
    assert max(opens[1:]) <= opens[0] + 0.005
    assert correlation == 0.0 or max(opens[1:]) < opens[0]


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_what_hedge_trades_is_what_it_judged_and_keeps_the_bound(missing):
    """Two noisy members, the one that is right ten times as quiet."""
    generator, n_sessions, scale = np.random.default_rng(8), 20, np.array([0.2, 0.02])
    slots = np.tile(np.arange(390), n_sessions)
    moves = generator.normal(0, 1, (13 * n_sessions, 20))
    noise = generator.normal(0, 1, (13 * n_sessions, 20, 2))
    scores = np.repeat(scale * (noise + moves[:, :, None] * [0.0, 1.0]) / 2, 30, axis=0)
    scores[generator.random(scores.shape) < missing] = NAN
    sigma_30, return_30 = np.full(scores.shape[:2], 0.01), np.zeros(scores.shape[:2])
    return_30[29::30] = 0.02 * np.roll(moves, 1, axis=0)
    given = replace(ensemble([0.5, 0.5], q99=1.0), online=Online.untaught(scale))
    rules, state = rules_of(given, EVEN, 1), new_state(given, 20, 1)
    regimes = np.full(len(slots), -1, dtype=np.int8)
    traded = signals(rules, state, slots, scores, regimes, return_30, sigma_30)
    starts = np.flatnonzero((slots % 30 == 29) & (slots < 389))
    loss = float(np.nanmean((1 - traded[starts] * np.clip(return_30[starts + 30] / 0.02, -1, 1)) / 2, axis=1).sum())
    taught = learnt(state.hedge)
    assert missing or loss == pytest.approx(taught.own_loss)
    assert loss - taught.loss.min() <= regret(taught, given.inside)[1]
    assert state.hedge.weights[1] > 0.9
