"""What a build of features has to compute: keys of sessions, and where they part from those that are stored."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.feature_parts import INPUTS, STATE, Computed, Layer, Part
from daytrader_ray.domain.panel import Float64, Panel
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.features.step import N_AUX

Run = Callable[[int, int, Float64], Mapping[str, npt.NDArray[Any]]]
"""Computes the sessions `[start, stop)` from a state that it steps in place; arrays `[row, ...]` by name."""


@dataclass(frozen=True)
class Month:
    """The sessions `[start, stop)` of a symbol that lie in one month (`2025-03`)."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Plan:
    """What to do for one symbol and layer.

    `keys` of all its sessions, after the key `before` them; the parts in `kept` stay, and the sessions from `start` on
    are computed from the state at the end of the last one of these.
    """

    keys: tuple[str, ...]
    before: str
    kept: Mapping[str, Part]
    start: int

    @property
    def n_new(self) -> int:
        """Sessions to compute."""
        return len(self.keys) - self.start


def months_of(grid: SessionGrid) -> list[Month]:
    """Return the months of a grid, in order."""
    names = [str(session.date)[:7] for session in grid.sessions]
    starts = [k for k, name in enumerate(names) if k == 0 or name != names[k - 1]]
    stops = [*starts[1:], len(names)]
    return [Month(names[start], start, stop) for start, stop in zip(starts, stops, strict=True)]


def dates_of(grid: SessionGrid) -> list[dt.date]:
    """Return the date of each session."""
    return [session.date for session in grid.sessions]


def shared_rows(one: SessionGrid, other: SessionGrid) -> tuple[slice, slice]:
    """Return the rows, in each of two grids, of the sessions that both have: a run of either."""
    there = set(dates_of(other))
    days = [day for day in dates_of(one) if day in there]
    if not days:
        return slice(0, 0), slice(0, 0)
    ends = [
        [int(grid.first_row[grid.index_of(day) + k]) for k, day in enumerate((days[0], days[-1]))]
        for grid in (one, other)
    ]
    return slice(*ends[0]), slice(*ends[1])


def digests_of(panel: Panel, ticks: Float64 | None, events: Float64 | None) -> list[bytes]:
    """Return the SHA-256 of all that the features of each session are made of, for a panel of one symbol.

    Ticks and events that say nothing in a session are as if there were none at all.
    """
    grid = panel.grid
    arrays = [panel.open, panel.high, panel.low, panel.close, panel.volume, panel.vwap]
    more = {name: array for name, array in (("ticks", ticks), ("events", events)) if array is not None}
    found: list[bytes] = []
    for s, session in enumerate(grid.sessions):
        rows = slice(int(grid.first_row[s]), int(grid.first_row[s + 1]))
        digest = hashlib.sha256(repr((session, grid.bar_minutes)).encode())
        for factor in (panel.price_factor[s, 0], panel.share_factor[s, 0]):
            digest.update(factor.tobytes())
        for array in arrays:
            digest.update(np.ascontiguousarray(array[rows]).data)
        for name, array in more.items():
            if not np.isnan(array[rows]).all():
                digest.update(name.encode())
                digest.update(np.ascontiguousarray(array[rows]).data)
        found.append(digest.digest())
    return found


