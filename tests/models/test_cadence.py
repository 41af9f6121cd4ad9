"""Members that score every few minutes: the signal holds in between, in the batch and step by step alike."""

from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.cadence import bars_between, is_scored
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.models.ensemble import (
    Ensemble,
    new_state,
    rules_of,
    signal_step,
    signals,
    timeframe_means,
    weights_in_force,
)
from daytrader_ray.models.online import Online
from tests.models.evidence import evidence

SLOTS = np.concatenate([np.arange(210), np.arange(60)])
"""A half-day, and the first hour of the next session."""
N_SYMBOLS, N_MEMBERS = 4, 3


def ensemble(every: int, timeframes: tuple[float, ...] = (0.5, 0.3, 0.2), learns: bool = False) -> Ensemble:
    weights = np.random.default_rng(1).dirichlet(np.ones(N_MEMBERS), 4)
    online = Online.untaught(np.full(N_MEMBERS, 0.1)) if learns else None
    return Ensemble("x", 7, weights, np.array(timeframes), 0.1, 0.5, np.ones(2), online, score_every_minutes=every)


def known(seed: int = 2) -> tuple[np.ndarray, ...]:
    """Return scores, regimes, return_30 and sigma_30 of all bars; some scores are missing."""
    rng, n = np.random.default_rng(seed), len(SLOTS)
    scores = rng.normal(0, 0.1, (n, N_SYMBOLS, N_MEMBERS))
    scores[rng.random(scores.shape) < 0.3] = np.nan
    shape = (n, N_SYMBOLS)
    return scores, rng.integers(-1, 3, n).astype(np.int8), rng.normal(0, 0.01, shape), rng.uniform(0.001, 0.01, shape)


def said(given: Ensemble, bar_minutes: int = 1, loop=signals) -> np.ndarray:
    strategy = np.random.default_rng(3).random((4, 2))
    return loop(rules_of(given, strategy, bar_minutes), new_state(given, N_SYMBOLS, bar_minutes), SLOTS, *known())


@pytest.mark.parametrize(("every", "bar_minutes", "bars"), [(1, 1, 1), (5, 1, 5), (5, 5, 1), (30, 5, 6), (1, 5, 1)])
def test_minutes_become_bars_and_one_minute_is_every_bar(every: int, bar_minutes: int, bars: int) -> None:
    assert bars_between(every, bar_minutes) == bars


def test_minutes_that_end_no_bar_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"search\.score_every_minutes is 3: expected a multiple of the bars' 5"):
        bars_between(3, 5)


@pytest.mark.parametrize("every", [2, 5, 30])
def test_the_signal_holds_between_scored_bars_and_a_session_begins_without_one(every: int) -> None:
    now = (1.0, 0.0, 0.0)
    coarse, fine = said(ensemble(every, now)), said(ensemble(1, now))
    scored = is_scored(SLOTS, every)
    assert np.array_equal(coarse[scored], fine[scored], equal_nan=True)
    for row in range(1, len(SLOTS)):
        if not scored[row]:
            before = np.full(N_SYMBOLS, np.nan) if SLOTS[row] == 0 else coarse[row - 1]
            assert np.array_equal(coarse[row], before, equal_nan=True)
    assert np.isnan(coarse[every > SLOTS + 1]).all()


def test_timeframes_are_means_of_the_scores_made_in_their_minutes() -> None:
    given = replace(ensemble(5), weights=np.tile([1.0, 0.0, 0.0], (4, 1)))
    means = said(given, loop=timeframe_means)
    scores = known()[0][:, :, 0]
    assert np.isnan(means[~is_scored(SLOTS, 5)]).all()
    row = 24
    np.testing.assert_array_equal(means[row, :, :2], np.stack([scores[row], scores[row]], axis=1))
    last = np.nanmean(scores[[14, 19, 24]], axis=0)
    assert means[row, :, 2] == pytest.approx(np.where(np.isnan(scores[row]), np.nan, last), nan_ok=True)
    first = 210 + 4  # the second session's first score has no other to be averaged with
    np.testing.assert_array_equal(means[first, :, 2], scores[first])


@pytest.mark.parametrize("learns", [False, True])
def test_each_step_gives_the_bits_of_the_batch_and_is_not_asked_for_scores_in_between(learns: bool) -> None:
    given = ensemble(5, learns=learns)
    strategy, (scores, regimes, return_30, sigma_30) = np.random.default_rng(3).random((4, 2)), known()
    rules, batch, weights = rules_of(given, strategy, 1), said(given), said(given, loop=weights_in_force)
    state, out = new_state(given, N_SYMBOLS, 1), np.full(N_SYMBOLS, np.nan)
    nothing = np.full((N_SYMBOLS, N_MEMBERS), np.nan)
    for row, slot in enumerate(SLOTS):
        told = scores[row] if (slot + 1) % 5 == 0 else nothing
        signal_step(rules, state, slot, told, regimes[row], return_30[row], sigma_30[row], out)
        assert np.array_equal(out, batch[row], equal_nan=True)
        assert np.array_equal(state.weights, weights[row])


@pytest.mark.parametrize("every", [5, 30])
def test_weights_learn_the_same_from_rounds_that_start_on_a_score(every: int) -> None:
    assert np.array_equal(
        said(ensemble(every, learns=True), loop=weights_in_force), said(ensemble(1, learns=True), loop=weights_in_force)
    )


def test_where_every_bar_is_scored_the_bits_are_those_of_one_minute() -> None:
    assert np.array_equal(said(ensemble(5), 5), said(ensemble(1), 5), equal_nan=True)


def test_a_score_stands_for_the_minutes_up_to_the_next_one() -> None:
    given = replace(evidence(), score_every_minutes=5)
    assert given.n_samples(np.array([0.1, np.nan, 0.2])) == pytest.approx(10 / 30)
