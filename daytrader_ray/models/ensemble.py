"""From member scores to one signal per symbol: the same compiled steps in search, backtest and live.

scores -> combine -> divide by q99 of the combined score on validation B -> strategy multiplier -> clip to [-1, 1].
"""

import itertools

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from scipy.stats import rankdata

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.trading import MEMBERS

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]

COST_BUCKETS = 20


@njit
def combine(scores: Float64, weights: Float64) -> float:
    """Weighted mean of one symbol's `scores` `[member]`; NaN gives its weight to the others; NaN if none is left."""
    total = 0.0
    combined = 0.0
    for member in range(len(weights)):
        if weights[member] > 0.0 and not np.isnan(scores[member]):
            total += weights[member]
            combined += weights[member] * scores[member]
    return combined / total if total > 0.0 else np.nan


@njit
def strategy_multiplier(side: float, return_30: float, sigma_30: float, w_momentum: float, w_reversion: float) -> float:
    """Weight a trade by whether it follows the last 30 minutes or fades them; 1 for equal strategy weights.

    `q = clip(side * return_30 / sigma_30, -1, 1)`, momentum share `(1 + q) / 2`; q = 0 where the returns are unknown.
    """
    ratio = side * return_30 / sigma_30 if sigma_30 > 0.0 else 0.0
    q = min(max(ratio, -1.0), 1.0) if not np.isnan(ratio) else 0.0
    share = (1.0 + q) / 2.0
    return 2.0 * (share * w_momentum + (1.0 - share) * w_reversion)


@njit
def signal(
    scores: Float64,
    weights: Float64,
    q99: float,
    w_momentum: float,
    w_reversion: float,
    return_30: Float64,
    sigma_30: Float64,
    out: Float64,
) -> None:
    """Fill `out` `[symbol]` with the signals of one bar, in [-1, 1]; NaN where no member has a score.

    `scores` `[symbol, member]` (NaN: the member has none), `weights` `[member]`, `return_30` and `sigma_30` `[symbol]`.
    """
    for symbol in range(len(out)):
        combined = combine(scores[symbol], weights)
        if np.isnan(combined):
            out[symbol] = np.nan
            continue
        if combined == 0.0 or not q99 > 0.0:
            out[symbol] = 0.0
            continue
        side = 1.0 if combined > 0.0 else -1.0
        factor = strategy_multiplier(side, return_30[symbol], sigma_30[symbol], w_momentum, w_reversion)
        out[symbol] = min(max(combined / q99 * factor, -1.0), 1.0)


@njit
def signals(
    scores: Float64,
    weights: Float64,
    q99: float,
    w_momentum: Float64,
    w_reversion: Float64,
    return_30: Float64,
    sigma_30: Float64,
) -> Float64:
    """Return the signals of many bars `[row, symbol]`: `signal` for each row, with that row's strategy weights `[row]`.

    `scores` `[row, symbol, member]`; `return_30` and `sigma_30` `[row, symbol]`.
    """
    out = np.zeros(return_30.shape)
    for row in range(len(out)):
        signal(scores[row], weights, q99, w_momentum[row], w_reversion[row], return_30[row], sigma_30[row], out[row])
    return out


@njit
def _combined(scores: Float64, weights: Float64) -> Float64:
    n_rows, n_symbols, _ = scores.shape
    out = np.empty((n_rows, n_symbols))
    for row in range(n_rows):
        for symbol in range(n_symbols):
            out[row, symbol] = combine(scores[row, symbol], weights)
    return out


def q99(scores_b: Float64, weights: Float64) -> float:
    """Return the 99 % quantile of the absolute combined score on B; 0 where nothing was scored.

    `scores_b` `[row, symbol, member]`, `weights` `[member]`.
    """
    combined = np.abs(_combined(np.ascontiguousarray(scores_b), weights))
    known = combined[np.isfinite(combined)]
    return float(np.quantile(known, 0.99)) if known.size else 0.0


def skill(scores_b: Float64, forward_returns_b: Float64) -> Float64:
    """Return each member's rank correlation of score and forward return, pooled over B [member]; 0 where undefined.

    `scores_b` `[row, symbol, member]`, `forward_returns_b` `[row, symbol]`; pairs with a NaN are left out.
    """
    n_members = scores_b.shape[2]
    found = np.zeros(n_members)
    for member in range(n_members):
        scores = scores_b[:, :, member]
        both = np.isfinite(scores) & np.isfinite(forward_returns_b)
        found[member] = _spearman(scores[both], forward_returns_b[both])
    return found


def _spearman(left: Float64, right: Float64) -> float:
    if left.size < 3:
        return 0.0
    x = rankdata(left) - (left.size + 1) / 2
    y = rankdata(right) - (right.size + 1) / 2
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / scale if scale > 0 else 0.0


def weights_from_skill(skills: Float64, mask: int) -> Float64:
    """Return weights `[member]` that sum to 1 over the mask's members: skill above 0, shrunk half-way to equal.

    Zeros outside the mask; equal weights where no member of the mask has skill; all zeros for mask 0 (cash).
    """
    inside = np.array([bool(mask >> bit & 1) for bit in range(len(MEMBERS))])
    if not inside.any():
        return np.zeros(len(MEMBERS))
    equal = inside / inside.sum()
    earned = np.where(inside, np.maximum(skills, 0.0), 0.0)
    total = float(earned.sum())
    return np.asarray(0.5 * earned / total + 0.5 * equal if total > 0 else equal)


def fit_weights(scores_b: Float64, forward_returns_b: Float64, mask: int) -> Float64:
    """Return an ensemble's weights `[member]` by its members' skill on validation B (see `weights_from_skill`)."""
    return weights_from_skill(skill(scores_b, forward_returns_b), mask)


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
