"""Ranges that are no features: the 5-minute ATR of labels and stops, and the 30-minute return with its deviation."""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float64, Minute
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import wilder_memory

ATR, N_RANGES, PREVIOUS, BUCKET, OPENING, HIGH, LOW, CLOSE = 0, 1, 2, 3, 4, 5, 6, 7
STATE = 8
NONE = -1.0
ATR_WARM_UP = wilder_memory(14)
ATR_MINUTES = 5


@njit
def step(state: Float64, base: int, minute: Minute, bar: Bar, aux: Float64) -> None:
    """Write ATR_5 (in adjusted prices), return over 30 minutes and its standard deviation into `aux` [3].

    ATR_5 is Wilder's ATR(14) on completed 5-minute bars, carried across sessions, a session's first bar with H - L
    (METHODS 2). The deviation is sqrt(30) x the standard deviation (ddof 1) of r over the last 60 minutes; NaN where
    the price did not move at all.
    """
    bucket = float(minute.slot * minute.bar_minutes // ATR_MINUTES)
    opening = state[past.FIRST] == 1.0
    if opening or bucket != state[base + BUCKET]:
        _complete(state, base)
        state[base + BUCKET] = bucket
        state[base + OPENING] = 1.0 if opening else 0.0
        state[base + HIGH] = bar.high
        state[base + LOW] = bar.low
    state[base + HIGH] = max(state[base + HIGH], bar.high)
    state[base + LOW] = min(state[base + LOW], bar.low)
    state[base + CLOSE] = bar.close
    if (minute.slot + 1) * minute.bar_minutes % ATR_MINUTES == 0:
        _complete(state, base)
    aux[0] = state[base + ATR] if state[base + N_RANGES] >= ATR_WARM_UP else math.nan

    aux[1] = state[past.SUMS_30]
    n_60 = past.bars_of(60, minute.bar_minutes)
    mean = state[past.SUMS_60] / n_60
    squares = max(state[past.SUMS_60 + 1] - mean * state[past.SUMS_60], 0.0)
    sigma = math.sqrt(squares * past.bars_of(30, minute.bar_minutes) / (n_60 - 1.0))
    aux[2] = sigma if sigma > 1e-12 else math.nan


@njit
def _complete(state: Float64, base: int) -> None:
    """Close the 5-minute bar that is open, if there is one."""
    if state[base + BUCKET] == NONE:
        return
    state[base + BUCKET] = NONE
    true_range = state[base + HIGH] - state[base + LOW]
    if state[base + OPENING] == 0.0:
        high = max(state[base + HIGH], state[base + PREVIOUS])
        true_range = high - min(state[base + LOW], state[base + PREVIOUS])
    if state[base + N_RANGES] == 0.0:
        state[base + ATR] = true_range
    state[base + ATR] += (true_range - state[base + ATR]) / 14.0
    state[base + N_RANGES] += 1.0
    state[base + PREVIOUS] = state[base + CLOSE]
