"""The weighted mean of what members say: of an ensemble's scores, and of the scores that online weights learn from."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit

Float64 = npt.NDArray[np.float64]


@njit
def combine(scores: Float64, weights: Float64) -> float:
    """Weighted mean of one symbol's `scores` `[member]`; NaN gives its weight to the others; NaN if none is left."""
    total = 0.0
    combined = 0.0
    for member in range(len(weights)):
        if weights[member] > 0.0 and not np.isnan(scores[member]):
            total += weights[member]
            combined += weights[member] * scores[member]
    return combined / total if total > 0.0 else np.nan


@njit
def present(scores: Float64, weights: Float64) -> float:
    """Share of the weight that lies on members with a score; 0 without weights."""
    total = 0.0
    known = 0.0
    for member in range(len(weights)):
        total += weights[member]
        if not np.isnan(scores[member]):
            known += weights[member]
    return known / total if total > 0.0 else 0.0
