"""Weights by stacking: a logistic regression of the label's sign on the members' scores (Wolpert 1992).

Coefficients are kept at or above 0, which is what makes stacking generalise (Breiman 1996), and are penalised (L2).
There is no intercept: a market that rose on the block must not become a wish to buy. Normalised, the coefficients are
weights, shrunk to equal by n / (n + 2000). Learnt on A, or with out-of-fold scores on the training block too.
"""

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.models.weights.simplex import equal_weights, proportional, shrunk
from daytrader_ray.models.weights.surface import Bool, Evidence, Float64, Scored, Weighting

PENALTY = 1.0
"""L2 penalty of a coefficient on scores of root mean square 1, in samples."""

DOUBT = 2_000.0


def stacking(evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Regress the sign of the labels of A (and of the training block, out of fold) on the scores."""
    equal = equal_weights(inside)
    blocks = [evidence.a] if evidence.fit is None else [evidence.fit, evidence.a]
    scores, sign, weight = (np.concatenate(parts) for parts in zip(*(_samples(b, inside) for b in blocks), strict=True))
    size = float(np.sqrt((scores * scores).mean())) if scores.size else 0.0
    if inside.sum() < 2 or not size > 0.0 or not weight.sum() > 0.0:
        return Weighting.same(equal, note="equal: no scores with labels to learn from")
    n = evidence.n_samples(sign)
    coefficients = np.zeros(len(inside))
    coefficients[inside] = _fit(scores / size, sign, weight * (n / weight.sum()))
    return Weighting.same(shrunk(proportional(coefficients, inside), equal, n, DOUBT))


def _samples(block: Scored, inside: Bool) -> tuple[Float64, Float64, Float64]:
    """Return scores `[n, member inside]` (0 for a member without one), sign of the label and weight `[n]`."""
    scores = block.scores[:, :, inside]
    used = (block.label != NO_LABEL) & (block.label != 0) & np.isfinite(scores).any(axis=2)
    return np.nan_to_num(scores[used]), block.label[used].astype(np.float64), block.weight[used]


def _fit(scores: Float64, sign: Float64, weight: Float64) -> Float64:
    from scipy.optimize import minimize

    found = minimize(
        _loss_and_slope,
        np.zeros(scores.shape[1]),
        args=(scores, sign, weight),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * scores.shape[1],
    )
    return np.asarray(found.x, dtype=np.float64)


@njit
def _loss_and_slope(coefficients: Float64, scores: Float64, sign: Float64, weight: Float64) -> tuple[float, Float64]:
    """Return the penalised loss and its gradient; summed in one order, so that threads cannot change a bit."""
    loss = 0.0
    slope = np.zeros(len(coefficients))
    for member in range(len(coefficients)):
        loss += 0.5 * PENALTY * coefficients[member] ** 2
        slope[member] = PENALTY * coefficients[member]
    for i in range(len(sign)):
        margin = 0.0
        for member in range(len(coefficients)):
            margin += coefficients[member] * scores[i, member]
        margin *= sign[i]
        small = np.exp(-abs(margin))
        loss += weight[i] * (np.log1p(small) + max(-margin, 0.0))
        wrong = (small if margin > 0.0 else 1.0) / (1.0 + small)
        for member in range(len(coefficients)):
            slope[member] -= weight[i] * wrong * sign[i] * scores[i, member]
    return loss, slope
