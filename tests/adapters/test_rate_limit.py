from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.adapters.rate_limit import LONGEST_PAUSE, RateLimit, window_of


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def made(permits: int, window: float) -> tuple[RateLimit, Hand]:
    hand = Hand()
    return RateLimit(permits, window, hand), hand


@given(
    permits=st.integers(1, 9),
    steps=st.lists(st.tuples(st.integers(1, 9), st.floats(0.0, 3.0)), max_size=60),
)
def test_no_window_ever_holds_more_than_its_permits(permits: int, steps: list[tuple[int, float]]) -> None:
    limit, hand = made(permits, 2.0)
    sent: list[float] = []
    for wanted, later in steps:
        hand.time += later
        given_now, seconds = limit.take(wanted)
        assert given_now <= wanted
        assert (given_now == 0) == (seconds > 0)
        sent += [hand.time] * given_now
    for index, time in enumerate(sent):
        # A window is open at its end: what is sent exactly a window later belongs to the next one.
        assert sum(other - time < 2.0 - 1e-9 for other in sent[index:]) <= permits


def test_a_wait_is_as_long_as_it_says() -> None:
    limit, hand = made(5, 60.0)
    assert [limit.take(1)[0] for _ in range(6)] == [1, 1, 1, 1, 1, 0]
    hand.time = 20.0
    assert limit.take(1) == (0, 40.0)
    assert limit.wait_left() == 40.0
    hand.time = 60.0
    assert limit.wait_left() == 0.0
    assert limit.take(9) == (5, 0.0)


def test_a_pause_holds_for_all_and_as_long_as_the_vendor_asks() -> None:
    limit, hand = made(100, 1.0)
    assert limit.refused(7.0) == 7.0
    assert limit.take(3) == (0, 7.0)
    hand.time = 5.0
    assert limit.refused(1.0) == 2.0  # what was in flight cannot end the pause sooner
    hand.time = 7.0
    assert limit.take(3) == (3, 0.0)


def test_without_a_word_from_the_vendor_pauses_double_and_success_shortens_them() -> None:
    limit, hand = made(100, 1.0)
    pauses = []
    for _ in range(9):
        pauses.append(limit.refused(None))
        assert limit.refused(None) == pauses[-1]  # the same burst counts once
        hand.time += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    for _ in range(50):
        limit.take(1, answered=1)
        hand.time += 1.0
    assert limit.refused(None) == 1.0


def test_permits_that_end_in_a_refusal_shorten_no_pause() -> None:
    limit, hand = made(80, 1.0)
    answers = refusals = 0
    window = [-60.0] * 5  # the vendor's own count: five a minute
    while answers < 50:
        given_now, seconds = limit.take(8, 0)
        hand.time += seconds
        for _ in range(given_now):
            if window[0] + 60.0 > hand.time:
                limit.refused(None)
                refusals += 1
                break
            window = [*window[1:], hand.time]
            answers += 1
            limit.take(0, answered=1)
    assert refusals < 30


def test_a_vendor_that_asks_for_no_wait_still_gets_one() -> None:
    limit, _ = made(100, 1.0)
    assert limit.refused(0.0) == 1.0


def test_plans_become_windows_by_the_second_or_by_the_minute() -> None:
    assert window_of(5)[0] == 5
    assert 60.0 < window_of(5)[1] < 61.0
    assert window_of(90) == (1, 60 / 90)
    assert window_of(None) == (80, 1.0)
