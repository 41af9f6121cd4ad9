"""The decision kernel: the only place where a trade is decided, the same in backtest, rehearsal and live.

`step` runs at the close of a bar and sees all symbols at once; `protect` runs after fills and puts stops under
positions. Both write intents into arrays they are given and allocate nothing. `docs/fills.md` fixes when what happens.
"""

import numpy as np

from daytrader_ray.domain.budget import Sizing
from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.book import (
    ACTIVE,
    CASH,
    EQUITY,
    F8,
    FREE,
    HANDS_OFF,
    PEAK,
    REDUCING,
    START_EQUITY,
    Book,
)
from daytrader_ray.engine.book import HALTED as STATE_HALTED
from daytrader_ray.engine.rounding import round_half_even
from daytrader_ray.engine.values import Intents as Intents
from daytrader_ray.engine.values import Rules as Rules
from daytrader_ray.engine.values import Scratch as Scratch
from daytrader_ray.engine.values import Snapshot as Snapshot
from daytrader_ray.engine.values import hedge_caps as hedge_caps
from daytrader_ray.engine.values import new_intents as new_intents
from daytrader_ray.engine.values import new_scratch as new_scratch
from daytrader_ray.engine.values import rules_of as rules_of

CANCEL_STOP, EXIT, ENTRY, STOP, CANCEL, HEDGE = (int(k) for k in OrderKind)

SIGNAL = int(Reason.SIGNAL)
PROTECT = int(Reason.PROTECT)
SIGNAL_EXIT = int(Reason.SIGNAL_EXIT)
REVERSED = int(Reason.REVERSED)
TIME_EXIT = int(Reason.TIME_EXIT)
FLATTEN = int(Reason.FLATTEN)
HALTED = int(Reason.HALTED)
UNPROTECTED = int(Reason.UNPROTECTED)
UNFILLED = int(Reason.UNFILLED)
DENIED_REDUCING = int(Reason.DENIED_REDUCING)
DENIED_THRESHOLD = int(Reason.DENIED_THRESHOLD)
DENIED_POSITION = int(Reason.DENIED_POSITION)
DENIED_COOLDOWN = int(Reason.DENIED_COOLDOWN)
DENIED_TRADES = int(Reason.DENIED_TRADES)
DENIED_SESSION = int(Reason.DENIED_SESSION)
DENIED_HISTORY = int(Reason.DENIED_HISTORY)
DENIED_SHORT = int(Reason.DENIED_SHORT)
DENIED_SECTOR = int(Reason.DENIED_SECTOR)
DENIED_GROSS = int(Reason.DENIED_GROSS)
DENIED_SIZE = int(Reason.DENIED_SIZE)
DENIED_BLOCKED = int(Reason.DENIED_BLOCKED)
DENIED_QUIET = int(Reason.DENIED_QUIET)
DENIED_EVENT = int(Reason.DENIED_EVENT)

STOP_ATTEMPTS = 2
"""Stops of a symbol that may fail before its position is sold."""
LOWEST_FRACTION, DEEPEST_FALL = 0.25, 0.1


@njit
def emit(out: Intents, n: int, kind: int, i: int, side: int, qty: int, reason: int, price: float) -> int:
    """Write one order behind the first `n`; return how many there are."""
    out.kind[n] = kind
    out.symbol[n] = i
    out.side[n] = side
    out.qty[n] = qty
    out.reason[n] = reason
    out.price[n] = price
    return n + 1


@njit
def mark_to_market(book: Book, close: F8) -> None:
    """Mark every position at the close; a NaN keeps the last mark. Equity = cash + positions."""
    equity = book.money[CASH]
    for i in range(close.size):
        if np.isfinite(close[i]):
            book.mark[i] = close[i]
        if book.qty[i] != 0:
            equity += book.qty[i] * book.mark[i]
    book.money[EQUITY] = equity
    book.money[PEAK] = max(book.money[PEAK], equity)


@njit
def exit_reason(book: Book, i: int, slot: int, flatten: bool, signal: float, threshold: float, rules: Rules) -> int:
    """Return why position `i` is to be sold at the close of `slot`, 0 to keep it."""
    if book.state[0] == STATE_HALTED:
        return HALTED
    if flatten:
        return FLATTEN
    if book.stop_failures[i] >= STOP_ATTEMPTS:
        return UNPROTECTED
    held = slot - book.entry_slot[i] + 1
    if held >= rules.time_exit_bars:
        return TIME_EXIT
    if not np.isfinite(signal) or not np.isfinite(threshold):
        return 0
    ours = signal if book.qty[i] > 0 else -signal
    if ours <= -threshold:
        return REVERSED
    if ours < rules.hysteresis * threshold and held >= rules.min_hold_bars:
        return SIGNAL_EXIT
    return 0


