"""A profile that cannot be used is refused in one line: which key, what was expected, what is close."""

import pytest

from daytrader_ray.cli.profile import ProfileConfig
from daytrader_ray.domain.errors import ConfigError


@pytest.mark.parametrize(
    ("search", "message", "hint"),
    [
        ({"members": {"xgbost": {}}}, "search.members: expected one of lstm, .*, found 'xgbost'", "'xgboost'"),
        ({"members": {"xgboost": {"rouns": 5}}}, "search.members: xgboost: unknown key 'rouns'", "'rounds'"),
        ({"members": {"transformer": {"width": 30}}}, "search.members: transformer: width 30 is not a mult", ""),
        (
            {"max_samples": 1000, "members": {"xgboost": {"max_samples": 2000}}},
            "search.members: xgboost: .*2000 is above",
            "",
        ),
        (
            {"ensemble": {"scheme": "skil"}},
            "search.ensemble.scheme: expected one of equal, .*, found 'skil'",
            "'skill'",
        ),
        ({"max_samples": 5}, "search.max_samples: Input should be .* 100, found 5", ""),
    ],
)
def test_what_a_search_cannot_use_is_refused_before_it_begins(search: object, message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"^mine.yaml: {message}") as caught:
        ProfileConfig.parse({"universe": {"sectors": {"all": ["AAA"]}}, "search": search}, "mine.yaml")
    assert hint in caught.value.hint and bool(hint) == bool(caught.value.hint)
    assert "Value error" not in caught.value.message


def test_a_members_options_below_the_cap_of_any_fit_are_used() -> None:
    members = {"xgboost": {"max_samples": 500}, "lstm": {}}
    values = {"universe": {"sectors": {"all": ["AAA"]}}, "search": {"max_samples": 1000, "members": members}}
    assert ProfileConfig.parse(values, "mine.yaml").search.members == members
