"""Cross-section: the symbol against the market."""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bool, Crowd, Float32, Float64
from daytrader_ray.features.registry import Feature

FEATURES = (Feature("cross_section.excess_15", "return_15 - return_15 of SPY", 15, "definition", ("bars", "peers")),)
STATE = 0


@njit
def step(state: Float64, base: int, cross: Float64, crowd: Crowd, member: Bool, out: Float32, first: int) -> None:  # noqa: ARG001
    """Write the excess over SPY's sum of r over 15 minutes, `out` `[symbol, feature]`; NaN where SPY has no bar."""
    market = cross[crowd.spy, 2] if crowd.spy >= 0 else math.nan
    for s in range(cross.shape[0]):
        out[s, first] = cross[s, 2] - market
