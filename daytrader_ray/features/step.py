"""One bar of all families: the only code that computes features, for history and live alike."""

import math

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Bars, Calendar, Float32, Float64, Minute
from daytrader_ray.features.kernels import (
    cross_section,
    lag,
    momentum,
    past,
    ranges,
    time,
    trend,
    volatility,
    volume,
)
from daytrader_ray.features.registry import Feature

FEATURES: tuple[Feature, ...] = (
    *momentum.FEATURES,
    *trend.FEATURES,
    *volatility.FEATURES,
    *volume.FEATURES,
    *lag.FEATURES,
    *time.FEATURES,
    *cross_section.FEATURES,
)
NAMES = tuple(feature.name for feature in FEATURES)
N_FEATURES = len(FEATURES)
N_AUX = 3

_MOMENTUM = 0
_TREND = _MOMENTUM + len(momentum.FEATURES)
_VOLATILITY = _TREND + len(trend.FEATURES)
_VOLUME = _VOLATILITY + len(volatility.FEATURES)
_LAG = _VOLUME + len(volume.FEATURES)
_TIME = _LAG + len(lag.FEATURES)
_CROSS_SECTION = _TIME + len(time.FEATURES)

_MOMENTUM_STATE = past.STATE
_TREND_STATE = _MOMENTUM_STATE + momentum.STATE
_VOLATILITY_STATE = _TREND_STATE + trend.STATE
_VOLUME_STATE = _VOLATILITY_STATE + volatility.STATE
_RANGES_STATE = _VOLUME_STATE + volume.STATE
N_STATE = _RANGES_STATE + ranges.STATE

_WARM_UP = np.array([feature.warm_up for feature in FEATURES], dtype=np.int64)
_LONGEST_WARM_UP = int(_WARM_UP.max())


def initial_state(n_symbols: int) -> Float64:
    """Return the state before the first bar, float64 `[symbol, N_STATE]`."""
    state = np.zeros((n_symbols, N_STATE))
    state[:, past.CLOSE : past.STATE] = np.nan
    state[:, _RANGES_STATE + ranges.BUCKET] = ranges.NONE
    return state


@njit
def step_symbol(state: Float64, minute: Minute, bar: Bar, out: Float32, aux: Float64) -> None:
    """Step one symbol by one bar, all but the cross-section; a NaN bar steps nothing and gives NaN.

    Everything remembered and computed is adjusted forward; atr_5 alone is given back in raw USD of the bar's session.
    """
    if minute.slot == 0:
        state[past.SEEN] = 0.0
    if math.isnan(bar.close):
        out[:] = np.nan
        aux[:] = np.nan
        state[past.RETURN_15] = math.nan
        return
    past.step(state, bar, minute.bar_minutes)
    momentum.step(state, _MOMENTUM_STATE, bar, out, _MOMENTUM)
    trend.step(state, _TREND_STATE, bar, out, _TREND)
    volatility.step(state, _VOLATILITY_STATE, minute, bar, out, _VOLATILITY)
    volume.step(state, _VOLUME_STATE, bar, out, _VOLUME)
    lag.step(state, bar, out, _LAG)
    time.step(minute, out, _TIME)
    ranges.step(state, _RANGES_STATE, minute, bar, aux)
    aux[0] /= bar.price_factor


@njit
def finish_symbol(state: Float64, reference_return: float, out: Float32) -> None:
    """Add the cross-section and write NaN over features that are still warming up."""
    cross_section.step(state, reference_return, out, _CROSS_SECTION)
    if state[past.BARS] < _LONGEST_WARM_UP:
        for k in range(N_FEATURES):
            if state[past.BARS] < _WARM_UP[k]:
                out[k] = np.nan


@njit
def _bar(bars: Bars, i: int) -> Bar:
    price, share = bars.price_factor[i], bars.share_factor[i]
    return Bar(
        bars.open[i] * price,
        bars.high[i] * price,
        bars.low[i] * price,
        bars.close[i] * price,
        bars.volume[i] / share if bars.traded[i] else 0.0,
        bars.vwap[i] * price,
        bars.expected_volume[i] / share,
        price,
    )


@njit
def step(state: Float64, minute: Minute, bars: Bars, reference: int, out: Float32, aux: Float64) -> None:
    """Step all symbols by one minute.

    Parameters
    ----------
    state
        `[symbol, N_STATE]`, changed in place.
    bars
        `[symbol]` each.
    reference
        Column of the market proxy, -1 for none.
    out
        `[symbol, feature]`, written.
    aux
        `[symbol, 3]`: atr_5 (raw USD), return_30, sigma_30; written.
    """
    for s in range(state.shape[0]):
        step_symbol(state[s], minute, _bar(bars, s), out[s], aux[s])
    reference_return = state[reference, past.RETURN_15] if reference >= 0 else math.nan
    for s in range(state.shape[0]):
        finish_symbol(state[s], reference_return, out[s])


@njit
def run(state: Float64, calendar: Calendar, bars: Bars, reference_return: Float64, out: Float32, aux: Float64) -> None:
    """Step one symbol through its history: `step` of every row, in `[row]` arrays; `state` is changed in place."""
    for row in range(bars.close.shape[0]):
        minute = Minute(calendar.slot[row], calendar.n_slots[row], calendar.weekday[row], calendar.bar_minutes)
        step_symbol(state, minute, _bar(bars, row), out[row], aux[row])
        finish_symbol(state, reference_return[row], out[row])


@njit
def run_return_15(state: Float64, calendar: Calendar, bars: Bars, result: Float64) -> None:
    """Step one symbol through its history for its 15-minute return alone, float64 `[row]`."""
    for row in range(bars.close.shape[0]):
        if calendar.slot[row] == 0:
            state[past.SEEN] = 0.0
        result[row] = math.nan
        if not math.isnan(bars.close[row]):
            past.step(state, _bar(bars, row), calendar.bar_minutes)
            result[row] = state[past.RETURN_15]
