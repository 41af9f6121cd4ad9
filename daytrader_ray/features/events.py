"""Minutes to and since the events of a symbol, from what was known at each time."""

from heapq import heappop, heappush

import numpy as np

from daytrader_ray.features.bar import Float64, Int64


def event_minutes(timestamp: Float64, known_at: Float64, withdrawn_at: Float64, now: Int64) -> Float64:
    """Return minutes `[n, 2]` to the next event and since the last one, by the wall clock; NaN where there is none.

    An event counts from `known_at` until `withdrawn_at`: the next one may come closer when another becomes known, and
    one that becomes known after it has happened is the last one only from then on. An event at `now` itself has
    happened.

    Parameters
    ----------
    timestamp, known_at, withdrawn_at
        When each event happens, since when it is known and until when (infinity: never withdrawn) `[event]`, minutes
        since 1970, in any order.
    now
        Ends of bars `[n]`, minutes since 1970, in any order.
    """
    breaks = np.unique(np.concatenate([timestamp, known_at, withdrawn_at]))
    following = _least(timestamp, known_at, np.minimum(timestamp, withdrawn_at), breaks)
    last = -_least(-timestamp, np.maximum(timestamp, known_at), withdrawn_at, breaks)
    # Between two breaks nothing happens and nothing becomes known. Before the first one there is nothing.
    at = np.searchsorted(breaks, now, side="right")
    to, since = (np.append(np.nan, found)[at] for found in (following, last))
    return np.stack([to - now, now - since], axis=1)


def _least(values: Float64, since: Float64, until: Float64, breaks: Float64) -> Float64:
    """Return the least of the values that count at each break, each from `since` until `until`; NaN without any."""
    found, counting, k = np.full(len(breaks), np.nan), list[tuple[float, float]](), 0
    order = np.argsort(since)
    for at, moment in enumerate(breaks):
        while k < len(order) and since[order[k]] <= moment:
            heappush(counting, (values[order[k]], until[order[k]]))
            k += 1
        while counting and counting[0][1] <= moment:
            heappop(counting)
        if counting:
            found[at] = counting[0][0]
    return found
