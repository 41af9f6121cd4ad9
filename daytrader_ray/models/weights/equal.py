"""Equal weights: nothing to estimate, and hard to beat (DeMiguel, Garlappi & Uppal 2009)."""

from daytrader_ray.models.weights.simplex import equal_weights
from daytrader_ray.models.weights.surface import Bool, Evidence, Weighting


def equal(_evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Give every member the same weight."""
    return Weighting.same(equal_weights(inside))
