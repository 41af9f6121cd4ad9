import os
import time

import pytest

from daytrader_ray import __version__
from daytrader_ray.cluster.limits import SharedPace, limiter, seconds_to_wait

pytestmark = pytest.mark.ray
URL = "http://127.0.0.1:1"


def test_workers_share_one_limit(ray_cluster: int) -> None:
    actor = limiter(URL, "one limit", None)
    paces = [SharedPace(actor, None) for _ in range(2)]
    began = time.monotonic()
    for _ in range(60):
        for pace in paces:
            pace.wait()
    # 80 a second: the last of 120 requests waits for the second window.
    assert 1.0 <= time.monotonic() - began < 10.0


def test_another_server_on_the_same_host_has_a_limit_of_its_own(ray_cluster: int) -> None:
    import ray

    one, other = (limiter(f"http://user:hidden@127.0.0.1:{port}", "two servers", None) for port in (1, 2))
    assert one._actor_id != other._actor_id
    names = [each["name"] for each in ray.util.list_named_actors(all_namespaces=True)]
    assert sum(name.startswith(f"limit {__version__} 127.0.0.1:") for name in names) >= 2
    assert not any("hidden" in name for name in names)


def test_workers_run_at_the_priority_of_the_program_that_started_them(ray_cluster: int) -> None:
    import ray

    assert ray.get(ray.remote(lambda: os.nice(0)).remote()) == os.nice(0)


def test_asking_costs_less_than_a_millisecond_a_request(ray_cluster: int) -> None:
    pace = SharedPace(limiter(URL, "cheap", 600_000.0), None)
    pace.wait()
    costs = []
    for _ in range(10):
        began = time.perf_counter()
        for _ in range(40):
            pace.wait()
        costs.append((time.perf_counter() - began) / 40)
    assert min(costs) < 1e-3


def test_a_refusal_of_one_holds_everybody_back(ray_cluster: int) -> None:
    one, other = (SharedPace(limiter(URL, "held back", None), None) for _ in range(2))
    one.wait()
    began = time.monotonic()
    one.refused(0.3)
    assert 0.0 < seconds_to_wait(URL, "held back", None) <= 0.3
    other.wait()
    assert time.monotonic() - began >= 0.3
    began = time.monotonic()
    one.refused(None)
    one.wait()
    assert time.monotonic() - began >= 1.0
