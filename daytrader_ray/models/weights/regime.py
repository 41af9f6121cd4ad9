"""Weights by regime: skill on B's rows of a regime, shrunk to the skill of all rows."""

import numpy as np

from daytrader_ray.domain.regime import Regime
from daytrader_ray.models.weights.rank import rank_ics
from daytrader_ray.models.weights.simplex import shrunk
from daytrader_ray.models.weights.skill import weights_by_skill
from daytrader_ray.models.weights.surface import Bool, Evidence, Weighting

DOUBT = 2_000.0
"""Samples at which a regime's own weights count half."""


def regime(evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Weigh by skill in each regime: w_r = n / (n + 2000) w_r + 2000 / (n + 2000) w_pooled, n samples of it in B."""
    b = evidence.b
    pooled = weights_by_skill(b.skill, inside)
    rows = []
    for state in Regime:
        here = b.regime == state
        own = weights_by_skill(rank_ics(b.scores[here], b.forward[here]), inside)
        rows.append(shrunk(own, pooled, evidence.n_samples(b.forward[here]), DOUBT))
    return Weighting(np.stack(rows))
