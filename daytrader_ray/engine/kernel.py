"""The decision kernel: the only place where a trade is decided, the same in backtest, rehearsal and live.

`step` runs at the close of a bar and sees all symbols at once; `release` before it cancels the limits whose bar is
over; `protect` runs after fills and puts stops under positions. All write intents into arrays they are given and
allocate nothing. `docs/fills.md` fixes when what happens.
"""

import numpy as np

from daytrader_ray.domain.budget import Sizing
from daytrader_ray.domain.jit import njit_flat
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.book import (
    ACTIVE,
    CASH,
    EQUITY,
    FREE,
    HANDS_OFF,
    PEAK,
    REDUCING,
    START_EQUITY,
    Book,
)
from daytrader_ray.engine.book import HALTED as STATE_HALTED
from daytrader_ray.engine.entries import STOP_ATTEMPTS, beta_of, count_sent, enter
from daytrader_ray.engine.hedges import hedge
from daytrader_ray.engine.orders import emit
from daytrader_ray.engine.rounding import WHOLE, to_tick
from daytrader_ray.engine.values import (
    BETA,
    BETA_DOWN,
    BETA_UP,
    GROSS,
    HEDGED,
    NET,
    NET_DOWN,
    NET_UP,
    Intents,
    Rules,
    Scratch,
    Snapshot,
)

CANCEL_STOP, EXIT, _, STOP, CANCEL, _ = (int(k) for k in OrderKind)

PROTECT = int(Reason.PROTECT)
SIGNAL_EXIT = int(Reason.SIGNAL_EXIT)
REVERSED = int(Reason.REVERSED)
TIME_EXIT = int(Reason.TIME_EXIT)
FLATTEN = int(Reason.FLATTEN)
HALTED = int(Reason.HALTED)
UNPROTECTED = int(Reason.UNPROTECTED)
CARRIED = int(Reason.CARRIED)
TRAIL = int(Reason.TRAIL)
UNFILLED = int(Reason.UNFILLED)
DENIED_SESSION = int(Reason.DENIED_SESSION)
DENIED_REDUCING = int(Reason.DENIED_REDUCING)
DENIED_HELD = int(Reason.DENIED_HELD)


@njit_flat
def find_held(book: Book, scratch: Scratch) -> int:
    """Collect the symbols with a position; return how many.

    Without a branch: which of them are held no processor guesses, and every rule would pay for it.
    """
    n = 0
    for i in range(book.qty.size):
        scratch.held[n] = i
        n += int(book.qty[i] != 0)
    return n


@njit_flat
def mark_to_market(book: Book, now: Snapshot, n_held: int, scratch: Scratch) -> None:
    """Mark every position at the close; a NaN keeps the last mark. Equity = cash + positions."""
    equity = book.money[CASH]
    marked = scratch.marked
    marked[:] = 0.0
    scratch.sector_gross[:] = 0.0
    for i in range(now.close.size):
        book.mark[i] = now.close[i] if np.isfinite(now.close[i]) else book.mark[i]
    for k in range(n_held):
        i = scratch.held[k]
        usd = book.qty[i] * book.mark[i]
        equity += usd
        marked[GROSS] += abs(usd)
        marked[NET] += usd
        marked[BETA] += usd * beta_of(now.budget, i)
        if now.is_hedge[i]:
            marked[HEDGED] += usd
        else:
            scratch.sector_gross[now.sector[i]] += abs(usd)
    scratch.exposure[GROSS] = marked[GROSS]
    scratch.exposure[NET_UP] = scratch.exposure[NET_DOWN] = marked[NET]
    scratch.exposure[BETA_UP] = scratch.exposure[BETA_DOWN] = marked[BETA]
    book.money[EQUITY] = equity
    book.money[PEAK] = max(book.money[PEAK], equity)


@njit_flat
def set_signal(now: Snapshot, scratch: Scratch) -> None:
    """Write the signals that enter: as they are, in sector-neutral mode less the mean of their sector.

    Of a stock that is the mean of the known ones, where they are two or more; what is left is clipped to [-1, 1].
    """
    for i in range(now.signal.size):
        scratch.signal[i] = now.signal[i]
    if not now.budget.neutral:
        return
    scratch.sector_sum[:] = 0.0
    scratch.sector_known[:] = 0
    for i in range(now.signal.size):
        if np.isfinite(now.signal[i]) and not now.is_hedge[i]:
            scratch.sector_sum[now.sector[i]] += now.signal[i]
            scratch.sector_known[now.sector[i]] += 1
    for i in range(now.signal.size):
        known = scratch.sector_known[now.sector[i]]
        if now.is_hedge[i] or known < 2 or not np.isfinite(now.signal[i]):
            continue
        scratch.signal[i] = min(1.0, max(-1.0, now.signal[i] - scratch.sector_sum[now.sector[i]] / known))


