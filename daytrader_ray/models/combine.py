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
def damping(scores: Float64, weights: Float64) -> float:
    """Factor at which the mean of the members with a score spreads no wider than that of all; 1 if none is missing.

    Of independent members with equal spread the weighted mean has a standard deviation of sqrt(sum w^2) / sum w; the
    factor is the whole ensemble's over that of the rest, at most 1, and cautious where members agree more than that.
    """
    total, squares, known, known_squares = 0.0, 0.0, 0.0, 0.0
    for member in range(len(weights)):
        total += weights[member]
        squares += weights[member] ** 2
        if not np.isnan(scores[member]):
            known += weights[member]
            known_squares += weights[member] ** 2
    return min(known / total * np.sqrt(squares / known_squares), 1.0) if known_squares > 0.0 else 0.0
