"""Where a session and its backtest go on from: what builds have left that holds for the bars there are."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from daytrader_ray.adapters.feature_matrix import JoinedRows, MappedMatrix, PartRows
from daytrader_ray.adapters.feature_parts import INPUTS, KERNEL, Layer
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.feature_alone import Alone, Job, stored_alone
from daytrader_ray.cluster.feature_plan import Plan, dates_of
from daytrader_ray.cluster.feature_together import Together, parts_of, plan_together, together
from daytrader_ray.domain.panel import FeatureMatrix, Float64, Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.features.bar import Float32
from daytrader_ray.features.compute import compute_from, crowd_of
from daytrader_ray.features.live import Warmed
from daytrader_ray.features.step import CROSS_SECTION, CROSS_STATE, FEATURES, N_AUX, initial_state
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
    if not all(Layer(store, KERNEL, symbol).contents() for symbol in symbols):
        return None
    given, stored = _stored(job, store, symbols)
    day = _last_common(stored, grid)
    if day is None:
        return None
    k, n = grid.index_of(day) + 1, len(grid.sessions)
    rows = slice(int(grid.first_row[k]), grid.n_rows)
    found = _states(job, store, stored, day)
    if found is None:
        return None
    state, tails = found
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
    matrix, ranges = _earlier(given, store, stored, grid, rows.start)
    names = ("atr_5", "return_30", "sigma_30")
    joined = (np.concatenate([old, getattr(later, name)]) for old, name in zip(ranges, names, strict=True))
    values: Float32 = np.asarray(later.values)
    return Warmed(FeatureMatrix(later.names, JoinedRows((matrix, values)), *joined), state, tails)


def _stored(job: Job, store: ParquetStore, symbols: tuple[str, ...]) -> tuple[Together, list[_Stored]]:
    plans = {symbol: stored_alone(job, symbol) for symbol in symbols}
    keys = {symbol: {name: one.keys for name, one in found.items()} for symbol, (_, found) in plans.items()}
    given = together(job, [Alone(symbol, plans[symbol][0], keys[symbol], {}) for symbol in symbols])
    found = []
    for symbol, (grid, alone) in plans.items():
        cross = plan_together(given, Layer(store, given.cross, symbol))
        found.append(_Stored(symbol, grid, {**alone, given.cross: cross}))
    return given, found


def _last_common(stored: list[_Stored], grid: SessionGrid) -> dt.date | None:
    """Return the last session of a grid after which the state of every symbol is stored; None for none."""
    ends = {dt.date.fromisoformat(p.dates[-1]) for one in stored for q in one.plans.values() for p in q.kept.values()}
    days = (day for day in sorted(ends.intersection(dates_of(grid)), reverse=True))
    return next((day for day in days if all(one.ends(day) for one in stored)), None)


def _states(job: Job, store: ParquetStore, stored: list[_Stored], day: dt.date) -> tuple[Float64, Float64] | None:
    """Return the state `[symbol, N_STATE]` after a day, and the bars `[symbol, field, bar]` that extras remember.

    None where one is not what was written.
    """
    extras = job.features.extras
    state, tails = initial_state(len(stored)), initial_tails(extras, len(stored))
    longest = max(extras, key=lambda extra: extra.window).feature.name if extras else ""
    for k, one in enumerate(stored):
        n = one.n_until(day)
        if not n:
            continue
        month = f"{one.grid.sessions[n - 1].date:%Y-%m}"
        for name in one.plans:
            found = Layer(store, name, one.symbol).state(month)
            if found is None:
                return None
            if name == KERNEL:
                state[k, :CROSS_STATE] = found[:CROSS_STATE]
            elif name == longest:
                tails[k] = found.reshape(tails[k].shape)
            elif name.startswith("cross-"):
                state[k, CROSS_STATE:] = found
    return state, tails


def _earlier(
    given: Together, store: ParquetStore, stored: list[_Stored], grid: SessionGrid, n_rows: int
) -> tuple[MappedMatrix, Float64]:
    """Return the stored features of the first rows of a grid, and atr_5, return_30, sigma_30 `[3, row, symbol]`."""
    ranges = np.full((N_AUX, n_rows, len(stored)), np.nan)
    parts: list[tuple[PartRows, ...]] = []
    for k, one in enumerate(stored):
        keys = {name: plan.keys for name, plan in one.plans.items()}
        parts.append(tuple(part for part in parts_of(grid, given, one.symbol, keys) if part.stop <= n_rows))
        for part in parts[-1]:
            inputs = Layer(store, KERNEL, one.symbol).array(part.month, INPUTS)[: part.stop - part.start, :N_AUX]
            ranges[:, part.start : part.stop, k] = inputs.T
    widths = (CROSS_SECTION, len(FEATURES) - CROSS_SECTION, *(1 for _ in given.job.features.extras))
    layers = tuple(zip(given.layers, widths, strict=True))
    return MappedMatrix(store.root, layers, tuple(one.symbol for one in stored), tuple(parts), 0, n_rows), ranges
