"""Minutes to and since the events of a symbol, from what was known at each time."""

from heapq import heappop, heappush

import numpy as np

from daytrader_ray.features.bar import Float64, Int64


def event_minutes(timestamp: Float64, known_at: Float64, now: Int64) -> Float64:
    """Return minutes `[n, 2]` to the next event and since the last one, by the wall clock; NaN where there is none.

    An event counts from `known_at` on: the next one may come closer when another becomes known, and one that becomes
    known after it has happened is the last one only from then on. An event at `now` itself has happened.

    Parameters
    ----------
    timestamp, known_at
        When each event happens and since when it is known `[event]`, minutes since 1970, in any order.
    now
        Ends of bars `[n]`, minutes since 1970, in any order.
    """
    breaks = np.unique(np.concatenate([timestamp, known_at]))
    following = _following(timestamp, known_at, breaks)
    last = _last(timestamp, np.maximum(timestamp, known_at), breaks)
    # Between two breaks nothing happens and nothing becomes known. Before the first one there is nothing.
    at = np.searchsorted(breaks, now, side="right")
    to, since = (np.append(np.nan, found)[at] for found in (following, last))
    return np.stack([to - now, now - since], axis=1)


def _following(timestamp: Float64, known_at: Float64, breaks: Float64) -> Float64:
    """Return the earliest event after each break that is known by then, NaN where there is none."""
    found, ahead, k = np.full(len(breaks), np.nan), list[float](), 0
    order = np.argsort(known_at)
    for at, moment in enumerate(breaks):
        while k < len(order) and known_at[order[k]] <= moment:
            heappush(ahead, timestamp[order[k]])
            k += 1
        while ahead and ahead[0] <= moment:
            heappop(ahead)
        if ahead:
            found[at] = ahead[0]
    return found


def _last(timestamp: Float64, counts_from: Float64, breaks: Float64) -> Float64:
    """Return the latest event that counts at each break, NaN where there is none."""
    order = np.argsort(counts_from)
    latest = np.append(np.nan, np.maximum.accumulate(timestamp[order]))
    return np.asarray(latest[np.searchsorted(counts_from[order], breaks, side="right")])