@njit
def entry_denial(book: Book, i: int, slot: int, now: Snapshot, threshold: float, rules: Rules) -> int:
    """Return why symbol `i` may not be entered at the close of `slot`, 0 if it may (size is another matter)."""
    signal = now.signal[i]
    if not np.isfinite(signal) or not np.isfinite(threshold) or abs(signal) < threshold or signal == 0.0:
        return DENIED_THRESHOLD
    if book.qty[i] != 0:
        return DENIED_POSITION
    if book.blocked[i] != FREE:
        return DENIED_BLOCKED
    if book.stop_failures[i] >= STOP_ATTEMPTS:
        return UNPROTECTED
    if slot + 1 < book.cooldown_until[i]:
        return DENIED_COOLDOWN
    if book.trades[i] >= rules.max_trades:
        return DENIED_TRADES
    known = np.isfinite(now.close[i]) and now.atr[i] > 0.0 and now.expected_volume[i] > 0.0
    if not now.tradable[i] or not known:
        return DENIED_HISTORY
    if now.quiet[i] >= rules.max_quiet_bars:
        return DENIED_QUIET
    if now.event_scale[i] == 0.0:
        return DENIED_EVENT
    if signal < 0.0 and not rules.allow_short:
        return DENIED_SHORT
    return 0


@njit
def _rank_entries(book: Book, slot: int, now: Snapshot, threshold: float, rules: Rules, scratch: Scratch) -> int:
    """Collect the symbols that may enter, strongest |signal| first, ties by symbol; return how many."""
    n = 0
    for i in range(now.signal.size):
        denial = entry_denial(book, i, slot, now, threshold, rules)
        scratch.verdict[i] = denial
        if denial != 0:
            continue
        at = n
        while at > 0 and abs(now.signal[scratch.rank[at - 1]]) < abs(now.signal[i]):
            scratch.rank[at] = scratch.rank[at - 1]
            at -= 1
        scratch.rank[at] = i
        n += 1
    return n


@njit
def bet_fraction(book: Book, sizing: Sizing, rules: Rules) -> float:
    """Return the fraction of the full Kelly bet: lowered linearly to 0.25 over the first 10 % below the peak."""
    if not rules.kelly:
        return 0.5
    fall = 1.0 - book.money[EQUITY] / book.money[PEAK]
    lowest = min(LOWEST_FRACTION, sizing.fraction)
    return float(sizing.fraction - (sizing.fraction - lowest) * min(1.0, fall / DEEPEST_FALL))


@njit
def kelly_weight(signal: float, sizing: Sizing, rules: Rules) -> float:
    """Return the weight of the bucket of |signal|, 0 below the first one."""
    if not rules.kelly:
        return 1.0
    weight = 0.0
    for k in range(sizing.edges.size):
        if abs(signal) >= sizing.edges[k]:
            weight = sizing.weight[k]
    return weight


