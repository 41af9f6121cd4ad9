"""Weights by skill: each member's rank correlation with the forward return on validation B, shrunk to equal."""

import numpy as np
from scipy.stats import rankdata

from daytrader_ray.models.weights.equal import equal_weights
from daytrader_ray.models.weights.surface import Bool, Evidence, Float64, Weighting

EARNED = 0.5
"""Share of the weight that skill distributes; the rest is equal."""


def skill(evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Weigh by skill on B."""
    return Weighting.same(weights_by_skill(rank_ics(evidence.b.scores, evidence.b.forward, inside), inside))


def weights_by_skill(skills: Float64, inside: Bool) -> Float64:
    """Return weights `[member]`: half in proportion to skill above 0, half equal; equal where no member has skill."""
    earned = np.where(inside, np.maximum(skills, 0.0), 0.0)
    total = float(earned.sum())
    even = equal_weights(inside)
    return np.asarray(EARNED * earned / total + (1.0 - EARNED) * even) if total > 0 else even


def rank_ics(scores: Float64, forward: Float64, inside: Bool) -> Float64:
    """Return each member's rank correlation of score and forward return, pooled `[member]`; 0 where undefined.

    `scores` `[row, symbol, member]`, `forward` `[row, symbol]`; pairs with a NaN are left out; 0 for members not `inside`.
    """
    found = np.zeros(len(inside))
    for member in np.flatnonzero(inside):
        mine = scores[:, :, member]
        both = np.isfinite(mine) & np.isfinite(forward)
        found[member] = _spearman(mine[both], forward[both])
    return found


def _spearman(left: Float64, right: Float64) -> float:
    if left.size < 3:
        return 0.0
    x = rankdata(left) - (left.size + 1) / 2
    y = rankdata(right) - (right.size + 1) / 2
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / scale if scale > 0 else 0.0
