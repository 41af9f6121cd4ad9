"""Weights by skill: each member's rank correlation with the forward return on validation B, shrunk to equal."""

from daytrader_ray.models.weights.simplex import equal_weights, proportional
from daytrader_ray.models.weights.surface import Bool, Evidence, Float64, Weighting

EARNED = 0.5
"""Share of the weight that skill distributes; the rest is equal."""


def skill(evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Weigh by skill on B."""
    return Weighting.same(weights_by_skill(evidence.b.skill, inside))


def weights_by_skill(skills: Float64, inside: Bool) -> Float64:
    """Return weights `[member]`: half in proportion to skill above 0, half equal; equal where no member has skill."""
    return EARNED * proportional(skills, inside) + (1.0 - EARNED) * equal_weights(inside)
