"""Made-up evidence for weighting schemes."""

import numpy as np

from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.models.weights.surface import Evidence, Scored

MASKS = range(32)


def inside(mask, n_members=5):
    return np.array([bool(mask >> bit & 1) for bit in range(n_members)])


def scored(generator, n_sessions=4, n_slots=90, n_symbols=4, skills=(0.0, 0.05, 0.1, -0.1, 0.2), missing=0.1):
    """Scores that know the forward return as well as `skills` say, some of them missing."""
    n_rows = n_sessions * n_slots
    return_30 = generator.normal(0, 0.003, (n_rows, n_symbols))
    forward = np.full(return_30.shape, np.nan)
    forward[:-30] = return_30[30:]
    slot = np.tile(np.arange(n_slots), n_sessions)
    forward[slot >= n_slots - 30] = np.nan
    truth = np.nan_to_num(forward) / 0.003
    scores = 0.04 * (np.array(skills) * truth[:, :, None] + generator.normal(0, 1, (*truth.shape, len(skills))))
    scores[generator.random(scores.shape) < missing] = np.nan
    label = np.where(np.abs(truth) > 0.4, np.sign(truth), 0).astype(np.int8)
    label[~np.isfinite(forward)] = NO_LABEL
    return Scored(
        scores=scores,
        forward=forward,
        label=label,
        weight=np.where(label == NO_LABEL, 0.0, np.abs(np.nan_to_num(forward))),
        session=np.repeat(np.arange(n_sessions), n_slots),
        slot=slot,
        regime=generator.integers(-1, 3, n_rows).astype(np.int8),
        return_30=return_30,
        sigma_30=np.full(return_30.shape, 0.003),
    )


def evidence(seed=1, n_steps=30, out_of_fold=False, **sizes):
    generator = np.random.default_rng(seed)
    a, b = scored(generator, **sizes), scored(generator, **sizes)
    fit = scored(generator, **sizes) if out_of_fold else None
    skills = generator.normal(0.02, 0.03, (n_steps, a.scores.shape[2]))
    return Evidence(a, b, fit, skills, bar_minutes=1)
