"""The ensemble as a value, and the one compiled order of operations of search, backtest and live.

scores -> combine -> timeframe mean -> divide by q99 of |score| on validation B -> strategy multiplier -> clip to
[-1, 1]. The threshold, which the kernel applies, is the last step.
"""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from scipy.stats import rankdata

from daytrader_ray.domain.jit import njit

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]

COST_BUCKETS = 20
SPANS = (1, 5, 15)
"""Minutes over which the combined score is averaged: now, and the last 5 and 15."""

HOUR = 60


@dataclass(frozen=True)
class Ensemble:
    """Everything between members' scores and orders, fitted on validation.

    Attributes
    ----------
    scheme, mask
        How the weights were found; which members take part (`domain.trading.members_of`).
    weights
        `[4, member]`: row r holds in `Regime` r - 1, each on the simplex over the mask's members (zeros: cash).
    timeframes
        Weights of the combined score now and of its means over the last 5 and 15 minutes `[3]`, on the simplex.
    q99
        Scale: the 99 % quantile of |score| on B; 0 gives no signals.
    threshold
        Smallest |signal| that opens a position (inf: nothing pays its cost).
    hours
        Factors of the threshold in the first and the last hour of a session `[2]`.
    """

    scheme: str
    mask: int
    weights: Float64
    timeframes: Float64
    q99: float
    threshold: float
    hours: Float64


class Rules(NamedTuple):
    """An ensemble for the compiled steps: `spans` are SPANS in bars; `strategy` `[4, 2]` (momentum, reversion)."""

    weights: Float64
    timeframes: Float64
    spans: Int64
    q99: float
    strategy: Float64


class State(NamedTuple):
    """What is remembered from bar to bar of a session.

    `recent` `[symbol, bar]` combined scores, that of slot t at t modulo its length; `means` `[symbol, 3]` over SPANS
    and `weights` `[member]` in force, both of the last bar.
    """

    recent: Float64
    means: Float64
    weights: Float64


def rules_of(ensemble: Ensemble, strategy: Float64, bar_minutes: int) -> Rules:
    """Return the compiled steps' rules; `strategy` `[4, 2]` are the strategies' weights by regime, UNKNOWN first."""
    spans = np.array([max(1, minutes // bar_minutes) for minutes in SPANS], dtype=np.int64)
    return Rules(
        np.ascontiguousarray(ensemble.weights),
        np.ascontiguousarray(ensemble.timeframes),
        spans,
        float(ensemble.q99),
        np.ascontiguousarray(strategy),
    )


def new_state(ensemble: Ensemble, n_symbols: int, bar_minutes: int) -> State:
    """Return the state before the first bar of a session."""
    bars = max(1, SPANS[-1] // bar_minutes)
    return State(
        np.full((n_symbols, bars), np.nan),
        np.full((n_symbols, len(SPANS)), np.nan),
        np.zeros(ensemble.weights.shape[1]),
    )


def thresholds(threshold: float, hours: Float64, n_slots: int, bar_minutes: int) -> Float64:
    """Return the threshold at the close of each bar of a session `[slot]`, times `hours` in its first and last hour."""
    factor, hour = np.ones(n_slots), -(-HOUR // bar_minutes)
    factor[:hour] = hours[0]
    factor[-hour:] = np.minimum(factor[-hour:], hours[1])
    return np.asarray(threshold * factor)


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
def _remember(recent: Float64, slot: int, combined: float, spans: Int64, means: Float64) -> None:
    """Put a symbol's combined score into `recent` `[bar]` and fill its `means` over `spans` bars of the session.

    Bars without a score are left out; without one now there is no mean.
    """
    n_bars = len(recent)
    recent[slot % n_bars] = combined
    means[:] = np.nan
    if np.isnan(combined):
        return
    total, count, span = 0.0, 0, 0
    for back in range(min(slot + 1, n_bars)):
        score = recent[(slot - back) % n_bars]
        if not np.isnan(score):
            total += score
            count += 1
        while span < len(spans) and back + 1 == spans[span]:
            means[span] = total / count
            span += 1
    for k in range(span, len(spans)):
        means[k] = total / count


@njit
def _advance(rules: Rules, state: State, slot: int, scores: Float64, regime: int) -> None:
    """Take one bar's `scores` `[symbol, member]` into the state: weights in force, combined scores and their means."""
    if slot == 0:
        state.recent[:] = np.nan
    state.weights[:] = rules.weights[regime + 1]
    for symbol in range(len(scores)):
        combined = combine(scores[symbol], state.weights)
        _remember(state.recent[symbol], slot, combined, rules.spans, state.means[symbol])


@njit
def signal_step(
    rules: Rules,
    state: State,
    slot: int,
    scores: Float64,
    regime: int,
    return_30: Float64,
    sigma_30: Float64,
    out: Float64,
) -> None:
    """Fill `out` `[symbol]` with the signals of one bar, in [-1, 1]; NaN where no member has a score.

    `scores` `[symbol, member]` (NaN: the member has none), `regime` the number of the `Regime` in force, `return_30`
    and `sigma_30` `[symbol]`. Bars come in order, each once; slot 0 begins a session.
    """
    _advance(rules, state, slot, scores, regime)
    w_momentum, w_reversion = rules.strategy[regime + 1]
    for symbol in range(len(out)):
        score = 0.0
        for k in range(len(rules.timeframes)):
            score += rules.timeframes[k] * state.means[symbol, k]
        if np.isnan(score):
            out[symbol] = np.nan
        elif score == 0.0 or not rules.q99 > 0.0:
            out[symbol] = 0.0
        else:
            side = 1.0 if score > 0.0 else -1.0
            factor = strategy_multiplier(side, return_30[symbol], sigma_30[symbol], w_momentum, w_reversion)
            out[symbol] = min(max(score / rules.q99 * factor, -1.0), 1.0)


@njit
def signals(
    rules: Rules,
    state: State,
    slots: Int64,
    scores: Float64,
    regimes: Int8,
    return_30: Float64,
    sigma_30: Float64,
) -> Float64:
    """Return the signals of many bars in order `[row, symbol]`: `signal_step` for each.

    `slots` and `regimes` `[row]`, `scores` `[row, symbol, member]`, `return_30` and `sigma_30` `[row, symbol]`.
    """
    out = np.zeros(return_30.shape)
    for row in range(len(out)):
        signal_step(rules, state, slots[row], scores[row], regimes[row], return_30[row], sigma_30[row], out[row])
    return out


@njit
def timeframe_means(rules: Rules, state: State, slots: Int64, scores: Float64, regimes: Int8) -> Float64:
    """Return the combined score's means over SPANS `[row, symbol, 3]`; the arguments are those of `signals`."""
    out = np.empty((scores.shape[0], scores.shape[1], len(rules.spans)))
    for row in range(len(out)):
        _advance(rules, state, slots[row], scores[row], regimes[row])
        out[row] = state.means
    return out


def q99(scores: Float64) -> float:
    """Return the 99 % quantile of absolute scores (any shape); 0 where nothing was scored."""
    known = np.abs(scores[np.isfinite(scores)])
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
    inside = np.array([bool(mask >> bit & 1) for bit in range(len(skills))])
    if not inside.any():
        return np.zeros(len(skills))
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
