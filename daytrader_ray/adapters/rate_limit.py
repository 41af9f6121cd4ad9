"""How often a vendor may be asked: a window of permits that all who ask share, and one pause for all after a 429."""

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

UNLIMITED_PER_MINUTE = 80 * 60.0
"""What an unlimited plan is asked at most: the vendor wants fewer than 100 requests a second."""
MARGIN_SECONDS = 0.25
"""Requests arrive with other delays than they were sent; a window of a minute is this much longer for it."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LONGEST_RETRY_AFTER = 900.0
RECOVERY = 0.9


class Pace(Protocol):
    """What a client asks before each request and tells about a 429."""

    def wait(self) -> None:
        """Return when one more request may be sent."""
        ...

    def answered(self) -> None:
        """Take note of an answer that is no 429."""
        ...

    def refused(self, retry_after: float | None) -> None:
        """Take note of a 429 and of the seconds that the vendor asked for."""
        ...


class RateLimit:
    """At most `permits` in any `window_seconds`, and none while a pause lasts; `now` is a monotonic clock.

    A 429 makes a pause: as long as the vendor asked for, else 1 s and twice as long each time up to a minute; every
    request that is answered shortens the next one by a tenth. What was in flight when the pause began
    and is refused too does not lengthen it.

    Examples
    --------
    >>> limit = RateLimit(2, 60.0, iter([0.0, 1.0, 2.0]).__next__)
    >>> limit.take(1), limit.take(5), limit.take(1)
    ((1, 0.0), (1, 0.0), (0, 58.0))
    """

    def __init__(self, permits: int, window_seconds: float, now: Callable[[], float]) -> None:
        self._window = window_seconds
        self._now = now
        self._given: deque[float] = deque([-math.inf] * permits, maxlen=permits)
        self._free_at = -math.inf
        self._pause = FIRST_PAUSE

    def take(self, wanted: int, answered: int = 0) -> tuple[int, float]:
        """Return how many of `wanted` requests may be sent now, and after how many seconds to ask again if none.

        `answered` is how many were answered, and not by a 429, since this asker asked last.
        """
        now = self._now()
        self._pause = max(FIRST_PAUSE, self._pause * RECOVERY**answered)
        free_at = max(self._free_at, self._given[0] + self._window)
        if free_at > now:
            return 0, free_at - now
        given = 0
        while given < wanted and self._given[0] + self._window <= now:
            self._given.append(now)
            given += 1
        return given, 0.0

    def wait_left(self) -> float:
        """Return the seconds until the next request may be sent: after a pause, or when the window has room."""
        return max(0.0, max(self._free_at, self._given[0] + self._window) - self._now())

    def refused(self, retry_after: float | None) -> float:
        """Begin a pause, or lengthen the one that lasts; return the seconds until it ends."""
        now = self._now()
        if not retry_after and self._free_at <= now:
            retry_after = self._pause
            self._pause = min(2.0 * self._pause, LONGEST_PAUSE)
        self._free_at = max(self._free_at, now + min(retry_after or 0.0, LONGEST_RETRY_AFTER))
        return self._free_at - now


def window_of(requests_per_minute: float | None) -> tuple[int, float]:
    """Return permits and window in seconds of a plan (None: unlimited): by the second where it allows one a second.

    >>> window_of(5), window_of(None), window_of(600), window_of(0.5)
    ((5, 60.25), (80, 1.0), (10, 1.0), (1, 120.25))
    """
    per_minute = UNLIMITED_PER_MINUTE if requests_per_minute is None else requests_per_minute
    if per_minute >= 60.0:
        permits = int(per_minute / 60.0)
        return permits, permits * 60.0 / per_minute
    permits = max(1, int(per_minute))
    return permits, permits * 60.0 / per_minute + MARGIN_SECONDS


def lease_of(permits: int) -> int:
    """Return how many permits are taken at a time, so that asking costs little and nobody keeps the others waiting.

    >>> lease_of(5), lease_of(80)
    (1, 8)
    """
    return max(1, permits // 10)
