import os
from pathlib import Path

import pytest

from daytrader_ray.cluster.pipeline import mapped
from daytrader_ray.cluster.runtime import started
from daytrader_ray.domain.errors import ConfigError, FeedError

pytestmark = pytest.mark.ray


def test_a_running_ray_is_used_and_left_running(ray_cluster: int) -> None:
    import ray

    with started(cpus=1) as cpus:
        assert cpus == ray_cluster == 2
    assert ray.is_initialized()


def test_ray_stays_on_loopback_with_one_thread_a_worker(ray_cluster: int) -> None:
    import ray

    assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.2"]
    (seen,) = mapped([0], lambda _: (os.environ["OMP_NUM_THREADS"], os.environ["NO_PROXY"]))
    assert seen[0] == "1"
    assert "127.0.0.1" in seen[1].split(",")


def test_the_environment_is_put_back(ray_cluster: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    with started():
        assert os.environ["NO_PROXY"].startswith("example.org,127.0.0.1")
    assert os.environ["NO_PROXY"] == "example.org"


def test_a_cluster_refuses_a_relative_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    with pytest.raises(ConfigError, match="'data' is relative") as caught, started(data_root="data"):
        pass
    assert "absolute" in caught.value.hint


def test_workers_import_this_package(ray_cluster: int) -> None:
    import daytrader_ray

    def where(_: int) -> str:
        import daytrader_ray

        return str(daytrader_ray.__file__)

    (found,) = mapped([0], where)
    assert Path(found) == Path(str(daytrader_ray.__file__))


def test_every_item_gives_one_result_of_its_own_type(ray_cluster: int) -> None:
    items = [(name, number) for name in "ABC" for number in range(9)]
    assert sorted(mapped(items, lambda item: (item[0], item[1] * 2, None))) == [(n, k * 2, None) for n, k in items]
    assert list(mapped([], lambda item: item)) == []


def test_a_named_error_of_one_item_arrives_as_itself(ray_cluster: int) -> None:
    def fail(item: int) -> int:
        if item == 3:
            raise FeedError("no answer", "wait")
        return item

    with pytest.raises(FeedError, match="no answer") as caught:
        list(mapped(list(range(5)), fail))
    assert caught.value.hint == "wait"
