"""Equal weights: nothing to estimate, and hard to beat (DeMiguel, Garlappi & Uppal 2009)."""

from daytrader_ray.models.weights.surface import Bool, Evidence, Float64, Weighting


def equal_weights(inside: Bool) -> Float64:
    """Return 1 / n over the members `inside`, zeros elsewhere `[member]`.

    >>> import numpy as np
    >>> equal_weights(np.array([True, False, True])).tolist()
    [0.5, 0.0, 0.5]
    """
    return inside / max(int(inside.sum()), 1)


def equal(_evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Give every member the same weight."""
    return Weighting.same(equal_weights(inside))
