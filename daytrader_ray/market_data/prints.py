"""When one price is too far from its neighbours to be true: the thresholds of `clean` and of the live `guard`."""

import numpy as np

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
LONGEST_WICK = 3
"""Bars in a row that may carry one bad high or low each."""


def move_limit(returns: Float64) -> float:
    """Return the log move from which on a bar is suspect: 5 %, or 10 robust sigmas of one-bar `returns` if more."""
    if len(returns) < LEAST_RETURNS:
        return LEAST_MOVE
    spread = np.median(np.abs(returns - np.median(returns)))
    return max(LEAST_MOVE, float(ROBUST_SIGMAS * SIGMA_OF_MAD * spread))


def is_bad_print(extreme: float, body: float, before: float, after: float, limit: float) -> bool:
    """Return whether a high sticks out of the bars beside it by more than `limit` and leaves no trace in them.

    All are logs of prices: the high (of a low with the sign turned; of several bars the one that sticks out least),
    the outermost open or close below it, and the highs of the minutes before and after. These two agree to within a
    quarter of the move out, and so does the body with them: a price that was traded leaves its open or close there.
    One bar between two others may be bad with its body, which is then given as minus infinity. NaN is never bad.
    """
    level = max(before, after)
    returns = abs(after - before) <= CANCEL * (extreme - before)
    return extreme - level > limit and returns and body - level <= CANCEL * (extreme - level)