def hash_of(*parts: Any) -> str:
    """Return the SHA-256 of plain values."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def root_of(made_by: str) -> str:
    """Return the key before the first session of a history: the hash of what computes it."""
    return hashlib.sha256(made_by.encode()).hexdigest()[:16]


def chained(root: str, before: str, digests: Sequence[bytes]) -> tuple[str, ...]:
    """Return the key of each session: what made it (`root`), the key before it and its own digest."""
    keys: list[str] = []
    for digest in digests:
        before = hashlib.sha256(f"{root} {before} ".encode() + digest).hexdigest()[:16]
        keys.append(before)
    return tuple(keys)


def plan(stored: Mapping[str, Part], grid: SessionGrid, digests: Sequence[bytes], root: str) -> Plan:
    """Compare what is `stored` with the sessions that there are.

    Where the first part goes on from a key that is not the root, older history has been pruned: what was made of it
    still holds, if nothing in the part itself has changed.
    """
    months = months_of(grid)
    first = stored.get(months[0].name)
    before = first.before if first else root
    keys = chained(root, before, digests)
    dates = tuple(map(str, dates_of(grid)))
    kept: dict[str, Part] = {}
    start = 0
    for month in months:
        part = stored.get(month.name)
        mine = slice(month.start, month.stop)
        if part is None or part.before != ([before, *keys][month.start]) or not _starts(part, dates[mine], keys[mine]):
            break
        kept[month.name] = part
        start = month.start + len(part.keys)
        if start < month.stop:
            break
    if not kept and before != root:
        before, keys = root, chained(root, root, digests)
    return Plan(keys, before, kept, start)


def _starts(part: Part, dates: tuple[str, ...], keys: tuple[str, ...]) -> bool:
    """Return whether a part is a month's sessions, or the first ones of them."""
    n = len(part.keys)
    return part.dates == dates[:n] and part.keys == keys[:n]


def plan_from_state(
    layer: Layer, grid: SessionGrid, digests: Sequence[bytes], root: str
) -> tuple[Plan, Float64 | None]:
    """Plan for the parts of a layer; return the state to go on from too, None where there is nothing to go on from.

    A month whose state is damaged is computed again: from the month before it, as far back as has to be.
    """
    planned = plan(layer.whole(), grid, digests, root)
    while planned.n_new and planned.kept:
        last = max(planned.kept)
        state = layer.state(last, planned.kept[last].keys[-1])
        if state is not None:
            return planned, state
        planned = plan({month: part for month, part in planned.kept.items() if month != last}, grid, digests, root)
    return planned, None


def rows_from(grid: SessionGrid, planned: Plan) -> int:
    """Return how many minutes a plan computes."""
    return int(grid.n_rows - grid.first_row[planned.start])


def rows_of(grid: SessionGrid, start: int, stop: int) -> int:
    """Return how many rows the sessions `[start, stop)` have."""
    return int(grid.first_row[stop] - grid.first_row[start])


def computed(layer: Layer, planned: Plan, grid: SessionGrid, state: Float64, run: Run) -> Iterator[Computed]:
    """Compute what is planned, month by month; a month that grows comes with the rows that it had."""
    for month in months_of(grid):
        start = max(month.start, planned.start)
        if start >= month.stop:
            continue
        arrays = run(start, month.stop, state)
        if start > month.start:
            key, n = planned.kept[month.name].keys[-1], rows_of(grid, month.start, start)
            arrays = {name: np.concatenate([layer.array(month.name, key, n, name), a]) for name, a in arrays.items()}
        part = part_of(planned, grid, month)
        if INPUTS in arrays:
            part = replace(part, marks=marks_of(arrays[INPUTS], grid.part(month.start, month.stop)))
        yield Computed(month.name, part, rows_of(grid, month.start, month.stop), {**arrays, STATE: state.copy()})


def marks_of(inputs: Float64, grid: SessionGrid) -> tuple[str, ...]:
    """Return, by session, a hash of what stage 1 says to stage 2: of the columns of `inputs` after atr_5 and others."""
    return tuple(
        hashlib.sha256(repr(session).encode() + inputs[start:stop, N_AUX:].tobytes()).hexdigest()[:16]
        for session, start, stop in zip(grid.sessions, grid.first_row, grid.first_row[1:], strict=False)
    )


def part_of(planned: Plan, grid: SessionGrid, month: Month) -> Part:
    """Return the contents of a month as planned."""
    mine = slice(month.start, month.stop)
    dates = tuple(map(str, dates_of(grid)[mine]))
    return Part([planned.before, *planned.keys][month.start], dates, planned.keys[mine])
