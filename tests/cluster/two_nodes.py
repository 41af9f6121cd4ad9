"""A search on two nodes of Ray, of which one is lost while it fits; prints JSON. A test runs it as a program."""

import contextlib
import json
import os
import sys
import threading
import time

import psutil
import ray
from ray.cluster_utils import Cluster

from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.search import SearchRequest, search
from daytrader_ray.universe.config import UniverseConfig
from tests.cluster.stores import SEARCH, SYMBOLS, fill

HERE, THERE = "127.0.0.2", "127.0.0.3"
MOST_SECONDS = 60.0
"""Within these Ray knows that a node is lost."""


def main(root: str) -> None:
    """Search a store of its own; the second node is killed with a fit on it."""
    fill(root)
    request = SearchRequest(root=root, universe=UniverseConfig(sectors={}).replaced_by(SYMBOLS), config=SEARCH)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "node_ip_address": HERE})
    second = cluster.add_node(num_cpus=1, node_ip_address=THERE)
    os.environ["RAY_ADDRESS"] = cluster.address
    raylet, lost, done = psutil.Process(second.all_processes["raylet"][0].process.pid), list[str](), threading.Event()

    def watch() -> None:
        while not done.is_set() and not lost:
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(child.name().startswith("ray::_timed_fit") for child in raylet.children()):
                    lost.append(THERE)
                    cluster.remove_node(second, allow_graceful=False)
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with started() as cpus:
            found = search(request).result
            until = time.monotonic() + MOST_SECONDS
            while len(left := [node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]]) > 1:
                if time.monotonic() > until:
                    break
                time.sleep(0.5)
    finally:
        done.set()
        watcher.join()
        cluster.shutdown()
    sys.stdout.write(json.dumps({"id": found["id"], "cpus": cpus, "lost": lost, "left": left}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
