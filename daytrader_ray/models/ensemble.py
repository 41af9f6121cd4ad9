"""The ensemble as a value, and the one compiled order of operations of search, backtest and live.

scores -> combine -> timeframe mean -> divide by q99 of |score| on validation B -> strategy multiplier -> clip to
[-1, 1]. The last step, the threshold, is the kernel's. Between two bars at which members score the signal holds. A
member that is missing, late or NaN leaves its weight to the others; without any score there is no signal (NaN). A mean
of fewer members varies more than the one that scale and threshold were fitted to, so it is damped (`combine.damping`):
fewer members never open more. Weights that learn while trading combine the scores that they learnt from, each over its
member's scale.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE, Sizing
from daytrader_ray.domain.cadence import bars_between
from daytrader_ray.domain.jit import njit
from daytrader_ray.models.combine import combine, damping
from daytrader_ray.models.online import Hedge, Online, bars_of_round, hedge_step, in_scale, new_hedge

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]

SPANS = (1, 5, 15)
"""Minutes over which the combined score is averaged: now, and the last 5 and 15.

A mean is that of the scores that were made in these minutes: where members score every 5, the second is the first one
again and the third that of three scores; from every 15 on all three are the score now.
"""


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
    online
        What weights that learn while trading have learnt; `weights` are then where they stand, of scores over their
        member's scale. None: they do not.
    sizing
        What trades on signals of like strength earned on B, for the size of entries.
    ic
        Rank correlation of the signal with what followed on B.
    note
        Why the weights are not what the scheme is for, where it had too little to learn from.
    score_every_minutes
        When its members score (`domain.cadence`): all of the above was fitted at these bars.
    """

    scheme: str
    mask: int
    weights: Float64
    timeframes: Float64
    q99: float
    threshold: float
    hours: Float64
    online: Online | None = None
    sizing: Sizing = CONFIDENCE
    ic: float = 0.0
    note: str = ""
    score_every_minutes: int = 1

    @property
    def inside(self) -> Bool:
        """Return which members take part `[member]`."""
        return np.array([bool(self.mask >> bit & 1) for bit in range(self.weights.shape[1])])


class Rules(NamedTuple):
    """An ensemble for the compiled steps.

    `every` is the length of a round of online weights in bars, 0 where there are none; `spans` are SPANS in bars;
    `strategy` `[4, 2]` (momentum, reversion); members score each `score_every` bars.
    """

    weights: Float64
    every: int
    timeframes: Float64
    spans: Int64
    q99: float
    strategy: Float64
    score_every: int


class State(NamedTuple):
    """What is remembered from bar to bar of a session.

    `recent` `[symbol, bar]` combined scores, that of slot t at t modulo its length; `means` `[symbol, 3]` over SPANS of
    the last scored bar; `weights` `[member]` in force at the last bar; `hedge` outlives the session.
    """

    recent: Float64
    means: Float64
    weights: Float64
    hedge: Hedge


def rules_of(ensemble: Ensemble, strategy: Float64, bar_minutes: int) -> Rules:
    """Return the compiled steps' rules; `strategy` `[4, 2]` are the strategies' weights by regime, UNKNOWN first."""
    spans = np.array([max(1, minutes // bar_minutes) for minutes in SPANS], dtype=np.int64)
    return Rules(
        np.ascontiguousarray(ensemble.weights),
        0 if ensemble.online is None else bars_of_round(bar_minutes),
        np.ascontiguousarray(ensemble.timeframes),
        spans,
        float(ensemble.q99),
        np.ascontiguousarray(strategy),
        bars_between(ensemble.score_every_minutes, bar_minutes),
    )


def new_state(ensemble: Ensemble, n_symbols: int, bar_minutes: int) -> State:
    """Return the state before the first bar of a session."""
    n_members, bars = ensemble.weights.shape[1], max(1, SPANS[-1] // bar_minutes)
    online = ensemble.online or Online.untaught(np.full(n_members, np.nan))
    return State(
        np.full((n_symbols, bars), np.nan),
        np.full((n_symbols, len(SPANS)), np.nan),
        np.zeros(n_members),
        new_hedge(online, ensemble.inside, n_symbols),
    )


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
def _weigh(
    rules: Rules, state: State, slot: int, scores: Float64, regime: int, return_30: Float64, sigma_30: Float64
) -> None:
    """Set the weights in force: those of the regime, or what has been learnt from the rounds closed by now."""
    if rules.every > 0:
        hedge_step(state.hedge, rules.every, slot, scores, return_30, sigma_30)
        state.weights[:] = state.hedge.weights
    else:
        state.weights[:] = rules.weights[regime + 1]


@njit
def _advance(
    rules: Rules, state: State, slot: int, scores: Float64, regime: int, return_30: Float64, sigma_30: Float64
) -> bool:
    """Take one bar's `scores` `[symbol, member]` into the state: weights in force, combined scores and their means.

    Return whether members score at it; where they do not, no mean moves.
    """
    if slot == 0:
        state.recent[:] = np.nan
    _weigh(rules, state, slot, scores, regime, return_30, sigma_30)
    if (slot + 1) % rules.score_every != 0:
        state.recent[:, slot % state.recent.shape[1]] = np.nan
        return False
    weighed = in_scale(scores, state.hedge.scale) if rules.every > 0 else scores
    for symbol in range(len(scores)):
        combined = combine(weighed[symbol], state.weights) * damping(weighed[symbol], state.weights)
        _remember(state.recent[symbol], slot, combined, rules.spans, state.means[symbol])
    return True


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

    At a bar at which members do not score, what `out` has from the bar before holds; a session begins without a signal.
    `scores` `[symbol, member]` (NaN: the member has none), `regime` the number of the `Regime` in force, `return_30`
    and `sigma_30` `[symbol]`. Bars come in order, each once; slot 0 begins a session.
    """
    if slot == 0:
        out[:] = np.nan
    if not _advance(rules, state, slot, scores, regime, return_30, sigma_30):
        return
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
    out = np.full(return_30.shape, np.nan)
    for row in range(len(out)):
        if row > 0:
            out[row] = out[row - 1]
        signal_step(rules, state, slots[row], scores[row], regimes[row], return_30[row], sigma_30[row], out[row])
    return out


@njit
def timeframe_means(
    rules: Rules, state: State, slots: Int64, scores: Float64, regimes: Int8, return_30: Float64, sigma_30: Float64
) -> Float64:
    """Return the combined score's means over SPANS `[row, symbol, 3]`; the arguments are those of `signals`.

    NaN at a bar at which members do not score: what is fitted to them counts each score once.
    """
    out = np.full((scores.shape[0], scores.shape[1], len(rules.spans)), np.nan)
    for row in range(len(out)):
        if _advance(rules, state, slots[row], scores[row], regimes[row], return_30[row], sigma_30[row]):
            out[row] = state.means
    return out


@njit
def weights_in_force(
    rules: Rules, state: State, slots: Int64, scores: Float64, regimes: Int8, return_30: Float64, sigma_30: Float64
) -> Float64:
    """Return the members' weights at each bar `[row, member]`; the arguments are those of `signals`."""
    out = np.empty((len(slots), scores.shape[2]))
    for row in range(len(out)):
        _weigh(rules, state, slots[row], scores[row], regimes[row], return_30[row], sigma_30[row])
        out[row] = state.weights
    return out
