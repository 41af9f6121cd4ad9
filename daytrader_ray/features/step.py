"""One bar of all families: the only code that computes features, for history and live alike."""

import math

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import CROSS_INPUTS, Bar, Bars, Calendar, Crowd, Float32, Float64, Minute
from daytrader_ray.features.kernels import (
    cross_section,
    events,
    lag,
    microstructure,
    momentum,
    past,
    ranges,
    rolling,
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
    *rolling.FEATURES,
    *time.FEATURES,
    *microstructure.FEATURES,
    *events.FEATURES,
    *cross_section.FEATURES,
)
NAMES = tuple(feature.name for feature in FEATURES)
N_FEATURES = len(FEATURES)
N_AUX = 3
N_CROSS = len(CROSS_INPUTS)

_MOMENTUM = 0
_TREND = _MOMENTUM + len(momentum.FEATURES)
_VOLATILITY = _TREND + len(trend.FEATURES)
_VOLUME = _VOLATILITY + len(volatility.FEATURES)
_LAG = _VOLUME + len(volume.FEATURES)
_ROLLING = _LAG + len(lag.FEATURES)
_TIME = _ROLLING + len(rolling.FEATURES)
_MICROSTRUCTURE = _TIME + len(time.FEATURES)
_EVENTS = _MICROSTRUCTURE + len(microstructure.FEATURES)
CROSS_SECTION = _EVENTS + len(events.FEATURES)

_MOMENTUM_STATE = past.STATE
_TREND_STATE = _MOMENTUM_STATE + momentum.STATE
_VOLATILITY_STATE = _TREND_STATE + trend.STATE
_VOLUME_STATE = _VOLATILITY_STATE + volatility.STATE
_RANGES_STATE = _VOLUME_STATE + volume.STATE
_MICROSTRUCTURE_STATE = _RANGES_STATE + ranges.STATE
CROSS_STATE = _MICROSTRUCTURE_STATE + microstructure.STATE
N_STATE = CROSS_STATE + cross_section.STATE

_LONGEST_BAR = 30
_WARM_UP = np.array(
    [[feature.warm_up_of(minutes) for feature in FEATURES[:CROSS_SECTION]] for minutes in range(1, _LONGEST_BAR + 1)]
)
"""Bars before the first value `[bar_minutes - 1, feature]`."""
_LONGEST_WARM_UP = int(_WARM_UP.max())


def initial_state(n_symbols: int) -> Float64:
    """Return the state before the first bar, float64 `[symbol, N_STATE]`."""
    state = np.zeros((n_symbols, N_STATE))
    state[:, past.CLOSE] = np.nan
    state[:, _RANGES_STATE + ranges.BUCKET] = ranges.NONE
    momentum.start(state, _MOMENTUM_STATE)
    return state


@njit
def step_symbol(state: Float64, minute: Minute, bar: Bar, out: Float32, aux: Float64, cross: Float64) -> None:
    """Step one symbol by one bar, all but the cross-section; a NaN bar steps nothing and gives NaN.

    Everything remembered and computed is adjusted forward; atr_5 alone is given back in raw USD of the bar's session.

    Parameters
    ----------
    state
        `[N_STATE]`, changed in place.
    out
        `[feature]`: the columns of the families of one symbol are written, NaN while they warm up.
    aux
        `[3]`: atr_5 (raw USD), return_30, sigma_30; written.
    cross
        `[5]` (`CROSS_INPUTS`), written.
    """
    if minute.slot == 0:
        state[past.SEEN] = 0.0
    if math.isnan(bar.close):
        out[:] = np.nan
        aux[:] = np.nan
        cross[:] = np.nan
        return
    past.step(state, bar, minute.bar_minutes)
    momentum.step(state, _MOMENTUM_STATE, bar, out, _MOMENTUM)
    trend.step(state, _TREND_STATE, minute, out, _TREND)
    volatility.step(state, _VOLATILITY_STATE, minute, bar, out, _VOLATILITY)
    volume.step(state, _VOLUME_STATE, bar, out, _VOLUME)
    lag.step(state, out, _LAG)
    rolling.step(state, minute, out, _ROLLING)
    time.step(minute, out, _TIME)
    microstructure.step(state, _MICROSTRUCTURE_STATE, minute, bar, out, _MICROSTRUCTURE)
    events.step(bar, out, _EVENTS)
    ranges.step(state, _RANGES_STATE, minute, bar, aux)
    aux[0] /= bar.price_factor
    _inputs_of_cross(state, minute.bar_minutes, cross)
    if state[past.BARS] < _LONGEST_WARM_UP:
        for k in range(CROSS_SECTION):
            if state[past.BARS] < _WARM_UP[minute.bar_minutes - 1, k]:
                out[k] = np.nan


