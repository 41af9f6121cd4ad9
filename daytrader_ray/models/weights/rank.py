"""Skill of a score: its rank correlation with what the price did next."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def rank_ics(scores: Float64, forward: Float64) -> Float64:
    """Return each member's rank correlation of score and forward return, pooled `[member]`; 0 where undefined.

    `scores` `[..., member]`, `forward` `[...]`; pairs with a NaN are left out.
    """
    n_members = scores.shape[-1]
    return np.array([_spearman(scores[..., member], forward) for member in range(n_members)])


def _spearman(scores: Float64, forward: Float64) -> float:
    both = np.isfinite(scores) & np.isfinite(forward)
    n = int(both.sum())
    if n < 3:
        return 0.0
    x = _centred_ranks(scores[both])
    y = _centred_ranks(forward[both])
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / scale if scale > 0 else 0.0


def _centred_ranks(values: Float64) -> Float64:
    """Return ranks minus their mean, equal values sharing one: as `scipy.stats.rankdata`, five times as fast."""
    return _ranks(values, np.argsort(values)) - (len(values) + 1) / 2


@njit
def _ranks(values: Float64, order: Int64) -> Float64:
    out = np.empty(len(values))
    first = 0
    while first < len(order):
        stop = first + 1
        while stop < len(order) and values[order[stop]] == values[order[first]]:
            stop += 1
        for k in range(first, stop):
            out[order[k]] = (first + stop + 1) / 2.0
        first = stop
    return out
