"""Lag: returns over the last minutes, since the open and over the night."""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64
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
def step(state: Float64, bar: Bar, out: Float32, first: int) -> None:
    """Write the returns; the gap is NaN in a symbol's first session."""
    out[first] = state[past.RETURN]
    out[first + 1] = state[past.RETURN_5]
    out[first + 2] = state[past.RETURN_15]
    out[first + 3] = state[past.RETURN_30]
    out[first + 4] = state[past.GAP]
    out[first + 5] = math.log(bar.close / state[past.SESSION_OPEN])
