"""One limit on the requests of a whole cluster: an actor that hands out permits, and what a worker keeps of them."""

import time
from typing import Any

from daytrader_ray.adapters.rate_limit import RateLimit, lease_of, window_of

LEASE_SECONDS = 0.25
"""Permits that a worker has not used after this time are void, so that a pause holds for it too."""


def limiter(requests_per_minute: float | None) -> Any:
    """Return the handle of a limiter actor (no CPU of its own) for a plan; Ray must be running."""
    import ray

    permits, window_seconds = window_of(requests_per_minute)
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(RateLimit)
    return actor.remote(permits, window_seconds, time.monotonic)


class SharedPace:
    """The pace of one worker: asks the actor for a few permits at a time and spends them without asking."""

    def __init__(self, actor: Any, requests_per_minute: float | None) -> None:
        self._actor = actor
        self._lease = lease_of(window_of(requests_per_minute)[0])
        self._left = 0
        self._until = 0.0

    def wait(self) -> None:
        """Return when one more request may be sent."""
        import ray

        while not self._left or time.monotonic() > self._until:
            self._left, seconds = ray.get(self._actor.take.remote(self._lease))
            self._until = time.monotonic() + LEASE_SECONDS
            time.sleep(seconds)
        self._left -= 1

    def refused(self, retry_after: float | None) -> None:
        """Have everybody pause."""
        import ray

        self._left = 0
        ray.get(self._actor.refused.remote(retry_after))
