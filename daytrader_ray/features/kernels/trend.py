"""Trend: how far the price stands from its averages."""

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature, ema_memory

FEATURES = (
    Feature("trend.sma_20", "C / SMA20 - 1", 20, "common use"),
    Feature("trend.ema_10", "C / EMA10 - 1", ema_memory(10), "common use"),
    Feature("trend.ema_50", "C / EMA50 - 1", ema_memory(50), "common use"),
)
EMA_10, EMA_50 = 0, 1
STATE = 2


@njit
def step(state: Float64, base: int, bar: Bar, out: Float32, first: int) -> None:
    """Step the averages."""
    close = bar.close
    if state[past.BARS] == 1.0:
        state[base + EMA_10] = close
        state[base + EMA_50] = close
    state[base + EMA_10] += (close - state[base + EMA_10]) * (2.0 / 11.0)
    state[base + EMA_50] += (close - state[base + EMA_50]) * (2.0 / 51.0)
    mean = past.total(state, past.window(state, past.CLOSES, past.SHORT, 20), 20) / 20.0
    out[first] = close / mean - 1.0
    out[first + 1] = close / state[base + EMA_10] - 1.0
    out[first + 2] = close / state[base + EMA_50] - 1.0
