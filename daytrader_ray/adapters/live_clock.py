"""The clock of real time: a bar counts as complete once all have reported, or shortly after its end."""

from collections.abc import Awaitable, Callable

from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.ports import Tick
from daytrader_ray.domain.sessions import Session
from daytrader_ray.domain.trading import Phase

_SECONDS_PER_MINUTE = 60
LATE_SECONDS = 20.0
"""A close that is looked at later than this after its deadline ends the session: a stalled loop must not trade."""


class LiveClock:
    """Ticks of one session of one-minute bars in real time.

    Phase C of a bar comes after its end, as soon as `is_complete(slot)` or `deadline_seconds` later. Phase A comes once
    the bar has begun and the one before is decided, and again about once a second while `has_events()` says that
    updates wait. A last phase A, numbered after the last bar, takes what came after the close. `wake(seconds)` sleeps
    until something arrives, at most so long.
    Made after the open, it starts with the bar that is running then; `missed` says how many have ended before.
    """

    def __init__(
        self,
        session: Session,
        has_events: Callable[[], bool],
        is_complete: Callable[[int], bool],
        wake: Callable[[float], Awaitable[None]],
        now: Callable[[], float],
        deadline_seconds: float,
        late_seconds: float = LATE_SECONDS,
    ) -> None:
        self._session = session
        self._has_events = has_events
        self._is_complete = is_complete
        self._wake = wake
        self._now = now
        self._grace, self._late = deadline_seconds, late_seconds
        self._n_slots = session.n_minutes
        self._slot = self.missed = min(self._n_slots, max(0, int((now() - self._start) // _SECONDS_PER_MINUTE)))
        self._opened = -1
        self._drained = False

    @property
    def _start(self) -> float:
        return float(self._session.open_minute * _SECONDS_PER_MINUTE)

    async def next_tick(self) -> Tick | None:
        """Wait for the next phase; None after the last one."""
        if self._slot >= self._n_slots:
            return self._drain()
        begin = self._start + self._slot * _SECONDS_PER_MINUTE
        end = begin + _SECONDS_PER_MINUTE
        while (left := self._left(end)) > 0:
            begun = self._opened < self._slot and self._now() >= begin
            if begun or self._has_events():
                self._opened = self._slot if begun else self._opened
                return Tick(self._slot, Phase.OPEN, None, None)
            await self._wake(min(left, 1.0))
        late = self._now() - end - self._grace
        if late > self._late:
            raise FeedError(f"minute {self._slot} would be decided {late:.0f} s late: its orders met another market")
        tick = Tick(self._slot, Phase.CLOSE, None, None)
        self._slot += 1
        return tick

    async def done(self, tick: Tick) -> None:
        """Do nothing: real time does not wait for an answer."""

    def _left(self, end: float) -> float:
        """Return how many seconds the running bar may still wait for."""
        grace = 0.0 if self._is_complete(self._slot) else self._grace
        return end + grace - self._now()

    def _drain(self) -> Tick | None:
        if self._drained:
            return None
        self._drained = True
        return Tick(self._n_slots, Phase.OPEN, None, None)