@njit_flat
def exit_reason(
    book: Book, i: int, slot: int, flatten: bool, is_hedge: bool, ours: float, threshold: float, rules: Rules
) -> int:
    """Return why position `i` is to be sold at the close of `slot`, 0 to keep it; `ours` its side times its signal."""
    if book.state[0] == STATE_HALTED:
        return HALTED
    if flatten:
        return FLATTEN
    if book.carried[i] == 1:
        return CARRIED
    if is_hedge:
        return 0
    if book.stop_failures[i] >= STOP_ATTEMPTS:
        return UNPROTECTED
    if book.leaving[i] != 0:
        return int(book.leaving[i])
    held = slot - book.entry_slot[i] + 1
    if held >= rules.time_exit_bars:
        return TIME_EXIT
    if not np.isfinite(ours) or not np.isfinite(threshold):
        return 0
    if ours <= -threshold:
        return REVERSED
    if ours < rules.hysteresis * threshold and held >= rules.min_hold_bars:
        return SIGNAL_EXIT
    return 0


@njit_flat
def leave(book: Book, i: int, reason: int, rules: Rules, out: Intents, n: int) -> int:
    """Sell position `i` whole; its stop is cancelled first, so that the shares are free to sell.

    The first attempt of a patient exit has a limit, every other one goes out at market.
    """
    side, qty, price = -1 if book.qty[i] > 0 else 1, abs(book.qty[i]), 0.0
    if book.stop_live[i] > 0:
        n = emit(out, n, CANCEL_STOP, i, side, qty, reason, book.stop_price[i])
        book.stop_live[i] = 0
    patient = reason in (TIME_EXIT, REVERSED, SIGNAL_EXIT)
    if rules.limits and patient and book.leaving[i] == 0:
        price = to_tick(book.mark[i])
        book.limit_kind[i], book.limit_qty[i], book.limit_price[i] = EXIT, side * qty, price
    book.leaving[i] = reason
    return emit(out, n, EXIT, i, side, qty, reason, price)


@njit_flat
def trail(
    book: Book, slot: int, now: Snapshot, rules: Rules, n_held: int, scratch: Scratch, out: Intents, n: int
) -> int:
    """Move the stops of positions that are not sold behind the best price since the bar after their first fill."""
    for k in range(n_held):
        i = scratch.held[k]
        if slot <= book.entry_slot[i] or book.atr[i] == 0.0 or book.leaving[i] != 0:
            continue
        side, reached = (1, now.high[i]) if book.qty[i] > 0 else (-1, now.low[i])
        if np.isfinite(reached) and (book.best[i] == 0.0 or side * (reached - book.best[i]) > 0.0):
            book.best[i] = reached
        if book.best[i] == 0.0 or book.blocked[i] != FREE or book.stop_live[i] == 0:
            continue
        stop = to_tick(book.best[i] - side * rules.stop_atr * book.atr[i])
        increment = 0.01 if stop >= 1.0 else 0.0001
        if side * (stop - book.stop_price[i]) < increment - WHOLE:
            continue
        qty = abs(book.qty[i])
        n = emit(out, n, CANCEL_STOP, i, -side, qty, TRAIL, book.stop_price[i])
        n = emit(out, n, STOP, i, -side, qty, TRAIL, stop)
        book.stop_price[i] = stop
        book.stop_live[i] = qty
    return n


