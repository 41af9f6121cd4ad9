"""Entries at a close: who may enter, how much of it the limits leave, and the order that comes of it."""

import numpy as np

from daytrader_ray.domain.budget import Budget, Sizing
from daytrader_ray.domain.jit import njit_flat
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.book import EQUITY, F8, FREE, PEAK, START_EQUITY, Book
from daytrader_ray.engine.orders import emit
from daytrader_ray.engine.rounding import to_tick, whole
from daytrader_ray.engine.values import (
    BETA_DOWN,
    BETA_UP,
    GROSS,
    NET_DOWN,
    NET_UP,
    Intents,
    Rules,
    Scratch,
    Snapshot,
)

ENTRY = int(OrderKind.ENTRY)
SIGNAL = int(Reason.SIGNAL)
UNPROTECTED = int(Reason.UNPROTECTED)
DENIED_THRESHOLD = int(Reason.DENIED_THRESHOLD)
DENIED_POSITION = int(Reason.DENIED_POSITION)
DENIED_COOLDOWN = int(Reason.DENIED_COOLDOWN)
DENIED_TRADES = int(Reason.DENIED_TRADES)
DENIED_HISTORY = int(Reason.DENIED_HISTORY)
DENIED_SHORT = int(Reason.DENIED_SHORT)
DENIED_SIZE = int(Reason.DENIED_SIZE)
DENIED_BLOCKED = int(Reason.DENIED_BLOCKED)
DENIED_QUIET = int(Reason.DENIED_QUIET)
DENIED_EVENT = int(Reason.DENIED_EVENT)
DENIED_RULE_201 = int(Reason.DENIED_RULE_201)
DENIED_BORROW = int(Reason.DENIED_BORROW)
DENIED_EDGE = int(Reason.DENIED_EDGE)
DENIED_HALT = int(Reason.DENIED_HALT)

STOP_ATTEMPTS = 2
"""Stops of a symbol that may fail before its position is sold."""
LOWEST_FRACTION, DEEPEST_FALL = 0.25, 0.1
FULL_FRACTION = 0.5

FIRST_ROOM, VOLUME = 8, 5
"""Column of the first room in `SIZING_STEPS`, and the number of the one that is in shares."""
NO_ROOM = (
    int(Reason.DENIED_SECTOR), int(Reason.DENIED_GROSS), int(Reason.DENIED_NET), int(Reason.DENIED_BETA),
    int(Reason.DENIED_CASH), DENIED_SIZE,
)  # fmt: skip


@njit_flat
def beta_of(budget: Budget, i: int) -> float:
    """Return a symbol's beta to SPY; 1 where it is unknown."""
    return float(budget.beta[i]) if np.isfinite(budget.beta[i]) else 1.0


@njit_flat
def count_sent(scratch: Scratch, usd: float, beta: float) -> None:
    """Count what has been sent, signed USD, on the side to which it moves net and net beta: it may fill alone."""
    scratch.exposure[NET_UP if usd > 0.0 else NET_DOWN] += usd
    scratch.exposure[BETA_UP if usd * beta > 0.0 else BETA_DOWN] += usd * beta


@njit_flat
def bet_fraction(book: Book, sizing: Sizing, rules: Rules) -> float:
    """Return the fraction of the full Kelly bet: lowered linearly to 0.25 over the first 10 % below the peak."""
    if not rules.kelly:
        return FULL_FRACTION
    fall = 1.0 - book.money[EQUITY] / book.money[PEAK]
    lowest = min(LOWEST_FRACTION, sizing.fraction)
    return float(sizing.fraction - (sizing.fraction - lowest) * min(1.0, fall / DEEPEST_FALL))


@njit_flat
def kelly_weight(signal: float, sizing: Sizing, rules: Rules) -> float:
    """Return the weight of the bucket of |signal|, 0 below the first one."""
    if not rules.kelly:
        return 1.0
    weight = 0.0
    for k in range(sizing.edges.size):
        if abs(signal) >= sizing.edges[k]:
            weight = float(sizing.weight[k])
    return weight


@njit_flat
def entry_denial(book: Book, i: int, slot: int, now: Snapshot, signal: float, sizing: Sizing, rules: Rules) -> int:
    """Return why symbol `i`, its signal over the threshold, may not be entered, 0 if it may."""
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
    if not now.tradable[i] or now.is_hedge[i] or not known:
        return DENIED_HISTORY
    if now.halted[i]:
        return DENIED_HALT
    if now.quiet[i] >= rules.max_quiet_bars:
        return DENIED_QUIET
    if now.event_scale[i] == 0.0:
        return DENIED_EVENT
    if signal < 0.0:
        if not rules.allow_short:
            return DENIED_SHORT
        if not now.shortable[i]:
            return DENIED_BORROW
        if now.restricted[i]:
            return DENIED_RULE_201
    if kelly_weight(signal, sizing, rules) == 0.0:
        return DENIED_EDGE
    return 0


