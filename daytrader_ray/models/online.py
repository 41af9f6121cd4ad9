"""Weights that learn while trading: Hedge over rounds of 30 minutes (Cesa-Bianchi & Lugosi 2006, chapter 2).

A round runs from the close of slot k * every - 1 to that of (k + 1) * every - 1 of one session. With s a member's score
at its start over the member's scale and y the return of the round over twice sigma_30 at its start, both clipped to
[-1, 1], the loss is (1 - s y) / 2, averaged over symbols. A member without a score takes the ensemble's loss.
The one compiled step runs in search, backtest and live, and weights move only when a round is closed.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit
from daytrader_ray.models.combine import combine

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

ROUND_MINUTES = 30
NO_ROUND = -1


@dataclass(frozen=True)
class Online:
    """What Hedge has learnt, as plain values.

    `loss` [member] and `own_loss` (the ensemble's) are sums over the `rounds` closed so far; `scale` [member] divides a
    member's scores, NaN where it had none.
    """

    loss: Float64
    own_loss: float
    rounds: int
    scale: Float64

    @classmethod
    def untaught(cls, scale: Float64) -> Self:
        """Return the state before the first round: equal weights."""
        return cls(np.zeros(len(scale)), 0.0, 0, scale)


class Hedge(NamedTuple):
    """The running state, changed in place by `hedge_step`.

    `loss`, `scale`, `weights`, `inside` `[member]`; `own_loss`, `rounds` and `start` `[1]`, the last one the slot at
    which the open round began; `scores` `[symbol, member]` (scaled and clipped) and `sigma` `[symbol]` were known then.
    """

    loss: Float64
    own_loss: Float64
    rounds: Int64
    scale: Float64
    weights: Float64
    inside: Bool
    start: Int64
    scores: Float64
    sigma: Float64


def bars_of_round(bar_minutes: int) -> int:
    """Return the length of a round in bars, at least one: as the return of the last 30 minutes has it.

    >>> bars_of_round(5), bars_of_round(60)
    (6, 1)
    """
    return max(1, ROUND_MINUTES // bar_minutes)


def new_hedge(online: Online, inside: Bool, n_symbols: int) -> Hedge:
    """Return the running state of an ensemble of the members `inside` `[member]`, no round being open."""
    n_members = len(inside)
    hedge = Hedge(
        loss=online.loss.copy(),
        own_loss=np.array([online.own_loss]),
        rounds=np.array([online.rounds], dtype=np.int64),
        scale=online.scale.copy(),
        weights=np.zeros(n_members),
        inside=inside.copy(),
        start=np.array([NO_ROUND], dtype=np.int64),
        scores=np.full((n_symbols, n_members), np.nan),
        sigma=np.full(n_symbols, np.nan),
    )
    _weigh(hedge)
    return hedge


def learnt(hedge: Hedge) -> Online:
    """Return what the closed rounds have taught; a round that is still open is left out."""
    return Online(hedge.loss.copy(), float(hedge.own_loss[0]), int(hedge.rounds[0]), hedge.scale.copy())


def regret(online: Online, inside: Bool) -> tuple[float, float]:
    """Return the ensemble's loss minus the best member's, and the bound that holds whatever the market does.

    2 sqrt(t ln N / 2) + sqrt(ln N / 8) after t rounds with N >= 1 members (Cesa-Bianchi & Lugosi 2006, theorem 2.3).
    """
    log_n = float(np.log(inside.sum()))
    bound = 2.0 * np.sqrt(online.rounds * log_n / 2.0) + np.sqrt(log_n / 8.0)
    return online.own_loss - float(online.loss[inside].min()), float(bound)


@njit
def hedge_step(hedge: Hedge, every: int, slot: int, scores: Float64, return_30: Float64, sigma_30: Float64) -> None:
    """Take in the close of one bar; the weights move where it closes a round.

    `every` is the length of a round in bars; `scores` `[symbol, member]` NaN where there is none; `return_30` and
    `sigma_30` `[symbol]`. A round whose start was missed, or that another session began, is never closed.
    """
    if slot <= hedge.start[0]:
        hedge.start[0] = NO_ROUND
    if (slot + 1) % every != 0:
        return
    if hedge.start[0] != NO_ROUND and hedge.start[0] == slot - every:
        _close(hedge, return_30)
    hedge.start[0] = slot
    for symbol in range(len(sigma_30)):
        hedge.sigma[symbol] = sigma_30[symbol]
    hedge.scores[:] = in_scale(scores, hedge.scale)


@njit
def in_scale(scores: Float64, scale: Float64) -> Float64:
    """Return what Hedge judges and its weights combine `[symbol, member]`: scores over their member's scale, clipped.

    NaN without a score, and for a member whose `scale` `[member]` is not known.
    """
    out = np.full(scores.shape, np.nan)
    for symbol in range(len(scores)):
        for member in range(len(scale)):
            score = scores[symbol, member]
            if scale[member] > 0.0 and not np.isnan(score):
                out[symbol, member] = min(max(score / scale[member], -1.0), 1.0)
    return out


@njit
def run_rounds(hedge: Hedge, every: int, slots: Int64, scores: Float64, return_30: Float64, sigma_30: Float64) -> None:
    """Step through many bars `[row]` in order, or through the bars at which rounds start and end alone.

    `scores` `[row, symbol, member]`; `return_30` and `sigma_30` `[row, symbol]`.
    """
    for row in range(len(slots)):
        hedge_step(hedge, every, slots[row], scores[row], return_30[row], sigma_30[row])


@njit
def _close(hedge: Hedge, return_30: Float64) -> None:
    """Add the losses of the open round, unless no symbol had a score and a return."""
    loss = np.zeros(len(hedge.loss))
    own_loss = 0.0
    n_symbols = 0
    for symbol in range(len(return_30)):
        own = combine(hedge.scores[symbol], hedge.weights)
        move = return_30[symbol] / (2.0 * hedge.sigma[symbol])
        if np.isnan(own) or np.isnan(move):
            continue
        y = min(max(move, -1.0), 1.0)
        n_symbols += 1
        own_loss += (1.0 - own * y) / 2.0
        for member in range(len(loss)):
            score = hedge.scores[symbol, member]
            loss[member] += (1.0 - (own if np.isnan(score) else score) * y) / 2.0
    if n_symbols == 0:
        return
    for member in range(len(loss)):
        if hedge.inside[member]:
            hedge.loss[member] += loss[member] / n_symbols
    hedge.own_loss[0] += own_loss / n_symbols
    hedge.rounds[0] += 1
    _weigh(hedge)


@njit
def _weigh(hedge: Hedge) -> None:
    """Set the weights of the next round t: w ~ exp(-eta_t loss), eta_t = sqrt(8 ln N / t)."""
    n_members = 0
    best = np.inf
    for member in range(len(hedge.loss)):
        if hedge.inside[member]:
            n_members += 1
            best = min(best, hedge.loss[member])
    if n_members == 0:
        return
    eta = np.sqrt(8.0 * np.log(n_members) / (hedge.rounds[0] + 1.0))
    total = 0.0
    for member in range(len(hedge.loss)):
        if hedge.inside[member]:
            hedge.weights[member] = np.exp(-eta * (hedge.loss[member] - best))
            total += hedge.weights[member]
    for member in range(len(hedge.loss)):
        hedge.weights[member] /= total