@njit_flat
def step(
    book: Book,
    slot: int,
    n_slots: int,
    now: Snapshot,
    threshold: float,
    scale: float,
    sizing: Sizing,
    rules: Rules,
    scratch: Scratch,
    out: Intents,
) -> int:
    """Decide at the close of bar `slot` of a session of `n_slots` bars; return the number of intents written.

    Parameters
    ----------
    book
        Books from fills; only marks, equity, the state, and what is noted of orders about to be sent are changed.
    now
        Bars, signals and what was known before the session.
    threshold
        Smallest |signal| that enters (NaN or inf: no entries).
    scale
        Size multiplier of the current regime.
    sizing
        What trades on like signals earned on validation.
    out
        Receives, in this order, a cancel and an exit per sold position (by symbol), a cancel and a stop per stop that
        moves (by symbol), hedges (by symbol), entries by |signal|.
    """
    # Mark first: the day's loss is judged on the close of this bar, before anything else.
    n_held = find_held(book, scratch)
    mark_to_market(book, now, n_held, scratch)
    if book.money[EQUITY] <= book.money[START_EQUITY] * (1.0 - rules.max_daily_loss):
        book.state[0] = STATE_HALTED
    elif book.state[0] != STATE_HALTED:
        book.state[0] = REDUCING if now.reducing else ACTIVE
    set_signal(now, scratch)
    if slot >= n_slots - 1:
        scratch.verdict[:] = DENIED_SESSION
        return 0

    n, flatten = 0, slot >= n_slots - 1 - rules.flat_bars
    for k in range(n_held):
        i = scratch.held[k]
        if book.blocked[i] != FREE:
            continue
        # A sector's mean may open a position, but neither it nor its end sells one.
        side = 1.0 if book.qty[i] > 0 else -1.0
        ours = max(side * now.signal[i], side * scratch.signal[i])
        reason = exit_reason(book, i, slot, flatten, now.is_hedge[i], ours, threshold, rules)
        if reason != 0:
            n = leave(book, i, reason, rules, out, n)
            count_sent(scratch, -book.qty[i] * book.mark[i], beta_of(now.budget, i))
    if rules.trailing:
        n = trail(book, slot, now, rules, n_held, scratch, out, n)

    # No entry that would be flattened at the close of the bar in which it fills.
    closing = slot + 1 >= n_slots - 1 - rules.flat_bars
    n = hedge(book, closing, now, rules, scratch, out, n)
    if closing or book.state[0] != ACTIVE:
        scratch.verdict[:] = DENIED_SESSION if closing else HALTED if book.state[0] == STATE_HALTED else DENIED_REDUCING
        return n
    if (slot + 1) % rules.score_every != 0:
        scratch.verdict[:] = DENIED_HELD
        return n
    return enter(book, slot, now, threshold, scale, sizing, rules, scratch, out, n)


@njit_flat
def release(book: Book, out: Intents) -> int:
    """Cancel what is left of the limits: their bar is over; return the number of intents written."""
    n = 0
    for i in range(book.qty.size):
        if book.limit_kind[i] == 0:
            continue
        side = 1 if book.limit_qty[i] > 0 else -1
        n = emit(out, n, CANCEL, i, side, abs(book.limit_qty[i]), UNFILLED, book.limit_price[i])
        book.limit_kind[i] = 0
        book.limit_qty[i] = 0
    return n


@njit_flat
def protect(book: Book, rules: Rules, leaving_too: bool, out: Intents) -> int:
    """Put a resting stop for the whole under every position that lacks one; return the number of intents written.

    A new position's stop is `stop_atr * atr` from its average entry price; a position whose exit was filled in part
    gets its old stop back for what is left. A stop for another quantity is cancelled first. None is placed while a
    limit exit rests, nor, with `leaving_too` False, under a position that is sold next.
    """
    n = 0
    for i in range(book.qty.size):
        qty = abs(book.qty[i])
        if book.stop_live[i] == qty:
            continue
        if (
            (book.atr[i] == 0.0 and book.stop_price[i] == 0.0)
            or book.limit_kind[i] == EXIT
            or (book.leaving[i] != 0 and not leaving_too)
            or book.blocked[i] == HANDS_OFF
            or book.stop_failures[i] >= STOP_ATTEMPTS
        ):
            continue
        side = -1 if book.qty[i] > 0 else 1
        if book.stop_price[i] == 0.0:
            book.stop_price[i] = to_tick(book.entry_price[i] + side * rules.stop_atr * book.atr[i])
        if book.stop_live[i] > 0:
            n = emit(out, n, CANCEL_STOP, i, side, qty, PROTECT, book.stop_price[i])
        n = emit(out, n, STOP, i, side, qty, PROTECT, book.stop_price[i])
        book.stop_live[i] = qty
    return n