@njit
def _inputs_of_cross(state: Float64, bar_minutes: int, cross: Float64) -> None:
    bars = state[past.BARS]
    cross[0] = state[past.RETURN]
    cross[1] = state[past.RETURN_5] if bars >= past.bars_of(5, bar_minutes) else math.nan
    cross[2] = state[past.SUMS_15] if bars >= past.bars_of(15, bar_minutes) else math.nan
    cross[3] = state[past.SUMS_30] if bars >= past.bars_of(30, bar_minutes) else math.nan
    cross[4] = state[_VOLUME_STATE + volume.RELATIVE]


@njit
def _bar(bars: Bars, i: int) -> Bar:
    price, share = bars.price_factor[i], 1.0 / bars.share_factor[i]
    return Bar(
        bars.open[i] * price,
        bars.high[i] * price,
        bars.low[i] * price,
        bars.close[i] * price,
        bars.volume[i] * share if bars.traded[i] else 0.0,
        bars.vwap[i] * price,
        bars.expected_volume[i] * share,
        price,
        bars.ticks[i, 0],
        bars.ticks[i, 1],
        bars.ticks[i, 2] * share,
        bars.ticks[i, 3],
        bars.ticks[i, 4],
        bars.ticks[i, 5] * share,
        bars.events[i, 0],
        bars.events[i, 1],
    )


@njit
def step(state: Float64, minute: Minute, bars: Bars, crowd: Crowd, out: Float32, aux: Float64, cross: Float64) -> None:
    """Step all symbols by one minute, both stages.

    Parameters
    ----------
    state
        `[symbol, N_STATE]`, changed in place.
    bars
        `[symbol]` each.
    crowd
        With the members of this session, `[1, symbol]`.
    out
        `[symbol, feature]`, written.
    aux
        `[symbol, 3]`: atr_5 (raw USD), return_30, sigma_30; written.
    cross
        `[symbol, 5]`, written: room for what stage 2 reads.
    """
    for s in range(state.shape[0]):
        step_symbol(state[s], minute, _bar(bars, s), out[s], aux[s], cross[s])
    cross_section.step(state, CROSS_STATE, cross, crowd, crowd.member[0], out, CROSS_SECTION)


@njit
def run(state: Float64, calendar: Calendar, bars: Bars, out: Float32, aux: Float64, cross: Float64) -> None:
    """Stage 1 of one symbol's history: `step_symbol` of every row, in `[row]` arrays; `state` is changed in place."""
    for row in range(bars.close.shape[0]):
        minute = Minute(calendar.slot[row], calendar.n_slots[row], calendar.weekday[row], calendar.bar_minutes)
        step_symbol(state, minute, _bar(bars, row), out[row], aux[row], cross[row])


@njit
def run_cross(
    state: Float64, base: int, calendar: Calendar, cross: Float64, crowd: Crowd, out: Float32, first: int
) -> None:
    """Stage 2 of the history of the k symbols `crowd.columns`.

    `cross` is `[row, symbol, 5]` of all symbols; `state` `[k, ...]`, whose part of the cross-section begins at `base`,
    is stepped in place; `out` `[row, k, feature]` is written from column `first` on.
    """
    for row in range(cross.shape[0]):
        member = crowd.member[calendar.session[row]]
        cross_section.step(state, base, cross[row], crowd, member, out[row], first)
