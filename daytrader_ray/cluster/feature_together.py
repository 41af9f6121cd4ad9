"""Stage 2 of a build: a group of symbols against all others, then the tables of all columns for people."""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.feature_matrix import PartRows
from daytrader_ray.adapters.feature_parts import INPUTS, VALUES, Computed, Layer
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import UTC
from daytrader_ray.cluster.feature_alone import Alone, Job, layer_of
from daytrader_ray.cluster.feature_plan import (
    Plan,
    computed,
    dates_of,
    hash_of,
    months_of,
    part_of,
    plan,
    plan_from_state,
    root_of,
    rows_from,
    rows_of,
    shared_rows,
)
from daytrader_ray.domain.indices import QQQ, SPY
from daytrader_ray.domain.panel import Float64
from daytrader_ray.domain.sessions import US_PER_MINUTE, SessionGrid
from daytrader_ray.features.bar import CROSS_INPUTS, Float32
from daytrader_ray.features.compute import calendar_of, compare, crowd_of
from daytrader_ray.features.step import CROSS_SECTION, CROSS_STATE, FEATURES, N_AUX, initial_state
from daytrader_ray.universe.peers import peers_of

_BLOCK = 512


@dataclass(frozen=True)
class Together:
    """What stage 2 knows of all symbols.

    `cross` and `table` are the folders of its layers; `crowd` the symbols to compare with, `alone` all symbols after
    stage 1, `marks` by day a hash of the whole crowd: what stage 1 says of it and who is a member.
    """

    job: Job
    cross: str
    table: str
    crowd: tuple[str, ...]
    alone: Mapping[str, Alone]
    marks: Mapping[dt.date, str]

    @property
    def layers(self) -> tuple[tuple[str, int], ...]:
        """Folders of all columns, in their order, with how many each has."""
        return layers_of(self.job, self.cross)


def layers_of(job: Job, cross: str) -> tuple[tuple[str, int], ...]:
    """Return the folders of all columns, in their order, with how many each has."""
    extras = ((layer_of(extra), 1) for extra in job.features.extras)
    return ((job.kernel, CROSS_SECTION), (cross, len(FEATURES) - CROSS_SECTION), *extras)


@dataclass(frozen=True)
class Compared:
    """A symbol after stage 2: the keys of its sessions in the cross-section, and the minutes computed now."""

    symbol: str
    keys: tuple[str, ...]
    computed: int


@dataclass
class _Work:
    """One symbol of the group: `values` [row, column] from `planned.start` on, the state at the `ends` of months."""

    layer: Layer
    alone: Alone
    planned: Plan
    state: Float64
    values: list[Float32] = field(default_factory=list)
    ends: dict[int, Float64] = field(default_factory=dict)

    def run(self, start: int, stop: int, state: Float64) -> Mapping[str, Float32]:
        """Return what has been computed of the sessions `[start, stop)`, and the state after them."""
        first = self.alone.grid.first_row
        rows = slice(*(int(first[at] - first[self.planned.start]) for at in (start, stop)))
        state[:] = self.ends[stop]
        return {VALUES: np.concatenate(self.values)[rows]}


def step_together(given: Together, group: Sequence[str]) -> list[Compared]:
    """Bring the cross-section of a group of symbols up to date, then their tables."""
    store = ParquetStore(given.job.root)
    works = [_planned(given, store, symbol) for symbol in group]
    pending: dict[dt.date, list[_Work]] = {}
    for work in works:
        if work.planned.n_new:
            pending.setdefault(work.alone.grid.sessions[work.planned.start].date, []).append(work)
    for first, same in sorted(pending.items()):
        _compare(given, store, first, same)
    for work in works:
        if work.planned.n_new or work.layer.contents().keys() != work.planned.kept.keys():
            work.layer.save(
                work.planned.kept, computed(work.layer, work.planned, work.alone.grid, work.state, work.run)
            )
        _tabulate(given, store, work)
    return [_compared(work) for work in works]


def _compared(work: _Work) -> Compared:
    return Compared(work.alone.symbol, work.planned.keys, rows_from(work.alone.grid, work.planned))


def _planned(given: Together, store: ParquetStore, symbol: str) -> _Work:
    alone, layer = given.alone[symbol], Layer(store, given.cross, symbol)
    planned, state = plan_from_state(layer, alone.grid, *_made_of(given, alone))
    return _Work(layer, alone, planned, initial_state(1)[0, CROSS_STATE:] if state is None else state)


def plan_together(given: Together, layer: Layer) -> Plan:
    """Compare the stored cross-section of a symbol with the bars that there are."""
    alone = given.alone[layer.symbol]
    return plan(layer.whole(), alone.grid, *_made_of(given, alone))


def _made_of(given: Together, alone: Alone) -> tuple[list[bytes], str]:
    """Return the digests of a symbol's sessions in the cross-section, and the key before the first one."""
    made_by = f"{given.job.made_by} {given.cross} {given.crowd}"
    own = zip(alone.grid.sessions, alone.marks, strict=True)
    digests = [f"{mark} {given.marks.get(session.date)}".encode() for session, mark in own]
    return digests, root_of(made_by)


