"""Volume: who pushed, how much, and at what average price; all anchored at the session's open."""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature

FEATURES = (
    Feature("volume.obv", "sum of sign(r) V / sum of V since the open", 1, "Granville 1963"),
    Feature("volume.relative_volume", "V / mean V of the same minute in up to 20 earlier sessions", 1, "common use"),
    Feature("volume.vwap_distance", "C / session VWAP - 1; (H + L + C) / 3 where a bar has no vwap", 1, "common use"),
)
BALANCE, SHARES, USD = 0, 1, 2
STATE = 3


@njit
def step(state: Float64, base: int, bar: Bar, out: Float32, first: int) -> None:
    """Step the sums; NaN while nothing has traded in the session, or where no volume is expected."""
    if state[past.FIRST] == 1.0:
        state[base + BALANCE] = 0.0
        state[base + SHARES] = 0.0
        state[base + USD] = 0.0
    price = (bar.high + bar.low + bar.close) / 3.0 if math.isnan(bar.vwap) else bar.vwap
    if state[past.RETURN] > 0.0:
        state[base + BALANCE] += bar.volume
    elif state[past.RETURN] < 0.0:
        state[base + BALANCE] -= bar.volume
    state[base + SHARES] += bar.volume
    state[base + USD] += bar.volume * price
    shares = state[base + SHARES]
    out[first] = state[base + BALANCE] / shares if shares > 0.0 else math.nan
    out[first + 1] = bar.volume / bar.expected_volume if bar.expected_volume > 0.0 else math.nan
    out[first + 2] = bar.close * shares / state[base + USD] - 1.0 if shares > 0.0 else math.nan