@njit
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
        Books from fills; only marks, equity, the halt flag, `stop_live` of sold positions and `atr` are changed.
    now
        Bars, signals and what was known before the session.
    threshold
        Smallest |signal| that enters (NaN or inf: no entries).
    scale
        Size multiplier of the current regime.
    sizing
        What trades on like signals earned on validation.
    out
        Receives, in this order, a cancel and an exit per sold position (by symbol), then entries by |signal|.
    """
    # Mark first: the day's loss is judged on the close of this bar, before anything else.
    mark_to_market(book, now.close)
    equity = book.money[EQUITY]
    if equity <= book.money[START_EQUITY] * (1.0 - rules.max_daily_loss):
        book.state[0] = STATE_HALTED
    elif book.state[0] != STATE_HALTED:
        book.state[0] = REDUCING if now.reducing else ACTIVE
    n = 0
    if slot >= n_slots - 1:
        return n
    flatten = slot >= n_slots - 1 - rules.flat_bars

    # Exits: a position is sold whole. Its stop is cancelled first, so that the shares are free to sell.
    for i in range(now.close.size):
        if book.qty[i] == 0 or book.blocked[i] != FREE:
            continue
        reason = exit_reason(book, i, slot, flatten, now.signal[i], threshold, rules)
        if reason == 0:
            continue
        side = -1 if book.qty[i] > 0 else 1
        if book.stop_live[i] > 0:
            n = emit(out, n, CANCEL_STOP, i, side, abs(book.qty[i]), reason, book.stop_price[i])
            book.stop_live[i] = 0
        n = emit(out, n, EXIT, i, side, abs(book.qty[i]), reason, 0.0)

    # No entries once halted, nor one that would be flattened at the close of the bar in which it fills.
    closing = slot + 1 >= n_slots - 1 - rules.flat_bars
    if closing or book.state[0] != ACTIVE:
        scratch.verdict[:] = DENIED_SESSION if closing else HALTED if book.state[0] == STATE_HALTED else DENIED_REDUCING
        return n

    # Room that is left: pending exits free no capacity before they are filled.
    gross = 0.0
    scratch.sector_gross[:] = 0.0
    for i in range(now.close.size):
        exposure = abs(book.qty[i] * book.mark[i])
        gross += exposure
        scratch.sector_gross[now.sector[i]] += exposure

    # Entries, strongest first: confidence sizing, cut to what sector, book and the next bar's volume have room for.
    n_entries = _rank_entries(book, slot, now, threshold, rules, scratch)
    for r in range(n_entries):
        i = scratch.rank[r]
        sector = now.sector[i]
        room_sector = min(rules.max_sector, now.sector_limit[sector]) * equity - scratch.sector_gross[sector]
        room_gross = rules.max_gross * equity - gross
        wish = rules.max_position * equity * min(1.0, abs(now.signal[i])) * min(1.0, scale) * now.event_scale[i]
        wish *= bet_fraction(book, sizing, rules) / 0.5 * kelly_weight(now.signal[i], sizing, rules)
        usd = min(wish, room_sector, room_gross)
        qty = int(np.floor(min(usd / now.close[i], rules.participation * now.expected_volume[i])))
        if qty < 1:
            scratch.verdict[i] = DENIED_SIZE
            if wish >= now.close[i] and usd < now.close[i]:
                scratch.verdict[i] = DENIED_SECTOR if room_sector <= room_gross else DENIED_GROSS
            continue
        side = 1 if now.signal[i] > 0.0 else -1
        n = emit(out, n, ENTRY, i, side, qty, SIGNAL, 0.0)
        book.atr[i] = now.atr[i]
        exposure = qty * now.close[i]
        gross += exposure
        scratch.sector_gross[sector] += exposure
    return n


@njit
def stop_tick(price: float) -> float:
    """Round a stop price half-even to the exchange's increment: 0.01 USD, below 1 USD 0.0001."""
    unit = 100.0 if price >= 1.0 else 10000.0
    return max(round_half_even(price, unit), 1.0 / unit)


@njit
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


@njit
def protect(book: Book, rules: Rules, leaving_too: bool, out: Intents) -> int:
    """Put a resting stop for the whole under every position that lacks one; return the number of intents written.

    Not while a limit exit rests, and with `leaving_too` False under none that is on its way out: it is sold next.

    A new position's stop is `stop_atr * atr` from its average entry price; a position whose exit was filled in part
    gets its old stop back for what is left. A stop for another quantity is cancelled first.
    """
    n = 0
    for i in range(book.qty.size):
        qty = abs(book.qty[i])
        if (
            qty == 0
            or book.stop_live[i] == qty
            or book.atr[i] == 0.0
            or book.limit_kind[i] == EXIT
            or (book.leaving[i] != 0 and not leaving_too)
            or book.blocked[i] == HANDS_OFF
            or book.stop_failures[i] >= STOP_ATTEMPTS
        ):
            continue
        side = -1 if book.qty[i] > 0 else 1
        if book.stop_price[i] == 0.0:
            book.stop_price[i] = stop_tick(book.entry_price[i] + side * rules.stop_atr * book.atr[i])
        if book.stop_live[i] > 0:
            n = emit(out, n, CANCEL_STOP, i, side, qty, PROTECT, book.stop_price[i])
        n = emit(out, n, STOP, i, side, qty, PROTECT, book.stop_price[i])
        book.stop_live[i] = qty
    return n