def _compare(given: Together, store: ParquetStore, first: dt.date, works: Sequence[_Work]) -> None:
    """Compute the cross-section of symbols that all go on from the day `first`, month by month."""
    own = [work.alone.symbol for work in works]
    columns = tuple(sorted({*given.crowd, *own}))
    wanted = np.array([columns.index(symbol) for symbol in own], dtype=np.int64)
    state = np.stack([work.state for work in works])
    everyone = [given.alone[symbol] for symbol in columns]
    for month in _joined_months(everyone, first):
        dates = dates_of(month)
        crowd = crowd_of(len(columns), len(dates), peers_of(given.job.universe, columns, dates), wanted)
        values = compare(state, calendar_of(month), _inputs(store, given.job.kernel, everyone, month), crowd)
        for k, work in enumerate(works):
            grid = work.alone.grid
            mine, here = shared_rows(grid, month)
            work.values.append(np.ascontiguousarray(values[here, k]))
            work.ends[int(np.searchsorted(grid.first_row, mine.stop))] = state[k].copy()


def _joined_months(alone: Sequence[Alone], first: dt.date) -> Iterator[SessionGrid]:
    """Yield the sessions from `first` on that any of the symbols has, month by month."""
    sessions = {session for one in alone for session in one.grid.sessions if session.date >= first}
    grid = SessionGrid(tuple(sorted(sessions, key=lambda session: session.date)), alone[0].grid.bar_minutes)
    for month in months_of(grid):
        yield grid.part(month.start, month.stop)


def _inputs(store: ParquetStore, kernel: str, alone: Sequence[Alone], month: SessionGrid) -> Float64:
    """Return what stage 1 left for stage 2 `[row, symbol, 5]` in the sessions of a month; NaN without it."""
    found = np.full((month.n_rows, len(alone), len(CROSS_INPUTS)), np.nan)
    first, last = month.sessions[0].date, month.sessions[-1].date
    for k, one in enumerate(alone):
        days = dates_of(one.grid)
        start, stop = bisect_left(days, first.replace(day=1)), bisect_right(days, last)
        if start < stop:
            mine, here = shared_rows(one.grid.part(start, stop), month)
            key, n = one.keys[kernel][stop - 1], rows_of(one.grid, start, stop)
            inputs = Layer(store, kernel, one.symbol).array(str(first)[:7], key, n, INPUTS)
            found[here, k] = inputs[mine, N_AUX:]
    return found


def _tabulate(given: Together, store: ParquetStore, work: _Work) -> None:
    """Write the months of a symbol whose columns have changed as tables with names and times."""
    alone, layer = work.alone, Layer(store, given.table, work.alone.symbol)
    keys = {**alone.keys, given.cross: work.planned.keys}
    digests = [" ".join(key).encode() for key in zip(*(keys[name] for name, _ in given.layers), strict=True)]
    stored = layer.whole()
    planned = plan(stored, alone.grid, digests, root_of(f"{given.job.made_by} {given.table}"))
    if planned.n_new or stored.keys() != planned.kept.keys():
        layer.save(planned.kept, _tables(given, store, alone, keys, planned))


def _tables(
    given: Together, store: ParquetStore, alone: Alone, keys: Mapping[str, tuple[str, ...]], planned: Plan
) -> Iterator[Computed]:
    names = ("timestamp", *given.job.features.names)
    for month in months_of(alone.grid):
        if month.stop > planned.start:
            minutes = alone.grid.part(month.start, month.stop).minute_of_row
            columns = [pa.array(minutes * US_PER_MINUTE).cast(UTC)]
            for name, _ in given.layers:
                array = Layer(store, name, alone.symbol).array(month.name, keys[name][month.stop - 1], len(minutes))
                columns += [pa.array(row) for row in _transposed(array)]
            part, table = part_of(planned, alone.grid, month), pa.table(columns, names)
            yield Computed(month.name, part, len(minutes), {}, table)


def _transposed(values: Float32) -> Float32:
    """Return `[column, row]`, contiguous; block by block, since a block of rows fits into the cache."""
    found = np.empty(values.shape[::-1], dtype=values.dtype)
    for start in range(0, len(values), _BLOCK):
        found[:, start : start + _BLOCK] = values[start : start + _BLOCK].T
    return found


def together(job: Job, alone: Sequence[Alone]) -> Together:
    """Return what stage 2 has to know: who is compared with whom, and the hash of that by day."""
    symbols = {one.symbol: one for one in sorted(alone, key=lambda one: one.symbol)}
    crowd = tuple(symbol for symbol in symbols if symbol in {*job.universe.symbols, SPY, QQQ})
    said = {s: dict(zip(dates_of(symbols[s].grid), symbols[s].marks, strict=True)) for s in crowd}
    days = sorted({day for own in said.values() for day in own})
    peers = peers_of(job.universe, crowd, days)
    who = hash_of(crowd, peers.spy, peers.qqq, peers.sector.tolist(), peers.proxy.tolist())
    marks = {
        day: hash_of(who, [said[symbol].get(day) for symbol in crowd], peers.member[k].tolist())
        for k, day in enumerate(days)
    }
    cross = f"cross-{hash_of(crowd)[:12]}"
    table = f"table-{hash_of(layers_of(job, cross))[:12]}"
    return Together(job, cross, table, crowd, symbols, marks)


def parts_of(grid: SessionGrid, own: SessionGrid, keys: Sequence[Sequence[str]]) -> tuple[PartRows, ...]:
    """Return where the parts of a symbol lie on a grid; `own` are its sessions, `keys` theirs in each layer."""
    _, here = shared_rows(own, grid)
    months = months_of(own)
    rows = own.first_row + here.start
    return tuple(
        PartRows(
            month.name,
            int(rows[month.start]),
            int(rows[month.stop]),
            tuple(layer[month.stop - 1] for layer in keys),
        )
        for month in months
    )
