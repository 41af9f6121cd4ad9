"""Hedges: a bucket apart from the stocks, traded at a close towards what the slow loop wants."""

import numpy as np

from daytrader_ray.domain.jit import njit_flat
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.book import ACTIVE, EQUITY, FREE, START_EQUITY, Book
from daytrader_ray.engine.entries import beta_of, count_sent
from daytrader_ray.engine.orders import emit
from daytrader_ray.engine.rounding import whole
from daytrader_ray.engine.values import BETA, GROSS, Intents, Rules, Scratch, Snapshot

KIND = int(OrderKind.HEDGE)
HEDGE = int(Reason.HEDGE)


@njit_flat
def hedge_target(i: int, held: float, equity: float, now: Snapshot, scratch: Scratch) -> float:
    """Return what is to be held of a hedge instrument in USD, cut to its cap; the one of beta hedges all but itself."""
    target = now.budget.hedge_weight[i] * equity
    if i == now.budget.hedge:
        beta = beta_of(now.budget, i)
        target = -(scratch.marked[BETA] - held * beta) / beta if beta > 0.0 else 0.0
    most = now.hedge_cap[i] * equity
    return float(min(max(target, -most), most))


@njit_flat
def hedge_band(i: int, equity: float, now: Snapshot, rules: Rules) -> float:
    """Return the distance from its target in USD that is not traded; none of a hedge that is wanted no longer."""
    if i != now.budget.hedge and now.budget.hedge_weight[i] == 0.0:
        return 0.0
    return float(min(rules.hedge_band, now.hedge_cap[i] / 2.0) * equity)


@njit_flat
def may_grow(book: Book, i: int, side: int, now: Snapshot) -> bool:
    """Return whether more of a hedge may be bought (+1) or sold short (-1)."""
    if book.state[0] != ACTIVE or now.halted[i]:
        return False
    return side > 0 or bool(now.shortable[i] and not now.restricted[i])


@njit_flat
def hedge(book: Book, closing: bool, now: Snapshot, rules: Rules, scratch: Scratch, out: Intents, n: int) -> int:
    """Write the orders of hedges that are not sold, by symbol, behind the first `n` intents; return how many there are.

    `closing`: entries are over for today.
    """
    equity, exposure = book.money[EQUITY], scratch.exposure
    for i in range(now.is_hedge.size):
        if not now.is_hedge[i] or book.blocked[i] != FREE or book.leaving[i] != 0 or not np.isfinite(now.close[i]):
            continue
        close = now.close[i]
        held = book.qty[i] * close
        gap = hedge_target(i, held, equity, now, scratch) - held
        if abs(gap) <= hedge_band(i, equity, now, rules):
            continue
        side, shares = 1 if gap > 0.0 else -1, whole(abs(gap) / close)
        grows = book.qty[i] * side >= 0
        if not grows:
            shares = min(shares, abs(book.qty[i]))
        elif closing or not may_grow(book, i, side, now):
            continue
        else:
            power = rules.buying_power * min(equity, book.money[START_EQUITY])
            room = min(rules.max_gross * now.budget.gross_scale * equity, power) - exposure[GROSS]
            shares = min(shares, whole(room / close))
        if shares < 1:
            continue
        n = emit(out, n, KIND, i, side, shares, HEDGE, 0.0)
        usd = shares * close
        exposure[GROSS] += usd * grows
        count_sent(scratch, side * usd, beta_of(now.budget, i))
    return n
