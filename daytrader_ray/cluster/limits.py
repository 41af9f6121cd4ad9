"""One limit on the requests of a whole cluster: an actor that hands out permits, and what a worker keeps of them."""

import hashlib
import time
from typing import Any
from urllib.parse import urlsplit

from daytrader_ray import __version__
from daytrader_ray.adapters.rate_limit import RateLimit, lease_of, window_of

LEASE_SECONDS = 0.25
"""Permits that a worker has not used after this time are void, so that a pause holds for it too."""


def limiter(base_url: str, api_key: str, requests_per_minute: float | None) -> Any:
    """Return the handle of the cluster's limiter actor for an address, a key and its plan; Ray must be running.

    All jobs of a cluster share it (no CPU, and it outlives them): the vendor counts a key's requests, not a job's. One
    that another version of this package started is not asked.
    """
    import ray

    permits, window_seconds = window_of(requests_per_minute)
    key = hashlib.sha256(api_key.encode()).hexdigest()[:16]
    address = urlsplit(base_url)
    name = f"limit {__version__} {address.hostname}:{address.port} {key} {requests_per_minute}"
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(RateLimit)
    shared = actor.options(name=name, namespace="daytrader_ray", lifetime="detached", get_if_exists=True)
    return shared.remote(permits, window_seconds, time.monotonic)


def seconds_to_wait(base_url: str, api_key: str, requests_per_minute: float | None) -> float:
    """Return after how many seconds the limit of an address, a key and its plan lets the next request through."""
    import ray

    return float(ray.get(limiter(base_url, api_key, requests_per_minute).wait_left.remote()))


class SharedPace:
    """The pace of one worker: asks the actor for a few permits at a time and spends them without asking."""

    def __init__(self, actor: Any, requests_per_minute: float | None) -> None:
        self._actor = actor
        self._lease = lease_of(window_of(requests_per_minute)[0])
        self._left = 0
        self._until = 0.0
        self._answered = 0

    def wait(self) -> None:
        """Return when one more request may be sent."""
        import ray

        while not self._left or time.monotonic() > self._until:
            self._left, seconds = ray.get(self._actor.take.remote(self._lease, self._answered))
            self._answered = 0
            self._until = time.monotonic() + LEASE_SECONDS
            time.sleep(seconds)
        self._left -= 1

    def answered(self) -> None:
        """Take note of an answer; the actor hears of it with the next question."""
        self._answered += 1

    def refused(self, retry_after: float | None) -> None:
        """Have everybody pause."""
        import ray

        self._left = 0
        ray.get(self._actor.refused.remote(retry_after))
