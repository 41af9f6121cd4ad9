import datetime as dt

import pytest

from daytrader_ray.adapters.live_clock import LiveClock
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.sessions import Session
from daytrader_ray.domain.trading import Phase

SESSION = Session(dt.date(2025, 12, 2), open_minute=1000, n_minutes=3)


class Time:
    """Time that passes only while somebody sleeps."""

    def __init__(self, seconds):
        self.seconds = seconds

    def now(self):
        return self.seconds

    async def sleep(self, seconds):
        self.seconds += seconds


def clock_at(time, has_events=lambda: False, is_complete=lambda _: False):
    return LiveClock(SESSION, has_events, is_complete, time.sleep, time.now, deadline_seconds=1.5)


async def run(time, *questions):
    clock = clock_at(time, *questions)
    seen = []
    while (tick := await clock.next_tick()) is not None:
        seen.append((tick.slot, tick.phase.value, time.seconds))
        assert tick.n_events is None and tick.n_bars is None
        await clock.done(tick)
    return seen


async def test_each_bar_closes_shortly_after_its_minute_and_the_last_phase_drains():
    seen = await run(Time(59_000.0))
    opens = [(0, "A", 60_000.0), (1, "A", 60_061.5), (2, "A", 60_121.5), (3, "A", 60_181.5)]
    closes = [(0, "C", 60_061.5), (1, "C", 60_121.5), (2, "C", 60_181.5)]
    assert seen == sorted(opens + closes)


async def test_a_minute_in_which_all_have_reported_closes_at_its_end_and_never_before():
    complete = {0, 2}
    seen = await run(Time(59_000.0), lambda: False, complete.__contains__)
    assert [(slot, at) for slot, phase, at in seen if phase == "C"] == [(0, 60_060.0), (1, 60_121.5), (2, 60_180.0)]


async def test_the_last_report_ends_the_wait_at_once():
    time = Time(60_060.0)
    clock = clock_at(time, is_complete=lambda _: time.seconds >= 60_120.7)

    async def wake(seconds):  # the last bar comes 0.7 s after the end
        time.seconds = min(time.seconds + seconds, max(60_120.7, time.seconds + 0.1))

    clock._wake = wake
    ticks = [await clock.next_tick() for _ in range(2)]
    assert [tick.phase.value for tick in ticks] == ["A", "C"] and time.seconds == 60_120.7


async def test_updates_are_announced_between_the_bars():
    time = Time(60_000.0)
    pending = [60_010.0, 60_130.0]

    def has_events():
        if pending and time.seconds >= pending[0]:
            pending.pop(0)
            return True
        return False

    seen = await run(time, has_events)
    phases = [(slot, phase) for slot, phase, _ in seen]
    first, second, third = (0, "A"), (1, "A"), (2, "A")
    assert phases == [first, first, (0, "C"), second, (1, "C"), third, third, (2, "C"), (3, "A")]


async def test_a_late_start_goes_to_the_bar_that_is_running_and_counts_the_missed_ones():
    assert clock_at(Time(60_090.0)).missed == 1
    assert (await run(Time(60_090.0)))[:2] == [(1, "A", 60_090.0), (1, "C", 60_121.5)]


async def test_a_loop_that_has_stalled_ends_the_session_instead_of_trading_late():
    time = Time(SESSION.open_minute * 60.0)
    clock = clock_at(time)

    async def stall(seconds):
        time.seconds += 600.0

    clock._wake = stall
    assert (await clock.next_tick()).phase is Phase.OPEN
    with pytest.raises(FeedError, match=r"minute 0 would be decided \d+ s late"):
        await clock.next_tick()
