"""Weights by the skill that is expected next: performance reverts to its mean.

A member's out-of-sample rank IC of the steps before is an AR(1): expected = mean + phi (last - mean), phi of n steps
shrunk by n / (n + 26). Weights are softmax(expected / deviation), the deviation being that of all members' skill around
their means: one scale, so that a higher expectation never weighs less.
"""

import numpy as np

from daytrader_ray.models.weights.simplex import equal_weights
from daytrader_ray.models.weights.surface import Bool, Evidence, Float64, Weighting

MIN_STEPS = 12
DOUBT = 26.0


def mean_reversion(evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Weigh by expected skill; equal with fewer than 12 steps that all members of the ensemble have a skill for."""
    skills = evidence.skills[:, inside]
    known = skills[np.isfinite(skills).all(axis=1)]
    deviation = float(np.sqrt(known.var(axis=0).mean())) if known.size else 0.0
    if len(known) < MIN_STEPS:
        return Weighting.same(equal_weights(inside), note=f"equal: {len(known)} of {MIN_STEPS} steps known")
    if not deviation > 0.0:
        return Weighting.same(equal_weights(inside), note="equal: no member's skill ever varied")
    expected = expected_skill(known) / deviation
    odds = np.exp(expected - expected.max())
    weights = np.zeros(len(inside))
    weights[inside] = odds / odds.sum()
    return Weighting.same(weights)


def expected_skill(skills: Float64) -> Float64:
    """Return the skill expected in the next step `[member]`; `skills` `[step, member]` without NaN, oldest first."""
    n, mean = len(skills), skills.mean(axis=0)
    away = skills - mean
    squares = (away[:-1] ** 2).sum(axis=0)
    products = (away[1:] * away[:-1]).sum(axis=0)
    phi = np.divide(products, squares, out=np.zeros(len(mean)), where=squares > 0.0)
    return np.asarray(mean + n / (n + DOUBT) * np.clip(phi, -1.0, 1.0) * away[-1])
