"""Volatility: Bollinger's bands, the average true range, and volatility from returns and from ranges."""

import math

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64, Minute
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature, wilder_memory

_REALISED = "Andersen & Bollerslev 1998"
FEATURES = (
    Feature("volatility.bollinger_b_20", "(C - lower) / (upper - lower), bands SMA20 -/+ 2 sd", 20, "Bollinger 2001"),
    Feature("volatility.bollinger_width_20", "(upper - lower) / SMA20", 20, "Bollinger 2001"),
    Feature(
        "volatility.atr_14",
        "Wilder(14) of the true range, / C; H - L in a session's first bar",
        wilder_memory(14),
        "Wilder 1978",
    ),
    *(
        Feature(f"volatility.realised_{n}", f"sqrt(sum of r^2 over {n} minutes)", n, _REALISED, in_minutes=True)
        for n in (15, 30, 60)
    ),
    Feature(
        "volatility.parkinson_30",
        "sqrt(mean of ln(H / L)^2 / (4 ln 2)) over 30 minutes",
        30,
        "Parkinson 1980",
        in_minutes=True,
    ),
    Feature(
        "volatility.garman_klass_30",
        "sqrt(mean of ln(H / L)^2 / 2 - (2 ln 2 - 1) ln(C / O)^2) over 30 minutes",
        30,
        "Garman & Klass 1980",
        in_minutes=True,
    ),
    Feature(
        "volatility.vol_of_vol_60",
        "standard deviation / mean of realised_15 over 60 minutes",
        74,
        "definition",
        in_minutes=True,
    ),
)
_BAND = 20
ATR, COUNT, MEAN, SQUARES = 0, 1, 2, 3
_BLOCK = 4  # for each close of the block before: mean of the closes from there on, and sum of squares about it
STATE = _BLOCK + 2 * (_BAND + 1)
_ONE_OVER = 1.0 / np.maximum(np.arange(_BAND + 1), 1)
_PARKINSON = 1.0 / (4.0 * math.log(2.0))


@njit
def step(state: Float64, base: int, minute: Minute, bar: Bar, out: Float32, first: int) -> None:
    """Step the bands and ranges; flat bands give %B 0.5 and width 0, a flat hour a variation of 0."""
    mean, sd = _bands(state, base, bar.close)
    flat = sd <= 1e-12 * mean
    out[first] = 0.5 if flat else 0.5 + 0.25 * (bar.close - mean) / sd
    out[first + 1] = 0.0 if flat else 4.0 * sd / mean

    if state[past.BARS] == 1.0:
        state[base + ATR] = state[past.TRUE_RANGE]
    state[base + ATR] += (state[past.TRUE_RANGE] - state[base + ATR]) * (1.0 / 14.0)
    out[first + 2] = state[base + ATR] * state[past.INVERSE]

    out[first + 3] = math.sqrt(state[past.SUMS_15 + 1])
    out[first + 4] = math.sqrt(state[past.SUMS_30 + 1])
    out[first + 5] = math.sqrt(state[past.SUMS_60 + 1])
    one_over = 1.0 / past.bars_of(30, minute.bar_minutes)
    out[first + 6] = math.sqrt(state[past.SUMS_30 + 4] * one_over * _PARKINSON)
    out[first + 7] = math.sqrt(state[past.SUMS_30 + 5] * one_over)
    one_over = 1.0 / past.bars_of(60, minute.bar_minutes)
    mean = state[past.SUMS_60 + 4] * one_over
    variance = state[past.SUMS_60 + 5] * one_over - mean * mean
    out[first + 8] = math.sqrt(max(variance, 0.0)) / mean if mean > 0.0 else 0.0


@njit
def _bands(state: Float64, base: int, close: float) -> tuple[float, float]:
    """Take in a close; return mean and standard deviation of the last 20.

    As in `sliding`, with means and squares about them for sums (Chan, Golub & LeVeque 1983): there is no difference of
    large sums, and 20 equal closes have a deviation of exactly 0.
    """
    k = int(state[base + COUNT])
    delta = close - state[base + MEAN]
    mean = state[base + MEAN] + delta * _ONE_OVER[k + 1]
    squares = state[base + SQUARES] + delta * (close - mean)
    place = base + _BLOCK + 2 * k
    older = _BAND - 1.0 - k
    apart = state[place + 2] - mean
    share = older * (1.0 / _BAND)
    both = squares + state[place + 3] + apart * apart * share * (k + 1.0)
    result = mean + apart * share, math.sqrt(both * (1.0 / _BAND))
    state[place] = close
    if k + 1 < _BAND:
        state[base + MEAN] = mean
        state[base + SQUARES] = squares
        state[base + COUNT] = k + 1.0
        return result
    mean = squares = 0.0
    for j in range(1, _BAND + 1):
        place = base + _BLOCK + 2 * (_BAND - j)
        delta = state[place] - mean
        mean += delta * _ONE_OVER[j]
        squares += delta * (state[place] - mean)
        state[place] = mean
        state[place + 1] = squares
    state[base + MEAN] = state[base + SQUARES] = state[base + COUNT] = 0.0
    return result
