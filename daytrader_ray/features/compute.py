"""Features of a history: the kernels of `features.step` over all rows, one symbol at a time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import FeatureMatrix, Panel
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.features import step as steps
from daytrader_ray.features.bar import Bars, Calendar, Float32, Float64

REFERENCE = "SPY"


@dataclass(frozen=True)
class SymbolFeatures:
    """One symbol's `values` float32 `[row, feature]`; `atr_5` (raw USD), `return_30`, `sigma_30` float64 `[row]`."""

    values: Float32
    atr_5: Float64
    return_30: Float64
    sigma_30: Float64


def calendar_of(grid: SessionGrid) -> Calendar:
    """Return slot, session length and weekday of every row."""
    weekdays = np.array([session.date.weekday() for session in grid.sessions], dtype=np.int64)
    return Calendar(
        slot=grid.slot_of_row,
        n_slots=np.repeat(grid.bars_per_session, grid.bars_per_session),
        weekday=np.repeat(weekdays, grid.bars_per_session),
        bar_minutes=grid.bar_minutes,
    )


def bars_of(panel: Panel, expected_volume: Float64, column: int) -> Bars:
    """Return one symbol's columns as contiguous arrays `[row]`."""
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
    )


def return_15(bars: Bars, calendar: Calendar, state: Float64 | None = None) -> Float64:
    """Return the 15-minute return `[row]` that `excess_15` subtracts, of the reference's bars.

    `state` `[N_STATE]` is the reference's before the first row (its start by default) and stays as it is.
    """
    result = np.empty(len(bars.close))
    start = steps.initial_state(1)[0] if state is None else state.copy()
    steps.run_return_15(start, calendar, bars, result)
    return result


def compute_symbol(
    bars: Bars, calendar: Calendar, reference_return: Float64 | None, state: Float64 | None = None
) -> SymbolFeatures:
    """Compute all features of one symbol; rows without a bar are NaN.

    Parameters
    ----------
    bars, calendar
        `[row]` each, raw; `expected_volume` in shares of the row's session, from earlier sessions only.
    reference_return
        15-minute return of the market proxy `[row]`; None where there is none (`excess_15` is NaN).
    state
        State `[N_STATE]` before the first row, stepped in place; the start of all history by default.
    """
    n_rows = len(bars.close)
    values = np.empty((n_rows, steps.N_FEATURES), dtype=np.float32)
    aux = np.empty((n_rows, steps.N_AUX))
    reference = np.full(n_rows, np.nan) if reference_return is None else reference_return
    steps.run(steps.initial_state(1)[0] if state is None else state, calendar, bars, reference, values, aux)
    return SymbolFeatures(values, *(np.ascontiguousarray(aux[:, k]) for k in range(steps.N_AUX)))


def compute(panel: Panel, expected_volume: Float64, reference: str = REFERENCE) -> FeatureMatrix:
    """Compute all features of all symbols of a panel.

    Parameters
    ----------
    panel
        Bars `[row, symbol]`.
    expected_volume
        Mean volume of the same minute in earlier sessions `[row, symbol]`, shares of the row's session; NaN where
        unknown.
    reference
        The market proxy that `excess_15` subtracts; `excess_15` is NaN where the panel does not have it.
    """
    calendar = calendar_of(panel.grid)
    market = None
    if reference in panel.symbols:
        market = return_15(bars_of(panel, expected_volume, panel.column(reference)), calendar)
    shape = (panel.grid.n_rows, len(panel.symbols))
    values: npt.NDArray[np.float32] = np.empty((*shape, steps.N_FEATURES), dtype=np.float32)
    atr_5, return_30, sigma_30 = (np.empty(shape) for _ in range(steps.N_AUX))
    for column in range(len(panel.symbols)):
        one = compute_symbol(bars_of(panel, expected_volume, column), calendar, market)
        values[:, column] = one.values
        atr_5[:, column], return_30[:, column], sigma_30[:, column] = one.atr_5, one.return_30, one.sigma_30
    return FeatureMatrix(steps.NAMES, values, atr_5, return_30, sigma_30)
