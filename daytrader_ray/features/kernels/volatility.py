"""Volatility: Bollinger's bands, the average true range and realised volatility."""

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64, Minute
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature, wilder_memory

FEATURES = (
    Feature("volatility.bollinger_b_20", "(C - lower) / (upper - lower), bands SMA20 -/+ 2 sd", 20, "Bollinger 2001"),
    Feature("volatility.bollinger_width_20", "(upper - lower) / SMA20", 20, "Bollinger 2001"),
    Feature(
        "volatility.atr_14",
        "Wilder(14) of the true range, / C; H - L in a session's first bar",
        wilder_memory(14),
        "Wilder 1978",
    ),
    Feature("volatility.realised_30", "sqrt(sum of r^2 over 30 minutes)", 30, "Andersen & Bollerslev 1998"),
)
ATR = 0
STATE = 1


@njit
def step(state: Float64, base: int, minute: Minute, bar: Bar, out: Float32, first: int) -> None:
    """Step the bands and ranges; flat bands give %B 0.5 and width 0."""
    start = past.window(state, past.CLOSES, past.SHORT, 20)
    mean = past.total(state, start, 20) / 20.0
    sd = past.deviation(state, start, 20, mean, 20.0)
    flat = sd <= 1e-12 * mean
    out[first] = 0.5 if flat else 0.5 + (bar.close - mean) / (4.0 * sd)
    out[first + 1] = 0.0 if flat else 4.0 * sd / mean

    true_range = bar.high - bar.low
    if state[past.FIRST] == 0.0:
        true_range = max(bar.high, state[past.PREVIOUS]) - min(bar.low, state[past.PREVIOUS])
    if state[past.BARS] == 1.0:
        state[base + ATR] = true_range
    state[base + ATR] += (true_range - state[base + ATR]) / 14.0
    out[first + 2] = state[base + ATR] / bar.close

    length = past.bars_of(30, minute.bar_minutes)
    start = past.window(state, past.RETURNS, past.LONG, length)
    out[first + 3] = past.deviation(state, start, length, 0.0, 1.0)
