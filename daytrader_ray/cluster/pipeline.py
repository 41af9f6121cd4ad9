"""One Ray Data pipeline shape for everything that is done per item: one item, one call, one result."""

import logging
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from daytrader_ray.domain.errors import DaytraderError

T = TypeVar("T")
R = TypeVar("R")

MAX_BLOCKS = 20
"""Ray Data is fastest with 10 to 20 blocks on a small machine; items of one block run one after another."""


def mapped(items: Sequence[T], function: Callable[[T], R], n_blocks: int = MAX_BLOCKS) -> Iterator[R]:
    """Run `function` on every item by Ray Data's `from_items(...).map(...)` and yield the results as they come.

    One item is never split or joined with another, so nothing can be computed across symbols. Results come in no
    fixed order and keep their Python types. A named error of one item ends the run and is raised here as itself. Ray
    must be running.
    """
    if not items:
        return
    dataset = _data().from_items([{"item": item} for item in items], override_num_blocks=min(n_blocks, len(items)))
    for row in dataset.map(lambda row: {"outcome": _outcome(function, row["item"])}).iter_rows():
        outcome = pickle.loads(row["outcome"])
        if isinstance(outcome, DaytraderError):
            raise outcome
        yield outcome


def _outcome(function: Callable[[T], R], item: T) -> bytes:
    try:
        return pickle.dumps(function(item))
    except DaytraderError as error:
        return pickle.dumps(error)


def _data() -> Any:
    """Return Ray Data, without its progress lines."""
    with warnings.catch_warnings():
        # Ray Data 2.60 warns about its own deprecated options on its first import.
        warnings.simplefilter("ignore", DeprecationWarning)
        import ray.data

        context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # Ray Data asks every second what it may use, and begins with nothing: one task at a time for the first second.
    context.op_resource_reservation_enabled = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray.data
