"""Ray on this machine, or the cluster we were submitted to: started quietly, ended when we started it."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from daytrader_ray.domain.errors import ConfigError

OBJECT_STORE_BYTES = 2 * 2**30
"""Holds what the trials of fifty stocks and two years share; a quarter of the machine's memory at most. Memory is taken
only for what lies there."""
LOOPBACK = "127.0.0.2"
"""Ray turns 127.0.0.1 into the address of the outer interface; this one stays on loopback."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LOCAL_HOSTS = ("127.0.0.1", LOOPBACK, "localhost")


@contextmanager
def started(cpus: int | None = None, data_root: str | None = None) -> Iterator[int]:
    """Have Ray running inside the block and yield the number of CPUs it has.

    Joins the cluster of `RAY_ADDRESS` (set inside a submitted job), else starts one on this machine with `cpus`
    (default: all). A Ray that already runs in this process is used and left running. `data_root` is checked: workers
    of a cluster have other current folders, so a relative one is a `ConfigError`.
    """
    address = os.environ.get("RAY_ADDRESS", "local")
    if data_root is not None and address != "local" and "://" not in data_root and not Path(data_root).is_absolute():
        raise ConfigError(
            f"the data root '{data_root}' is relative, which other machines cannot find",
            "give --data or DAYTRADER_DATA as an absolute path",
        )
    with environment(_inherited()):
        import ray

        if ray.is_initialized():
            yield _cpus()
            return
        _start(address, cpus)
        try:
            yield _cpus()
        finally:
            ray.shutdown()


def _start(address: str, cpus: int | None) -> None:
    import ray

    if address != "local":
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        return
    ray.init(
        address="local",
        num_cpus=cpus or os.cpu_count(),
        include_dashboard=False,
        _node_ip_address=LOOPBACK,
        object_store_memory=min(OBJECT_STORE_BYTES, psutil.virtual_memory().total // 4),
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _cpus() -> int:
    import ray

    resources: Callable[[], dict[str, float]] = ray.cluster_resources
    return int(resources().get("CPU", 1))


def _inherited() -> dict[str, str]:
    """Return the variables that the processes of Ray inherit."""
    package_root = str(Path(__file__).resolve().parents[2])
    hosts = [*filter(None, os.environ.get("NO_PROXY", "").split(",")), *_LOCAL_HOSTS]
    return dict.fromkeys(_ONE_THREAD, "1") | {
        "PYTHONPATH": _joined([package_root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)], os.pathsep),
        "NO_PROXY": _joined(hosts, ","),
        "no_proxy": _joined(hosts, ","),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        # Ray's own default of 15 lets every other program of the machine go before a trading actor.
        "RAY_worker_niceness": "0",
    }


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block and put the old values back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _joined(parts: list[str], separator: str) -> str:
    return separator.join(dict.fromkeys(part for part in parts if part))
