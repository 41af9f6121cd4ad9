"""Lag: returns over the last minutes, since the open and over the night."""

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Float32, Float64
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature

FEATURES = (
    *(
        Feature(f"lag.return_{n}", f"sum of r over {n} minute{'s' if n > 1 else ''}", n, "definition", in_minutes=True)
        for n in (1, 5, 15, 30)
    ),
    Feature("lag.overnight_gap", "ln(session open / last close before it)", 2, "definition", nan="first session"),
    Feature("lag.since_open", "sum of r since the open: ln(C / session open)", 1, "definition"),
)
STATE = 0


@njit
def step(state: Float64, out: Float32, first: int) -> None:
    """Write the returns; the gap is NaN in a symbol's first session."""
    out[first] = state[past.RETURN]
    out[first + 1] = state[past.RETURN_5]
    out[first + 2] = state[past.SUMS_15]
    out[first + 3] = state[past.SUMS_30]
    out[first + 4] = state[past.GAP]
    out[first + 5] = state[past.SINCE_OPEN]
