"""Where a session and its backtest go on from: what builds have left that holds for the bars there are."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from daytrader_ray.adapters.feature_matrix import JoinedRows, MappedMatrix, PartRows
from daytrader_ray.adapters.feature_parts import Layer
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.feature_alone import Alone, Job, known_marks, layer_of, stored_alone
from daytrader_ray.cluster.feature_plan import Plan, dates_of
from daytrader_ray.cluster.feature_together import Together, parts_of, plan_together, together
from daytrader_ray.domain.panel import FeatureMatrix, Float64, Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.features.bar import Float32
from daytrader_ray.features.compute import compute_from, compute_parts, crowd_of
from daytrader_ray.features.feature_set import FeatureSet
from daytrader_ray.features.live import Warmed
from daytrader_ray.features.step import CROSS_STATE, N_AUX, initial_state
from daytrader_ray.features.trailing import initial_tails


@dataclass(frozen=True)
class _Stored:
    """One symbol's sessions and what of its parts holds for them, by layer."""

    symbol: str
    grid: SessionGrid
    plans: Mapping[str, Plan]

    def n_until(self, day: dt.date) -> int:
        """Return how many of its sessions are not after a day."""
        return sum(date <= day for date in dates_of(self.grid))

    def ends(self, day: dt.date) -> bool:
        """Return whether every layer has the state after its last session up to a day, or needs none."""
        n = self.n_until(day)
        return n == 0 or all(
            n <= plan.start and any(part.keys[-1] == plan.keys[n - 1] for part in plan.kept.values())
            for plan in self.plans.values()
        )


def warmed(
    job: Job, panel: Panel, expected: Float64, peers: Peers, ticks: Float64 | None, events: Float64 | None
) -> Warmed | None:
    """Return the features of a panel and the state after it: stored ones as far as they hold, the others computed.

    The bits are those of one pass over everything, older bars included that are no longer there. None where nothing
    that is stored holds; the other arguments are as in `features.compute`.
    """
    store, symbols, grid = ParquetStore(job.root), panel.symbols, panel.grid
    if not all(Layer(store, job.kernel, symbol).contents() for symbol in symbols):
        return None
    given, stored = _stored(job, store, symbols)
    found = ((day, _states(given, store, stored, day)) for day in _common(stored, grid))
    day, states = next((one for one in found if one[1] is not None), (None, None))
    if day is None or states is None:
        return None
    state, tails = states
    k, n = grid.index_of(day) + 1, len(grid.sessions)
    rows = slice(int(grid.first_row[k]), grid.n_rows)
    later = compute_from(
        state,
        panel.part(k, n),
        expected[rows],
        crowd_of(len(symbols), n - k, peers.part(k, n)),
        None if ticks is None else ticks[rows],
        None if events is None else events[rows],
        job.features.extras,
        tails,
    )
    matrix = _earlier(given, store, stored, grid, day)
    names = ("atr_5", "return_30", "sigma_30")
    joined = (np.concatenate([old, getattr(later, name)]) for old, name in zip(matrix.ranges(), names, strict=True))
    values: Float32 = np.asarray(later.values)
    return Warmed(FeatureMatrix(later.names, JoinedRows((matrix, values)), *joined), state, tails)


def computed(
    features: FeatureSet,
    names: tuple[str, ...],
    panel: Panel,
    expected: Float64,
    *,
    peers: Peers | None,
    ticks: Float64 | None,
    events: Float64 | None,
) -> FeatureMatrix:
    """Return some features of a panel, computed from all its bars; all of them would take several times as much.

    The other arguments are as in `features.compute`.
    """
    n, extras = len(panel.symbols), features.extras
    selected = [features.names.index(name) for name in names]
    values = np.empty((*panel.close.shape, len(selected)), dtype=np.float32)
    ranges = np.empty((N_AUX, *panel.close.shape))
    state, tails = initial_state(n), initial_tails(extras, n)
    parts = compute_parts(state, tails, panel, expected, peers=peers, ticks=ticks, events=events, extras=extras)
    for rows, part in parts:
        values[rows] = np.asarray(part.values)[:, :, selected]
        ranges[:, rows] = part.atr_5, part.return_30, part.sigma_30
    return FeatureMatrix(names, values, *ranges)


def _stored(job: Job, store: ParquetStore, symbols: tuple[str, ...]) -> tuple[Together, list[_Stored]]:
    plans = {symbol: stored_alone(job, symbol) for symbol in symbols}
    given = together(job, [_alone(job.kernel, symbol, *plans[symbol]) for symbol in symbols])
    found = []
    for symbol, (grid, alone) in plans.items():
        cross = plan_together(given, Layer(store, given.cross, symbol))
        found.append(_Stored(symbol, grid, {**alone, given.cross: cross}))
    return given, found


def _alone(kernel: str, symbol: str, grid: SessionGrid, plans: Mapping[str, Plan]) -> Alone:
    keys = {name: one.keys for name, one in plans.items()}
    return Alone(symbol, grid, keys, known_marks(plans[kernel], plans[kernel].kept), {})


def _common(stored: list[_Stored], grid: SessionGrid) -> Iterator[dt.date]:
    """Yield the sessions of a grid after which the state of every symbol is stored, the last one first."""
    ends = {dt.date.fromisoformat(p.dates[-1]) for one in stored for q in one.plans.values() for p in q.kept.values()}
    days = sorted(ends.intersection(dates_of(grid)), reverse=True)
    return (day for day in days if all(one.ends(day) for one in stored))


def _states(
    given: Together, store: ParquetStore, stored: list[_Stored], day: dt.date
) -> tuple[Float64, Float64] | None:
    """Return the state `[symbol, N_STATE]` after a day, and the bars `[symbol, field, bar]` that extras remember.

    None where one is not what was written, or of another day by now.
    """
    extras = given.job.features.extras
    state, tails = initial_state(len(stored)), initial_tails(extras, len(stored))
    longest = layer_of(max(extras, key=lambda extra: extra.window)) if extras else ""
    for k, one in enumerate(stored):
        n = one.n_until(day)
        if not n:
            continue
        month = f"{one.grid.sessions[n - 1].date:%Y-%m}"
        for name, planned in one.plans.items():
            found = Layer(store, name, one.symbol).state(month, planned.keys[n - 1])
            if found is None:
                return None
            if name == given.job.kernel:
                state[k, :CROSS_STATE] = found[:CROSS_STATE]
            elif name == longest:
                tails[k] = found.reshape(tails[k].shape)
            elif name == given.cross:
                state[k, CROSS_STATE:] = found
    return state, tails


def _earlier(
    given: Together, store: ParquetStore, stored: list[_Stored], grid: SessionGrid, day: dt.date
) -> MappedMatrix:
    """Return the stored features of the sessions of a grid up to a day."""
    parts: list[tuple[PartRows, ...]] = []
    until = grid.part(0, grid.index_of(day) + 1)
    for one in stored:
        n = one.n_until(day)
        keys = [one.plans[name].keys for name, _ in given.layers]
        parts.append(parts_of(until, one.grid.part(0, n), keys) if n else ())
    symbols = tuple(one.symbol for one in stored)
    return MappedMatrix(store.root, given.layers, symbols, tuple(parts), 0, until.n_rows)
