"""Candidates of options are drawn before anything is fitted, and every one of them is a member."""

import pytest

from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.registry import member
from daytrader_ray.models.spaces import SPACES, Between, candidates


@pytest.mark.parametrize("name", MEMBERS)
def test_candidates_are_members_inside_their_space_and_more_are_the_same_ones_and_then_some(name: str) -> None:
    configured = {"max_samples": 900}
    found = candidates(name, configured, 6, seed=7)
    assert found[0] == configured and len(found) == 6
    assert candidates(name, configured, 3, seed=7) == found[:3]
    assert candidates(name, configured, 6, seed=8)[1:] != found[1:]
    for options in found[1:]:
        assert member(name, options).config.max_samples == 900
        for key, space in SPACES[name].items():
            inside = space.low <= options[key] <= space.high if isinstance(space, Between) else options[key] in space
            assert inside, (key, options[key])


def test_draws_differ_between_members_and_a_member_without_a_space_stays_as_configured() -> None:
    rates = [candidates(name, {}, 2, seed=7)[1]["learning_rate"] for name in ("lstm", "cnn", "transformer")]
    assert len(set(rates)) == 3
    assert candidates("my_member", {"size": 3}, 9, seed=7) == [{"size": 3}]


@pytest.mark.parametrize("own", [{"heads": 3, "width": 24}, {"heads": 32}, {"heads": 64, "width": 64, "layers": 1}])
def test_what_is_configured_stays_and_no_candidate_is_one_that_the_member_refuses(own: dict[str, int]) -> None:
    found = candidates("transformer", own, 6, seed=7)
    assert len(found) == 6
    for options in found:
        assert {name: options[name] for name in own} == own
        member("transformer", options)


def test_where_everything_is_configured_nothing_is_drawn() -> None:
    own = {"depth": 4, "min_leaf": 50}
    assert candidates("random_forest", own, 4, seed=7) == [own]
