"""Volume: who pushed, how much, and at what average price; all anchored at the session's open."""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature

_QUIET = "nothing has traded in the session"
FEATURES = (
    Feature("volume.obv", "sum of sign(r) V / sum of V since the open", 1, "Granville 1963", nan=_QUIET),
    Feature(
        "volume.accumulation_distribution",
        "sum of ((C - L) - (H - C)) / (H - L) V / sum of V since the open; 0 where H = L",
        1,
        "Chaikin",
        nan=_QUIET,
    ),
    Feature(
        "volume.relative_volume",
        "V / mean V of the same minute in up to 20 earlier sessions",
        1,
        "common use",
        nan="fewer than 3 earlier sessions know the minute, or none traded in it",
    ),
    Feature(
        "volume.vwap_distance",
        "C / session VWAP - 1; (H + L + C) / 3 where a bar has no vwap",
        1,
        "common use",
        nan=_QUIET,
    ),
)
BALANCE, ACCUMULATED, SHARES, USD, RELATIVE = 0, 1, 2, 3, 4
STATE = 5


@njit
def step(state: Float64, base: int, bar: Bar, out: Float32, first: int) -> None:
    """Step the sums."""
    if state[past.FIRST] == 1.0:
        for k in range(4):
            state[base + k] = 0.0
    price = (bar.high + bar.low + bar.close) * (1.0 / 3.0) if math.isnan(bar.vwap) else bar.vwap
    if state[past.RETURN] > 0.0:
        state[base + BALANCE] += bar.volume
    elif state[past.RETURN] < 0.0:
        state[base + BALANCE] -= bar.volume
    height = bar.high - bar.low
    if height > 0.0:
        state[base + ACCUMULATED] += bar.volume * (bar.close - bar.low - (bar.high - bar.close)) / height
    state[base + SHARES] += bar.volume
    state[base + USD] += bar.volume * price
    state[base + RELATIVE] = bar.volume / bar.expected_volume if bar.expected_volume > 0.0 else math.nan
    shares = state[base + SHARES]
    one_over = 1.0 / shares if shares > 0.0 else math.nan
    out[first] = state[base + BALANCE] * one_over
    out[first + 1] = state[base + ACCUMULATED] * one_over
    out[first + 2] = state[base + RELATIVE]
    out[first + 3] = bar.close * shares / state[base + USD] - 1.0 if shares > 0.0 else math.nan
