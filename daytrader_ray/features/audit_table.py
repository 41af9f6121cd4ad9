"""What an audit compares: tables of values that say when each line was known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.sessions import Int64
from daytrader_ray.features.world import World

Bool = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Table:
    """Values of named quantities, line by line as they become known.

    Attributes
    ----------
    names, columns
        The quantities, and the symbols (or what else) they are of.
    values
        Floating point `[line, column, name]`, NaN for no value.
    known, minute
        `[line]`: the row at whose close the line is known (-1: before the first), and the minute (epoch, UTC) it is of.
    age
        `[line, column]`: of how many bars (or sessions) of the column the line may know.
    warm_up
        `[name]`: the age from which on a value must not depend on where the history begins.
    shared
        `[name]`: whether it is made of other columns too, so that all of them must have that age.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: Values
    known: Int64
    minute: Int64
    age: Int64
    warm_up: Int64
    shared: Bool

    def part(self, start: int, stop: int | None) -> "Table":
        """Return the lines `start` to `stop - 1`, as a slice takes them."""
        lines = slice(start, stop)
        return replace(
            self, values=self.values[lines], known=self.known[lines], minute=self.minute[lines], age=self.age[lines]
        )

    def only(self, name: str) -> "Table":
        """Return the table of one quantity."""
        k = [self.names.index(name)]
        return replace(self, names=(name,), values=self.values[:, :, k], warm_up=self.warm_up[k], shared=self.shared[k])


Compute = Callable[[World], Sequence[Table]]
"""From everything there is to the tables of what is made of it, always the same ones."""
Live = Callable[[World, int], Sequence[Table]]
"""The same tables from a session on, each line made of what is known by then, as a live session does."""


def row_table(
    world: World, names: Sequence[str], values: Values, warm_up: Sequence[int], shared: Sequence[bool] | None = None
) -> Table:
    """Return the table of `values` `[row, symbol, name]`, each known at the close of its row; age counts bars."""
    grid = world.grid
    return Table(
        names=tuple(names),
        columns=world.panel.symbols,
        values=values,
        known=np.arange(grid.n_rows, dtype=np.int64),
        minute=grid.minute_of_row,
        age=np.cumsum(np.isfinite(world.panel.close), axis=0),
        warm_up=np.array(warm_up, dtype=np.int64),
        shared=np.array([False] * len(names) if shared is None else shared, dtype=np.bool_),
    )


def session_table(
    world: World, names: Sequence[str], columns: Sequence[str], values: Values, warm_up: Sequence[int]
) -> Table:
    """Return the table of `values` `[session, column, name]`, known before each opens; age counts earlier sessions."""
    grid = world.grid
    n = len(grid.sessions)
    return Table(
        names=tuple(names),
        columns=tuple(columns),
        values=values,
        known=grid.first_row[:-1] - 1,
        minute=np.array([session.open_minute for session in grid.sessions], dtype=np.int64),
        age=np.broadcast_to(np.arange(n, dtype=np.int64)[:, None], (n, len(columns))),
        warm_up=np.array(warm_up, dtype=np.int64),
        shared=np.ones(len(names), dtype=np.bool_),
    )


def joined(tables: Sequence[Table]) -> Table:
    """Return the lines of tables of the same quantities as one table."""
    return replace(
        tables[0],
        values=np.concatenate([table.values for table in tables]),
        known=np.concatenate([table.known for table in tables]),
        minute=np.concatenate([table.minute for table in tables]),
        age=np.concatenate([table.age for table in tables]),
    )
