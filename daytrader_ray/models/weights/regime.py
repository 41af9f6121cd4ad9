"""Weights by regime: skill on B's rows of a regime, shrunk to the skill of all rows."""

import numpy as np

from daytrader_ray.domain.regime import Regime
from daytrader_ray.models.weights.simplex import shrunk
from daytrader_ray.models.weights.skill import weights_by_skill
from daytrader_ray.models.weights.surface import Bool, Evidence, Weighting

DOUBT = 2_000.0
"""Samples at which a regime's own weights count half."""


def regime(evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Weigh by skill in each regime: w_r = n / (n + 2000) w_r + 2000 / (n + 2000) w_pooled, n samples of it in B."""
    b = evidence.b
    pooled = weights_by_skill(b.skill, inside)
    rows = [
        shrunk(weights_by_skill(own, inside), pooled, evidence.n_samples(b.forward[here]), DOUBT)
        for own, here in zip(b.skill_by_regime, b.rows_by_regime(), strict=True)
    ]
    known = (b.regime != Regime.UNKNOWN).any()
    return Weighting(np.stack(rows), note="" if known else "the same in every regime: none is known on B")
