"""The rule about events: where it is near one, and what it says of an entry's size there."""

import numpy as np
import pytest

from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.engine.config import EventRule, KernelConfig
from daytrader_ray.engine.events import entry_scale

NONE = np.nan


def scales(rule: EventRule, *minutes: tuple[float, float]) -> list[float]:
    return entry_scale(rule, np.array(minutes, dtype=np.float64).reshape(-1, 2)).tolist()


def test_from_so_many_minutes_before_until_so_many_after_nothing_is_entered() -> None:
    rule = EventRule(minutes_before=30, minutes_after=10)
    assert scales(rule, (31, NONE), (30, NONE), (0.5, NONE)) == [1, 0, 0]
    assert scales(rule, (NONE, 0), (NONE, 9.5), (NONE, 10), (500, 400), (NONE, NONE)) == [0, 0, 1, 1, 1]


def test_a_side_of_zero_minutes_is_no_side() -> None:
    assert scales(EventRule(minutes_before=0, minutes_after=0), (0.5, 0), (1, 1)) == [1, 1]


def test_entries_may_be_shrunk_instead() -> None:
    assert scales(EventRule(size=0.25), (5, NONE), (NONE, 45)) == [0.25, 1]


def test_a_misspelt_option_is_named() -> None:
    with pytest.raises(ConfigError, match=r"events\.minute_before") as failure:
        KernelConfig.parse({"events": {"minute_before": 5}}, "mine.yaml")
    assert "events.minutes_before" in failure.value.hint
