"""How long each stage of a search took."""

import time
from collections.abc import Callable

from daytrader_ray.cluster.fits import Progress


class Watch:
    """Passes progress on to `told` and times the stages: one lasts until the next one reports for the first time.

    `done` counts the reports of each stage.
    """

    def __init__(self, told: Progress, now: Callable[[], float] = time.perf_counter) -> None:
        self._told, self._now = told, now
        self._stage, self._since = "start", now()
        self._seconds: dict[str, float] = {}
        self.done: dict[str, int] = {}

    def __call__(self, stage: str, done: int, of: int) -> None:
        """See `Progress`."""
        if stage != self._stage:
            self._turn(stage)
        self.done[stage] = self.done.get(stage, 0) + 1
        self._told(stage, done, of)

    def _turn(self, stage: str) -> None:
        now = self._now()
        self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now

    def seconds(self) -> dict[str, float]:
        """Return the wall time of each stage so far, that of the running one included."""
        self._turn(self._stage)
        return dict(self._seconds)
