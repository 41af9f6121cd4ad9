"""When one price is too far from its neighbours to be true: the thresholds of `clean` and of the live `guard`."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Float64

LEAST_MOVE = 0.05
"""Log move below which no print is bad."""
ROBUST_SIGMAS = 10.0
LEAST_RETURNS = 30
"""With fewer returns the least move alone decides."""
SIGMA_OF_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
CANCEL = 0.25
"""Share of the move in that may be left after the move out."""


def move_limit(returns: Float64) -> float:
    """Return the log move from which on a bar is suspect: 5 %, or 10 robust sigmas of one-bar `returns` if more."""
    if len(returns) < LEAST_RETURNS:
        return LEAST_MOVE
    spread = np.median(np.abs(returns - np.median(returns)))
    return max(LEAST_MOVE, float(ROBUST_SIGMAS * SIGMA_OF_MAD * spread))


def is_bad_print(jump: npt.ArrayLike, back: npt.ArrayLike, limit: float) -> npt.NDArray[np.bool_]:
    """Return where a log move in and the next one out both exceed `limit` (and 5 %) and cancel to within a quarter."""
    jump, back = np.asarray(jump), np.asarray(back)
    least = max(limit, LEAST_MOVE)
    large = (np.abs(jump) > least) & (np.abs(back) > least)
    return np.asarray(large & (np.abs(jump + back) <= CANCEL * np.abs(jump)), dtype=np.bool_)