@njit_flat
def rank_entries(
    book: Book, slot: int, now: Snapshot, signal: F8, threshold: float, sizing: Sizing, rules: Rules, scratch: Scratch
) -> int:
    """Collect the symbols that may enter, strongest |signal| first, ties by symbol; return how many."""
    # Without a branch, which the processor would guess wrong; comparisons with a NaN are false.
    n = n_wishes = 0
    for i in range(signal.size):
        strength = abs(signal[i])
        scratch.verdict[i] = DENIED_THRESHOLD
        scratch.wishes[n_wishes] = i
        n_wishes += int((strength >= threshold) & (strength > 0.0))
    for k in range(n_wishes):
        i = scratch.wishes[k]
        strength = abs(signal[i])
        denial = entry_denial(book, i, slot, now, signal[i], sizing, rules)
        scratch.verdict[i] = denial
        if denial != 0:
            continue
        at = n
        while at > 0 and abs(signal[scratch.rank[at - 1]]) < strength:
            scratch.rank[at] = scratch.rank[at - 1]
            at -= 1
        scratch.rank[at] = i
        n += 1
    return n


@njit_flat
def write_rooms(book: Book, i: int, side: int, now: Snapshot, rules: Rules, scratch: Scratch, row: F8) -> None:
    """Write what each limit leaves for an entry: sector, gross, net, beta and power in USD, volume in shares."""
    equity, sector, beta = book.money[EQUITY], now.sector[i], beta_of(now.budget, i)
    exposure = scratch.exposure
    gross, ahead = exposure[GROSS], exposure[NET_UP] if side > 0 else -exposure[NET_DOWN]
    row[FIRST_ROOM] = min(rules.max_sector, now.sector_limit[sector]) * equity - scratch.sector_gross[sector]
    row[FIRST_ROOM + 1] = rules.max_gross * now.budget.gross_scale * equity - gross
    row[FIRST_ROOM + 2] = rules.max_net * equity - ahead
    row[FIRST_ROOM + 3] = np.inf
    if beta != 0.0:
        ahead = exposure[BETA_UP] if side * beta > 0.0 else -exposure[BETA_DOWN]
        row[FIRST_ROOM + 3] = (rules.max_beta * equity - ahead) / abs(beta)
    row[FIRST_ROOM + 4] = rules.buying_power * min(equity, book.money[START_EQUITY]) - gross
    row[FIRST_ROOM + VOLUME] = rules.participation * now.expected_volume[i]


@njit_flat
def size_entry(wish: float, close: float, row: F8) -> tuple[int, int]:
    """Return (shares, reason why there are none) of a wish in USD, and note in `row` which room binds."""
    smallest, bound = np.inf, -1
    for k in range(VOLUME + 1):
        room = row[FIRST_ROOM + k] * (close if k == VOLUME else 1.0)
        if room < smallest:
            smallest, bound = room, k
    row[FIRST_ROOM + VOLUME + 1] = bound if smallest < wish else -1
    qty = min(whole(min(wish, smallest) / close), whole(row[FIRST_ROOM + VOLUME]))
    if qty >= 1:
        return qty, 0
    return 0, NO_ROOM[bound] if whole(wish / close) >= 1 else DENIED_SIZE


@njit_flat
def enter(
    book: Book,
    slot: int,
    now: Snapshot,
    threshold: float,
    scale: float,
    sizing: Sizing,
    rules: Rules,
    scratch: Scratch,
    out: Intents,
    n: int,
) -> int:
    """Write the entries behind the first `n` intents, strongest first; return how many intents there are."""
    signal = scratch.signal
    n_entries = rank_entries(book, slot, now, signal, threshold, sizing, rules, scratch)
    if n_entries == 0:
        return n
    equity, fraction, regime = book.money[EQUITY], bet_fraction(book, sizing, rules), min(1.0, scale)
    for r in range(n_entries):
        i = scratch.rank[r]
        side, close = 1 if signal[i] > 0.0 else -1, now.close[i]
        kelly, cap = kelly_weight(signal[i], sizing, rules), now.budget.cap[i]
        wish = equity * cap * (fraction / FULL_FRACTION) * kelly * abs(signal[i]) * regime * now.event_scale[i]
        wish = min(wish, rules.max_position * equity)
        row = out.sizing[n]
        row[0], row[1], row[2], row[3], row[4] = signal[i], threshold, cap, fraction, kelly
        row[5], row[6], row[7] = regime, now.event_scale[i], wish
        write_rooms(book, i, side, now, rules, scratch, row)
        qty, denial = size_entry(wish, close, row)
        scratch.verdict[i] = denial
        if denial != 0:
            continue
        price = to_tick(close) if rules.limits else 0.0
        n = emit(out, n, ENTRY, i, side, qty, SIGNAL, price)
        book.atr[i] = now.atr[i]
        if rules.limits:
            book.limit_kind[i], book.limit_qty[i], book.limit_price[i] = ENTRY, side * qty, price
        usd = qty * close
        scratch.exposure[GROSS] += usd
        count_sent(scratch, side * usd, beta_of(now.budget, i))
        scratch.sector_gross[now.sector[i]] += usd
    return n
