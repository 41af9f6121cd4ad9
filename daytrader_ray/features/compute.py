"""Features of a history: the kernels of `features.step` over all rows, one symbol at a time, then the cross-section."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import FeatureMatrix, Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.features import step as steps
from daytrader_ray.features.bar import EVENTS, TICKS, Bars, Calendar, Crowd, Float32, Float64, Int64, without
from daytrader_ray.features.extras import Extra
from daytrader_ray.features.trailing import initial_tails, run_extras

PART = 5
"""Sessions of which all features are in memory at once while a history is stepped through."""


@dataclass(frozen=True)
class SymbolFeatures:
    """Stage 1 of one symbol.

    `values` float32 `[row, feature]`, without the columns of the cross-section; `aux` float64 `[row, 3]`: atr_5 (raw
    USD), return_30, sigma_30; `cross` float64 `[row, 5]`, what stage 2 reads (`CROSS_INPUTS`).
    """

    values: Float32
    aux: Float64
    cross: Float64


def calendar_of(grid: SessionGrid) -> Calendar:
    """Return slot, session length, weekday and session of every row."""
    weekdays = np.array([session.date.weekday() for session in grid.sessions], dtype=np.int64)
    return Calendar(
        slot=grid.slot_of_row,
        n_slots=np.repeat(grid.bars_per_session, grid.bars_per_session),
        weekday=np.repeat(weekdays, grid.bars_per_session),
        session=grid.session_of_row,
        bar_minutes=grid.bar_minutes,
    )


def bars_of(
    panel: Panel, expected_volume: Float64, column: int, ticks: Float64 | None = None, events: Float64 | None = None
) -> Bars:
    """Return one symbol's columns as contiguous arrays `[row]`.

    `ticks` `[row, symbol, 6]` and `events` `[row, symbol, 2]` are NaN where left out.
    """
    n = panel.grid.n_rows
    return Bars(
        open=np.ascontiguousarray(panel.open[:, column]),
        high=np.ascontiguousarray(panel.high[:, column]),
        low=np.ascontiguousarray(panel.low[:, column]),
        close=np.ascontiguousarray(panel.close[:, column]),
        volume=np.ascontiguousarray(panel.volume[:, column]),
        vwap=np.ascontiguousarray(panel.vwap[:, column]),
        traded=np.ascontiguousarray(panel.traded[:, column]),
        expected_volume=np.ascontiguousarray(expected_volume[:, column]),
        price_factor=np.repeat(panel.price_factor[:, column], panel.grid.bars_per_session),
        share_factor=np.repeat(panel.share_factor[:, column], panel.grid.bars_per_session),
        ticks=without(n, TICKS) if ticks is None else np.ascontiguousarray(ticks[:, column]),
        events=without(n, EVENTS) if events is None else np.ascontiguousarray(events[:, column]),
    )


def crowd_of(n_symbols: int, n_sessions: int, peers: Peers | None, columns: Int64 | None = None) -> Crowd:
    """Return whom the features of `columns` (all by default) are compared with; without `peers` with nobody."""
    wanted = np.arange(n_symbols) if columns is None else columns
    if peers is None:
        nobody = np.full(n_symbols, -1, dtype=np.int64)
        return Crowd(-1, -1, nobody, nobody, np.zeros((n_sessions, n_symbols), dtype=np.bool_), wanted)
    return Crowd(peers.spy, peers.qqq, peers.sector, peers.proxy, peers.member, wanted)


def compute_symbol(bars: Bars, calendar: Calendar, state: Float64 | None = None) -> SymbolFeatures:
    """Compute all features of one symbol but the cross-section; rows without a bar are NaN.

    Parameters
    ----------
    bars, calendar
        `[row]` each, raw; `expected_volume` in shares of the row's session, from earlier sessions only.
    state
        State `[N_STATE]` before the first row, stepped in place; the start of all history by default.
    """
    n_rows = len(bars.close)
    values = np.empty((n_rows, steps.CROSS_SECTION), dtype=np.float32)
    aux = np.empty((n_rows, steps.N_AUX))
    cross = np.empty((n_rows, steps.N_CROSS))
    steps.run(steps.initial_state(1)[0] if state is None else state, calendar, bars, values, aux, cross)
    return SymbolFeatures(values, aux, cross)


def compare(state: Float64, calendar: Calendar, cross: Float64, crowd: Crowd) -> Float32:
    """Return the cross-section of the symbols `crowd.columns`, float32 `[row, k, feature]`: `FEATURES[CROSS_SECTION:]`.

    `cross` is `[row, symbol, 5]` of all symbols; `state` `[k, STATE]` is the cross-section's part of the symbols' state
    (`state[:, CROSS_STATE:]`) before the first row, stepped in place.
    """
    shape = (len(cross), len(crowd.columns), steps.N_FEATURES - steps.CROSS_SECTION)
    values = np.empty(shape, dtype=np.float32)
    steps.run_cross(state, 0, calendar, cross, crowd, values, 0)
    return values


def compute(
    panel: Panel,
    expected_volume: Float64,
    *,
    peers: Peers | None = None,
    ticks: Float64 | None = None,
    events: Float64 | None = None,
    extras: Sequence[Extra] = (),
) -> FeatureMatrix:
    """Compute all features of all symbols of a panel.

    Parameters
    ----------
    panel
        Bars `[row, symbol]`.
    expected_volume
        Mean volume of the same minute in earlier sessions `[row, symbol]`, shares of the row's session; NaN where
        unknown.
    peers
        Whom the cross-section compares with.
    ticks, events
        `[row, symbol, 6]` (`TICKS`) and `[row, symbol, 2]` (`EVENTS`); all NaN where left out.
    extras
        The configured features (`FeatureSet.extras`), the last columns.
    """
    n = len(panel.symbols)
    crowd = crowd_of(n, len(panel.grid.sessions), peers)
    state, tails = steps.initial_state(n), initial_tails(extras, n)
    return compute_from(state, panel, expected_volume, crowd, ticks, events, extras, tails)


def compute_from(
    state: Float64,
    panel: Panel,
    expected_volume: Float64,
    crowd: Crowd,
    ticks: Float64 | None = None,
    events: Float64 | None = None,
    extras: Sequence[Extra] = (),
    tails: Float64 | None = None,
) -> FeatureMatrix:
    """`compute` from a snapshot, which is stepped in place.

    `state` `[symbol, N_STATE]` and, with extras, `tails` `[symbol, field, bar]` are those before the panel's first row.
    """
    calendar = calendar_of(panel.grid)
    shape = (panel.grid.n_rows, len(panel.symbols))
    names = (*steps.NAMES, *(extra.feature.name for extra in extras))
    values: npt.NDArray[np.float32] = np.empty((*shape, len(names)), dtype=np.float32)
    atr_5, return_30, sigma_30 = (np.empty(shape) for _ in range(steps.N_AUX))
    cross = np.empty((*shape, steps.N_CROSS))
    for column in range(len(panel.symbols)):
        bars = bars_of(panel, expected_volume, column, ticks, events)
        one = compute_symbol(bars, calendar, state[column])
        values[:, column, : steps.CROSS_SECTION], cross[:, column] = one.values, one.cross
        atr_5[:, column], return_30[:, column], sigma_30[:, column] = one.aux.T
        if extras and tails is not None:
            values[:, column, steps.N_FEATURES :] = run_extras(extras, bars, panel.grid.minute_of_row, tails[column])
    steps.run_cross(state, steps.CROSS_STATE, calendar, cross, crowd, values, steps.CROSS_SECTION)
    return FeatureMatrix(names, values, atr_5, return_30, sigma_30)


def compute_parts(
    state: Float64,
    tails: Float64,
    panel: Panel,
    expected_volume: Float64,
    *,
    peers: Peers | None = None,
    ticks: Float64 | None = None,
    events: Float64 | None = None,
    extras: Sequence[Extra] = (),
) -> Iterator[tuple[slice, FeatureMatrix]]:
    """`compute` from a snapshot, as in `compute_from`, `PART` sessions at a time: yields their rows and features."""
    grid, n = panel.grid, len(panel.grid.sessions)
    for start in range(0, n, PART):
        stop = min(start + PART, n)
        rows = slice(int(grid.first_row[start]), int(grid.first_row[stop]))
        crowd = crowd_of(len(panel.symbols), stop - start, None if peers is None else peers.part(start, stop))
        told, near = (None if array is None else array[rows] for array in (ticks, events))
        part = panel.part(start, stop)
        yield rows, compute_from(state, part, expected_volume[rows], crowd, told, near, extras, tails)
