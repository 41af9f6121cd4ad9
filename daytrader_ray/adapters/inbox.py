"""What lies between a socket and its reader: frames in the order of their arrival, never a wait for the socket."""

from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

FRAMES = 20_000
SLOW_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Inbox:
    """Frames of all sources, at most `limit`; `put` never waits.

    `slow` counts how often the reader fell more than `SLOW_SECONDS` behind, `dropped` the frames that found no room.
    """

    def __init__(self, clock: Callable[[], float], limit: int = FRAMES) -> None:
        self.slow = 0
        self.dropped = 0
        self._clock, self._limit = clock, limit
        self._frames: deque[tuple[float, Any, Any]] = deque()
        self._behind = False

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, source: Any, raw: Any) -> bool:
        """Keep a frame; return False where there is no room for it."""
        if len(self._frames) >= self._limit:
            self.dropped += 1
            return False
        self._frames.append((self._clock(), source, raw))
        return True

    def take(self) -> tuple[Any, Any]:
        """Return source and content of the oldest frame."""
        came, source, raw = self._frames.popleft()
        behind = self._clock() - came > SLOW_SECONDS
        if behind and not self._behind:
            self.slow += 1
            log.warning("the reader of bars falls behind", waiting=len(self._frames), times=self.slow)
        self._behind = behind
        return source, raw
