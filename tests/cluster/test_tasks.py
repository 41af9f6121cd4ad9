"""What goes wrong in Ray is said as what it is: never as a fault of the program that it is not."""

import pytest
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayTaskError, WorkerCrashedError

from daytrader_ray.cluster.tasks import plain_error, plain_errors
from daytrader_ray.domain.errors import ConfigError, DataError


def raised_in_a_task(cause: Exception) -> RayTaskError:
    """Return what `ray.get` raises where a task has raised `cause`."""
    whole = RayTaskError("fit", "Traceback", cause, proctitle="ray::fit", pid=1, ip="127.0.0.1")
    return whole.as_instanceof_cause()


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (OutOfMemoryError("Task was killed.\nMemory on the node ..."), "memory is full", "fewer --cpus, or a lower"),
        (WorkerCrashedError(), "a worker died", "run it again"),
        (NodeDiedError("Task failed"), "a node was lost", "run it again"),
    ],
)
def test_the_end_of_a_worker_or_a_node_is_no_fault_of_the_program(error: Exception, said: str, hint: str) -> None:
    with pytest.raises(DataError, match=said) as caught, plain_errors():
        raise error
    assert hint in caught.value.hint and caught.value.__cause__ is None


def test_a_named_error_of_a_task_is_itself_and_any_other_stays_what_it_is() -> None:
    for named in (DataError("bars.parquet: damaged", "remove it"), ConfigError("key", "other")):
        with pytest.raises(type(named)) as caught, plain_errors():
            raise raised_in_a_task(named)
        assert caught.value is named and caught.value.hint == named.hint
    fault = raised_in_a_task(ZeroDivisionError("division by zero"))
    assert plain_error(fault) is None
    with pytest.raises(ZeroDivisionError), plain_errors():
        raise fault
