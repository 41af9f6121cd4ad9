"""Which candidate a window trades with is decided by B of the windows up to it."""

import numpy as np
import pytest

from daytrader_ray.domain.trading import BASELINES, MEMBERS
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.tuning import chosen, ic_on_b, options_of, with_options
from daytrader_ray.walkforward.windows import WindowSpec, windows
from tests.walkforward.markets import market, planted


def test_the_highest_mean_so_far_is_chosen_and_of_equals_the_first() -> None:
    ics = np.array([[0.1, 0.1, np.nan], [0.0, 0.3, np.nan], [0.5, 0.0, 0.9]])
    assert chosen(ics) == [0, 1, 2]
    assert chosen(np.full((2, 3), np.nan)) == [0, 0]


def test_later_windows_change_no_earlier_choice() -> None:
    ics = np.random.default_rng(3).normal(size=(20, 4))
    changed = ics.copy()
    changed[9:] += [0.0, 9.0, 0.0, 0.0]
    assert chosen(changed)[:9] == chosen(ics)[:9] != chosen(changed)[9:]


def test_skill_on_b_is_that_of_its_sessions_and_of_returns_that_are_closed_in_b() -> None:
    here = market(planted(n_sessions=12, n_symbols=3))
    window = windows(here.frames.panel.grid, WindowSpec.parse("8s", "2s", "2s"))[0]
    rows = here.rows(window.b)
    forward = here.labels.forward_return[rows][:, here.columns]
    assert ic_on_b(here, window, forward) == pytest.approx(1.0)
    assert ic_on_b(here, window, -forward) == pytest.approx(-1.0)
    assert np.isnan(ic_on_b(here, window, np.full(forward.shape, np.nan)))
    noise = np.random.default_rng(1).normal(size=forward.shape)
    assert abs(ic_on_b(here, window, noise)) < 0.2


def test_a_baseline_is_not_tuned_and_options_replace_those_of_one_member() -> None:
    config = SearchConfig(tune_members=4, members={"lstm": {"hidden": 16}})
    assert [len(options_of(name, config)) for name in (*MEMBERS, *BASELINES)] == [4] * 5 + [1] * 2
    assert options_of("lstm", config)[0] == {"hidden": 16}
    assert [len(options_of(name, SearchConfig())) for name in MEMBERS] == [1] * 5
    other = with_options(config, "cnn", {"filters": 8})
    assert (other.members["lstm"], other.members["cnn"]) == ({"hidden": 16}, {"filters": 8})
