"""Lag: returns over the last minutes, since the open and over the night."""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64, Minute
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature

FEATURES = (
    Feature("lag.return_1", "sum of r over 1 minute", 1, "definition"),
    Feature("lag.return_5", "sum of r over 5 minutes", 5, "definition"),
    Feature("lag.return_15", "sum of r over 15 minutes", 15, "definition"),
    Feature("lag.return_30", "sum of r over 30 minutes", 30, "definition"),
    Feature("lag.overnight_gap", "ln(session open / last close before it)", 2, "definition"),
    Feature("lag.since_open", "ln(C / session open)", 1, "definition"),
)
STATE = 0


@njit
def step(state: Float64, minute: Minute, bar: Bar, out: Float32, first: int) -> None:
    """Write the returns; the gap is NaN in a symbol's first session."""
    return_15 = past.return_over(state, past.bars_of(15, minute.bar_minutes))
    state[past.RETURN_15] = return_15
    out[first] = state[past.RETURN]
    out[first + 1] = past.return_over(state, past.bars_of(5, minute.bar_minutes))
    out[first + 2] = return_15
    out[first + 3] = past.return_over(state, past.bars_of(30, minute.bar_minutes))
    out[first + 4] = state[past.GAP]
    out[first + 5] = math.log(bar.close / state[past.SESSION_OPEN])
