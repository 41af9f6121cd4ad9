"""Stage 1 of a build: the columns of one symbol by itself, the kernels' and the extras', in its parts on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from daytrader_ray.adapters.feature_inputs import event_rows, tick_rows
from daytrader_ray.adapters.feature_parts import INPUTS, KERNEL, VALUES, Layer, Part
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.feature_plan import (
    Plan,
    Run,
    computed,
    digests_of,
    hash_of,
    plan,
    plan_from_state,
    root_of,
    rows_from,
)
from daytrader_ray.domain.panel import Float64, Panel
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.features.bar import Bars, Float32
from daytrader_ray.features.compute import bars_of, calendar_of, compute_symbol
from daytrader_ray.features.extras import Extra
from daytrader_ray.features.feature_set import FeatureSet
from daytrader_ray.features.step import initial_state
from daytrader_ray.features.trailing import initial_tails, run_extras
from daytrader_ray.market_data.statistics import HISTORY, session_statistics
from daytrader_ray.universe.config import UniverseConfig


@dataclass(frozen=True)
class Job:
    """What all items of a build share; `root` is the store's, `made_by` the hash of what computes.

    The features carry the sources of own functions, so that no other machine needs the files.
    """

    root: str
    made_by: str
    universe: UniverseConfig
    features: FeatureSet
    quotes: tuple[str, ...]
    trades: tuple[str, ...]

    @property
    def kernel(self) -> str:
        """Return the folder of the kernels' columns: of one's own where ticks of some symbols are read."""
        followed = sorted(self.quotes), sorted(self.trades)
        return f"{KERNEL}-{hash_of(followed)[:12]}" if any(followed) else KERNEL


@dataclass(frozen=True)
class Alone:
    """One symbol after stage 1: its sessions, their keys by layer, and the minutes computed now by what was computed.

    `marks` hash what each session says to stage 2, one by one.
    """

    symbol: str
    grid: SessionGrid
    keys: Mapping[str, tuple[str, ...]]
    marks: tuple[str, ...]
    computed: Mapping[str, int]


def step_alone(job: Job, symbol: str) -> Alone:
    """Stage 1: bring the kernels' and the extras' columns of one symbol up to date."""
    store = ParquetStore(job.root)
    inputs = inputs_of(job, store, symbol)
    planned, parts = _advance(
        Layer(store, job.kernel, symbol), inputs, f"{job.made_by} {KERNEL}", initial_state(1)[0], inputs.kernel
    )
    keys, marks = {job.kernel: planned.keys}, known_marks(planned, parts)
    done = {KERNEL: rows_from(inputs.grid, planned)}
    for extra in job.features.extras:

        def run(start: int, stop: int, tail: Float64, extra: Extra = extra) -> Mapping[str, Float32]:
            return inputs.extra(extra, start, stop, tail)

        made_by = made_by_extra(job, extra)
        layer = Layer(store, layer_of(extra), symbol)
        planned, _ = _advance(layer, inputs, made_by, initial_tails([extra], 1)[0], run)
        keys[layer.name], done[extra.feature.name] = planned.keys, rows_from(inputs.grid, planned)
    return Alone(symbol, inputs.grid, keys, marks, done)


def layer_of(extra: Extra) -> str:
    """Return the folder of an extra: another one for another function of the same name."""
    return f"{extra.feature.name}-{hash_of(extra.window, extra.origin)[:12]}"


def known_marks(planned: Plan, parts: Mapping[str, Part]) -> tuple[str, ...]:
    """Return what is known of each session's mark; one that stands for no rows where it has not been computed."""
    known = [mark for month in sorted(parts) for mark in parts[month].marks]
    return (*known, *(f"not computed: {key}" for key in planned.keys[len(known) :]))


def made_by_extra(job: Job, extra: Extra) -> str:
    """Return what tells the values of an extra from those of another one."""
    return f"{job.made_by} {extra.feature.name} {extra.window} {extra.origin}"


def stored_alone(job: Job, symbol: str) -> tuple[SessionGrid, dict[str, Plan]]:
    """Return the sessions of a symbol and, by layer of stage 1, what of the stored parts holds for them."""
    store = ParquetStore(job.root)
    inputs = inputs_of(job, store, symbol)
    makers = {job.kernel: f"{job.made_by} {KERNEL}"}
    makers |= {layer_of(extra): made_by_extra(job, extra) for extra in job.features.extras}
    return inputs.grid, {
        name: plan(Layer(store, name, symbol).whole(), inputs.grid, inputs.digests, root_of(made_by))
        for name, made_by in makers.items()
    }


def inputs_of(job: Job, store: ParquetStore, symbol: str) -> "Inputs":
    """Read all bars of a symbol with what belongs to them."""
    panel = store.panel([symbol])
    ticks = tick_rows(store, symbol, panel.grid, quotes=symbol in job.quotes, trades=symbol in job.trades)
    return Inputs(panel, ticks, event_rows(store, symbol, panel.grid))


class Inputs:
    """The bars of one symbol with all that its features read; statistics are made when something is computed."""

    def __init__(self, panel: Panel, ticks: Float64 | None, events: Float64 | None) -> None:
        self.panel = panel
        self.ticks = ticks
        self.events = events
        self.grid = panel.grid

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of each session."""
        return digests_of(self.panel, self.ticks, self.events)

    @cached_property
    def bars(self) -> Bars:
        """All bars, with the volume that was expected of each."""
        ticks, events = (None if array is None else array[:, None] for array in (self.ticks, self.events))
        return bars_of(self.panel, session_statistics(self.panel)[2], 0, ticks, events)

    def traded_before(self, session: int) -> int:
        """Return in how many earlier sessions the symbol traded."""
        traded = np.logical_or.reduceat(self.panel.traded[:, 0], self.grid.first_row[:-1])
        return int(traded[:session].sum())

    def part(self, start: int, stop: int) -> Bars:
        """Return the bars of the sessions `[start, stop)`."""
        rows = slice(int(self.grid.first_row[start]), int(self.grid.first_row[stop]))
        return Bars._make(array[rows] for array in self.bars)

    def kernel(self, start: int, stop: int, state: Float64) -> Mapping[str, Float32 | Float64]:
        """Step the kernels through the sessions `[start, stop)`."""
        one = compute_symbol(self.part(start, stop), calendar_of(self.grid.part(start, stop)), state)
        return {VALUES: one.values, INPUTS: np.concatenate([one.aux, one.cross], axis=1)}

    def extra(self, extra: Extra, start: int, stop: int, tail: Float64) -> Mapping[str, Float32]:
        """Step one extra through the sessions `[start, stop)`."""
        minutes = self.grid.part(start, stop).minute_of_row
        return {VALUES: run_extras([extra], self.part(start, stop), minutes, tail)}


def _advance(layer: Layer, inputs: Inputs, made_by: str, initial: Float64, run: Run) -> tuple[Plan, Mapping[str, Part]]:
    """Bring one layer of one symbol up to date; return what was planned for it and the parts there are now.

    Where pruned history is missing for the statistics of what is to be computed, all is computed again: what a part
    says must not depend on what had been pruned when it was made.
    """
    grid, root = inputs.grid, root_of(made_by)
    planned, state = plan_from_state(layer, grid, inputs.digests, root)
    if planned.n_new == 0 and layer.contents().keys() == planned.kept.keys():
        return planned, planned.kept
    if planned.n_new and planned.before != root and inputs.traded_before(planned.start) <= HISTORY:
        planned, state = plan({}, grid, inputs.digests, root), None
    state = initial if state is None else state.reshape(initial.shape)
    return planned, layer.save(planned.kept, computed(layer, planned, grid, state, run))
