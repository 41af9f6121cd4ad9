"""Cross-section: the symbol against the market."""

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Float32, Float64
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature

FEATURES = (Feature("cross_section.excess_15", "return_15 - return_15 of SPY", 15, "definition"),)
STATE = 0


@njit
def step(state: Float64, reference_return: float, out: Float32, first: int) -> None:
    """Write the excess over the reference's sum of r over 15 minutes; NaN where the reference has no bar."""
    out[first] = state[past.RETURN_15] - reference_return
