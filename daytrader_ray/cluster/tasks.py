"""Ray tasks, few at a time: as many at once as processors and memory allow."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

from daytrader_ray.domain.errors import DataError, DaytraderError

log = structlog.get_logger(__name__)

K = TypeVar("K")

LESS_MEMORY = "use fewer --cpus, or a lower search.max_samples"


def unordered(work: Iterable[tuple[K, Callable[[], Any]] | None]) -> Iterator[tuple[K, Any]]:
    """Start the Ray task of each (name, start) and yield (name, result) as they come, few at a time.

    None in `work` says that nothing can be started before something has come.
    """
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray leaves it bare
    limit = 2 * max(1, int(resources.get("CPU", 1)))
    waiting, pending = iter(work), dict[Any, K]()
    while True:
        for following in waiting:
            if following is None:
                break
            pending[following[1]()] = following[0]
            if len(pending) == limit:
                break
        if not pending:
            return
        ready, _ = ray.wait(list(pending), num_returns=1)
        for reference in ready:
            name = pending.pop(reference)
            with plain_errors():
                result = ray.get(reference)
            yield name, result


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a named error that crossed from a Ray task back into itself, and a worker's end into one, without traces."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        if (named := plain_error(error)) is not None:
            raise named from None
        raise


def plain_error(error: BaseException) -> DaytraderError | None:
    """Return the named error that something from Ray stands for; None where it is a fault of the program."""
    from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError, RayTaskError, WorkerCrashedError

    again = "the same command goes on where it stopped"
    if isinstance(error, RayTaskError):
        return error.cause if isinstance(error.cause, DaytraderError) else plain_error(error.cause)
    if isinstance(error, OutOfMemoryError):
        return DataError("a worker was stopped: the node's memory is full", f"{LESS_MEMORY}; {again}")
    if isinstance(error, NodeDiedError):
        return DataError("a node was lost while it worked", f"see that it is up, then run it again: {again}")
    if isinstance(error, (WorkerCrashedError, RayActorError)):
        hint = f"run it again: {again}; where it happens anew memory may be short: {LESS_MEMORY}"
        return DataError("a worker died, again and again", hint)
    return None


def is_own(error: BaseException | str) -> bool:
    """Return whether our code raised this in a task, and not Ray because a worker, its node or its memory is gone."""
    from ray.exceptions import RayError, RayTaskError

    return isinstance(error, RayTaskError) and not isinstance(error.cause, RayError)


def granted(need: int) -> int:
    """Return the bytes of memory that a task asks of its node, and log how many run at once because of it.

    Ray then starts no more of them on a node than fit there. One that needs more than any node has runs alone on one.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call] # as above
    asked = min(need, max(int(node.get("memory", 0)) for node in nodes))
    at_once = sum(min(int(node.get("CPU", 0)), int(node.get("memory", 0)) // max(asked, 1)) for node in nodes)
    cpus, memory = (sum(node.get(name, 0.0) for node in nodes) for name in ("CPU", "memory"))
    log.info("fits at once", n=at_once, cpus=int(cpus), gib=_gib(memory), gib_a_fit=_gib(asked))
    return asked


def _gib(n_bytes: float) -> float:
    return round(n_bytes / 2**30, 2)
