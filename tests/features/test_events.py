"""Minutes to and since events are those of whoever knew, at each minute, what was known by then."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.features.events import event_minutes

NONE = np.nan


def minutes(events: list[tuple[float, ...]], now: list[int]) -> list[list[float]]:
    """Events are (timestamp, known_at) or (timestamp, known_at, withdrawn_at)."""
    rows = [(*event, np.inf)[:3] for event in events]
    fields = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return event_minutes(*fields, np.array(now, dtype=np.int64)).tolist()


def same(found: list[list[float]], expected: list[list[float]]) -> None:
    np.testing.assert_array_equal(np.reshape(found, (-1, 2)), np.reshape(expected, (-1, 2)))


def plain(events: list[tuple[float, float, float]], now: int) -> list[float]:
    """What the words say, event by event."""
    known = [stamp for stamp, known_at, withdrawn_at in events if known_at <= now < withdrawn_at]
    ahead, past = [s - now for s in known if s > now], [now - s for s in known if s <= now]
    return [min(ahead, default=NONE), min(past, default=NONE)]


def test_an_event_counts_from_the_time_it_became_known() -> None:
    found = minutes([(100.0, 50.0)], [49, 50, 99, 100, 130])
    same(found, [[NONE, NONE], [50, NONE], [1, NONE], [NONE, 0], [NONE, 30]])


def test_a_nearer_event_that_becomes_known_later_takes_over_then() -> None:
    found = minutes([(100.0, 0.0), (60.0, 40.0)], [39, 40, 60, 99])
    same(found, [[61, NONE], [20, NONE], [40, 0], [1, 39]])


def test_what_became_known_after_it_happened_is_past_from_then_on() -> None:
    same(minutes([(10.0, 30.0)], [20, 29, 30]), [[NONE, NONE], [NONE, NONE], [NONE, 20]])


def test_an_event_that_was_moved_counts_until_it_was_withdrawn() -> None:
    found = minutes([(100.0, 10.0, 40.0), (200.0, 40.0), (20.0, 10.0, 30.0)], [25, 30, 39, 40, 120])
    same(found, [[75, 5], [70, NONE], [61, NONE], [160, NONE], [80, NONE]])


def test_no_events_are_none() -> None:
    assert np.isnan(minutes([], [1, 2])).all()


times = st.integers(0, 40).map(lambda half: half / 2)


ends = times | st.just(np.inf)


@given(st.lists(st.tuples(times, times, ends), max_size=12), st.lists(st.integers(-2, 45), max_size=40))
def test_the_sweep_says_what_the_words_say(events: list[tuple[float, float, float]], now: list[int]) -> None:
    same(minutes(events, now), [plain(events, at) for at in now])


@given(
    st.lists(st.tuples(times, times), max_size=12), st.tuples(times, times), st.lists(st.integers(0, 40), max_size=20)
)
def test_nothing_learned_later_changes_what_was_said(
    events: list[tuple[float, float]], new: tuple[float, float], now: list[int]
) -> None:
    before = [at for at in now if at < new[1]]
    assert np.array_equal(minutes(events, before), minutes([*events, new], before), equal_nan=True)
