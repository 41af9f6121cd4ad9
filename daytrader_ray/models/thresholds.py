"""How strong a signal must be: its scale, and the thresholds that are read from validation B."""

import itertools

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

HOUR_MINUTES = 60
HOUR_FACTORS = (0.9, 0.8, 0.7)
SURE = 2.0
"""Standard errors by which the entries of a lower threshold must pay."""
COST_BUCKETS = 20


def hour_of(bar_minutes: int) -> int:
    """Return the bars of the first and of the last hour of a session."""
    return -(-HOUR_MINUTES // bar_minutes)


def thresholds(threshold: float, hours: Float64, n_slots: int, bar_minutes: int) -> Float64:
    """Return the threshold at the close of each bar of a session `[slot]`, times `hours` in its first and last hour."""
    factor, hour = np.ones(n_slots), hour_of(bar_minutes)
    factor[:hour] = hours[0]
    factor[-hour:] = np.minimum(factor[-hour:], hours[1])
    return np.asarray(threshold * factor)


def q99(scores: Float64) -> float:
    """Return the 99 % quantile of absolute scores (any shape); 0 where nothing was scored."""
    known = np.abs(scores[np.isfinite(scores)])
    return float(np.quantile(known, 0.99)) if known.size else 0.0


def break_even_threshold(signal_b: Float64, forward_return_b: Float64, round_trip_cost_b: Float64 | float) -> float:
    """Return the smallest |signal| whose bucket on B earns its round-trip cost; infinity where none does.

    Buckets of equal count by |signal| (zeros and NaN left out); net = side * forward log return - cost as a fraction of
    the price. Bucket means are made non-decreasing in |signal| (isotonic regression) first, so that one lucky bucket
    of weak signals opens nothing. All arrays have one shape; the cost may be one number.
    """
    cost = np.broadcast_to(np.asarray(round_trip_cost_b, dtype=np.float64), signal_b.shape)
    used = np.isfinite(signal_b) & (signal_b != 0) & np.isfinite(forward_return_b) & np.isfinite(cost)
    size = np.abs(signal_b[used])
    net = (np.sign(signal_b) * forward_return_b - cost)[used]
    if size.size < COST_BUCKETS:
        return float("inf")
    order = np.argsort(size, kind="stable")
    edges = np.linspace(0, size.size, COST_BUCKETS + 1).astype(np.int64)
    means = np.array([net[order[a:b]].mean() for a, b in itertools.pairwise(edges)])
    paying = np.flatnonzero(isotonic_regression(means).x >= 0.0)
    return float(size[order[edges[paying[0]]]]) if paying.size else float("inf")


def hour_factor(size: Float64, net: Float64, session: Int64, threshold: float) -> float:
    """Return the last of HOUR_FACTORS by which the threshold may be lowered in an hour of the day; 1 where none.

    The entries that each adds must pay their cost on B: their mean net by session is more than SURE standard errors.
    The first that does not ends the search. |Signal| `size`, return less cost `net` (NaN unknown) and `session` are
    `[n]`, all of that hour.
    """
    known, found = np.isfinite(net) & (size < threshold), 1.0
    for factor in HOUR_FACTORS:
        more = known & (size >= factor * threshold)
        if not _pays(net[more], session[more]):
            break
        found = factor
    return found


def _pays(net: Float64, session: Int64) -> bool:
    if net.size < COST_BUCKETS:
        return False
    _, at, count = np.unique(session, return_inverse=True, return_counts=True)
    means = np.bincount(at, weights=net) / count
    return len(means) > 1 and bool(means.mean() > SURE * means.std(ddof=1) / np.sqrt(len(means)))
