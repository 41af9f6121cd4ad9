"""Plain ensembles, for tests of what uses them."""

import numpy as np

from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.ensemble import Ensemble


def equal(mask: int, q99: float = 1.0, threshold: float = 0.5) -> Ensemble:
    """Return the ensemble that weighs its members equally, now and at all hours."""
    inside = np.array([float(mask >> bit & 1) for bit in range(len(MEMBERS))])
    weights = np.tile(inside / inside.sum(), (4, 1))
    return Ensemble("equal", mask, weights, np.array([1.0, 0.0, 0.0]), q99, threshold, np.ones(2))
