"""When one price is too far from its neighbours to be true: the thresholds of `clean` and of the live `guard`."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Float64

LEAST_MOVE = 0.05
"""Log move below which no print is bad."""
LEAST_GAP = 0.2
"""Log move below which the first price of a session is believed beside the last one of the session before."""
ROBUST_SIGMAS = 10.0
LEAST_RETURNS = 30
"""With fewer returns the least move alone decides."""
SIGMA_OF_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
CANCEL = 0.25
"""Share of the move out that may be left after the move back."""


def move_limit(returns: Float64) -> float:
    """Return the log move from which on a bar is suspect: 5 %, or 10 robust sigmas of one-bar `returns` if more."""
    if len(returns) < LEAST_RETURNS:
        return LEAST_MOVE
    spread = np.median(np.abs(returns - np.median(returns)))
    return max(LEAST_MOVE, float(ROBUST_SIGMAS * SIGMA_OF_MAD * spread))


def is_bad_print(out: npt.ArrayLike, back: npt.ArrayLike, limit: float) -> npt.NDArray[np.bool_]:
    """Return where the log move out is above `limit`, the next one below -`limit`, and both cancel to within a quarter.

    The moves are those of highs, or of lows with their sign turned: how far one bar sticks out of its neighbours.
    """
    out, back = np.asarray(out), np.asarray(back)
    large = (out > limit) & (back < -limit)
    return np.asarray(large & (np.abs(out + back) <= CANCEL * out), dtype=np.bool_)
