"""The planted market of `benchmarks/regime.py` in small: known regimes are found, and keep their names."""

import numpy as np
import pytest

from benchmarks.regime import N_SLOTS, detection_minutes, filtered, planted, refits, renamed
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.walkforward.windows import window_of

N_SESSIONS, N_TRAIN = 50, 35


@pytest.fixture(scope="module")
def market():
    return planted(N_SESSIONS, 11)


def test_the_true_regime_is_in_force_most_of_the_time_and_soon_after_it_begins(market):
    states = filtered(market, window_of(0, (0, N_TRAIN), *[(N_TRAIN, N_SESSIONS)] * 2), RegimeConfig())
    tested = slice(N_TRAIN * N_SLOTS, None)
    truth, states = market.truth[tested], states[tested]
    assert len(set(truth)) == 3
    assert (truth == states).mean() > 0.9
    assert detection_minutes(truth, states) < 45


def test_a_rare_crisis_has_a_state_of_its_own():
    rare = planted(60, 8)
    assert (rare.truth[: 40 * N_SLOTS] == 2).mean() < 0.05
    states = filtered(rare, window_of(0, (0, 40), (40, 60), (40, 60)), RegimeConfig())
    assert (rare.truth == states)[40 * N_SLOTS :].mean() > 0.95


def test_regimes_keep_their_names_in_every_refit(market):
    starts, states = zip(*refits(market, RegimeConfig(), 3, N_TRAIN, rolling=False), strict=True)
    assert renamed(states, starts) < 0.01


def test_what_is_measured_is_what_it_says():
    truth = np.repeat([0, 1, 2], 50).astype(np.int8)
    late = np.repeat([0, 0, 1, 1], [50, 20, 30, 50]).astype(np.int8)
    assert detection_minutes(truth, late) == 35, "20 minutes late, and never (50)"
    first, second = np.array([0, 0, 1, 1], np.int8), np.array([1, 1, 2], np.int8)
    assert renamed([first, second], [0, 2]) == 0.0, "of bars 2 and 3, both kept their name"
    assert renamed([first, np.array([1, 2, 2], np.int8)], [0, 2]) == 0.5
