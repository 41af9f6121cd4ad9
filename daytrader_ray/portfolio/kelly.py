"""Kelly's fractions by strength of the signal: how much better strong signals have paid than weak ones.

Of the trades of a bucket of |signal|: p the share of winners, W and L the mean net win and loss (fractions of the
notional), b = W / L. p is shrunk by PSEUDO_TRADES towards 1 / (1 + b), where there is no edge, and

    f* = p - (1 - p) / b

serves as a conservative score; the weight of a bucket is f* over that of the strongest one, clipped to [0, 1]. Where
the strongest has no edge nothing is entered (Kelly 1956; MacLean, Thorp & Ziemba 2011 on fractions of it). A bucket in
which f* is less than in the weaker one before it is joined to it: stronger signals are never trusted less.

Validation is short and results are noisy. Where trades scatter by 40 bps around nothing, entries are allowed in half of
the draws of 150 trades and three of four of 500 (then mostly of the strongest signals alone); an edge of 6 bps is
missed in 3 % and in hardly any, a loss of 6 bps taken for an edge in 4 and 7 %. Fewer than FEWEST trades say nothing:
entries are sized by |signal| alone, at half the usual size.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE, Sizing

Float64 = npt.NDArray[np.float64]

BUCKETS = 5
LEAST = 100
"""Trades of a bucket; with fewer there are fewer buckets."""
FEWEST = 30
"""Trades from which on their results say how much to bet."""
PSEUDO_TRADES = 50.0
UNPROVEN = CONFIDENCE._replace(fraction=0.25)
"""What entries are sized by before that."""


class Buckets(NamedTuple):
    """What trades of like |signal| made `[bucket]`: lower `edges`, `n` trades, share of winners `p` as counted.

    `win` and `loss` are the mean net win and loss, positive fractions of the notional, over all trades where a bucket
    has none of its own; `score` is f*.
    """

    edges: Float64
    n: Float64
    p: Float64
    win: Float64
    loss: Float64
    score: Float64


def buckets_of(strength: Float64, net: Float64) -> Buckets:
    """Return the buckets of trades entered at |signal| `strength` `[trade]` that made `net` of their notional.

    Buckets begin as equally many trades, LEAST or more, at most BUCKETS of them; neighbours whose f* falls are joined,
    from below. The first begins at 0, a trade that made nothing is a loss.
    """
    n = min(BUCKETS, max(1, len(net) // LEAST))
    edges = np.unique(np.quantile(strength, np.arange(n) / n, method="lower")) if len(net) else np.zeros(1)
    found = _counted(edges, strength, net)
    while (falls := np.flatnonzero(found.score[1:] < found.score[:-1])).size:
        edges = np.delete(edges, falls[0] + 1)
        found = _counted(edges, strength, net)
    return found._replace(edges=np.append(0.0, edges[1:]))


def _counted(edges: Float64, strength: Float64, net: Float64) -> Buckets:
    """Return what the trades from each of the `edges` on made."""
    at = np.searchsorted(edges, strength, side="right") - 1
    won = net > 0.0
    count, wins, made, lost = (
        np.bincount(at, one, len(edges)).astype(np.float64)
        for one in (np.ones(len(net)), won, np.where(won, net, 0.0), np.where(won, 0.0, -net))
    )
    win, loss = _mean(made, wins), _mean(lost, count - wins)
    p = np.divide(wins, count, out=np.zeros(len(edges)), where=count > 0)
    return Buckets(edges, count, p, win, loss, scores(p, win, loss, count))


def scores(p: Float64, win: Float64, loss: Float64, n: Float64) -> Float64:
    """Return f* `[bucket]` after shrinking p of `n` trades; -inf where nothing was ever won."""
    with np.errstate(over="ignore"):  # losses next to nothing: endless odds; odds next to nothing: no edge at all
        odds = np.divide(win, loss, out=np.full(len(p), np.inf), where=loss > 0.0)
        shrunk = (p * n + PSEUDO_TRADES / (1.0 + odds)) / (n + PSEUDO_TRADES)
        edge = shrunk - np.divide(1.0 - shrunk, odds, out=np.zeros(len(p)), where=odds > 0.0)
    return np.asarray(np.where(win > 0.0, edge, -np.inf))


def sizing_of(buckets: Buckets, fraction: float) -> Sizing:
    """Return what the kernel sizes by: the weight of each bucket and the fraction of Kelly; few trades are UNPROVEN."""
    if buckets.n.sum() < FEWEST:
        return UNPROVEN
    best = float(buckets.score[-1])
    weight = np.clip(buckets.score / best, 0.0, 1.0) if best > 0.0 else np.zeros(len(buckets.score))
    return Sizing(buckets.edges, weight, fraction)


def true_kelly(p: float, win: float, loss: float, n_positions: float, correlation: float) -> float:
    """Return the growth-optimal fraction of equity in each of `n_positions` bets at once, alike and correlated.

    (p / L - (1 - p) / W) / (1 + (n - 1) rho), for wins of W and losses of L of the stake; NaN where either is 0.
    """
    if not (win > 0.0 and loss > 0.0):
        return float("nan")
    return (p / loss - (1.0 - p) / win) / (1.0 + (n_positions - 1.0) * correlation)


def _mean(total: Float64, count: Float64) -> Float64:
    """Return the mean of each bucket, that of all where a bucket has none; 0 without any."""
    pooled = total.sum() / count.sum() if count.sum() else 0.0
    return np.asarray(np.divide(total, count, out=np.full(len(total), pooled), where=count > 0))
