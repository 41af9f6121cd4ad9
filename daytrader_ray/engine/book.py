"""The book: what we own, what rests at the broker, and what the day has done so far, as flat arrays."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit_flat
from daytrader_ray.domain.trading import OrderKind
from daytrader_ray.engine.rounding import WHOLE, to_tick

F8 = npt.NDArray[np.float64]
I8 = npt.NDArray[np.int64]
B1 = npt.NDArray[np.bool_]

CASH, START_EQUITY, EQUITY, PEAK = 0, 1, 2, 3
ACTIVE, REDUCING, HALTED = 0, 1, 2
"""Of the book: entries and exits; exits only; all positions are sold and none is opened before the next session."""

FREE, HANDS_OFF, ENTERING = 0, 1, 2
"""Of a symbol: nothing is on its way; nothing may be sent; an entry is on its way, only stops may be sent."""

ENTRY = int(OrderKind.ENTRY)
STOP = int(OrderKind.STOP)


class Book(NamedTuple):
    """State of the kernel, one entry per symbol unless said otherwise. Built from fills only.

    `qty` signed shares; `entry_price` average USD; `entry_slot` bar of the first fill; `atr` ATR_5 in USD frozen at the
    entry's decision, 0 of a hedge; `stop_price` USD, 0 until it is placed, and of a hedge; `stop_live` shares that the
    resting stop covers; `stop_failures` stops of this position that the venue refused or dropped; `trades` entries
    today; `cooldown_until` first slot that may enter again; `mark` last close in USD; `blocked` FREE, ENTERING, or
    HANDS_OFF while the fate of an order is unknown or an exit is on its way.

    Of the limit that rests: `limit_kind` ENTRY or EXIT, 0 for none, `limit_qty` signed shares that it still asks for,
    `limit_price` USD. `leaving` why the exit under way was decided, 0 for none; `best` highest high (of a short one
    lowest low) since the bar after the first fill, in USD, 0 before; `carried` 1 where a halt kept the position through
    the last close.

    `money` is (cash, equity at the start of the session, equity now, highest equity so far) in USD; `state` has one
    entry, ACTIVE, REDUCING or HALTED.
    """

    qty: I8
    entry_price: F8
    entry_slot: I8
    atr: F8
    stop_price: F8
    stop_live: I8
    stop_failures: I8
    trades: I8
    cooldown_until: I8
    mark: F8
    blocked: I8
    limit_kind: I8
    limit_qty: I8
    limit_price: F8
    leaving: I8
    best: F8
    carried: I8
    money: F8
    state: I8


class Carried(NamedTuple):
    """A position kept through a close: signed shares; average entry price, last stop, ATR_5 and last close in USD."""

    qty: int
    entry_price: float
    stop_price: float
    atr: float
    mark: float


def new_book(n_symbols: int, cash: float, peak: float | None = None) -> Book:
    """Return an empty book with `cash` USD; `peak` is the highest equity before it (None: there was none higher)."""

    def ints() -> I8:
        return np.zeros(n_symbols, dtype=np.int64)

    def floats() -> F8:
        return np.zeros(n_symbols, dtype=np.float64)

    return Book(
        qty=ints(), entry_price=floats(), entry_slot=ints(), atr=floats(), stop_price=floats(), stop_live=ints(),
        stop_failures=ints(), trades=ints(), cooldown_until=ints(), mark=floats(), blocked=ints(), limit_kind=ints(),
        limit_qty=ints(), limit_price=floats(), leaving=ints(), best=floats(), carried=ints(),
        money=np.array([cash, cash, cash, max(cash, peak or cash)]), state=np.zeros(1, dtype=np.int64),
    )  # fmt: skip


@njit_flat
def open_session(book: Book) -> None:
    """Start a day: its loss is counted from here, trade counts and cool-downs are fresh.

    Positions that a halt has carried into it are held from its first bar on, and nothing rests for them.
    """
    equity = book.money[CASH]
    for i in range(book.qty.size):
        book.stop_live[i] = 0
        book.stop_failures[i] = 0
        book.trades[i] = 0
        book.cooldown_until[i] = 0
        book.limit_kind[i] = 0
        book.limit_qty[i] = 0
        book.leaving[i] = 0
        book.carried[i] = 0
        if book.qty[i] != 0:
            equity += book.qty[i] * book.mark[i]
            book.entry_slot[i] = 0
            book.carried[i] = 1
    book.money[START_EQUITY] = equity
    book.money[EQUITY] = equity
    book.money[PEAK] = max(book.money[PEAK], equity)
    book.state[0] = ACTIVE


def restate(book: Book, ratio: F8) -> None:
    """Carry positions over a split's morning: `ratio` `[symbol]` new shares for an old one; fractions are paid out."""
    split = (book.qty != 0) & (ratio != 1.0)
    shares = np.trunc(book.qty[split] * ratio[split] + np.sign(book.qty[split]) * WHOLE)
    for prices in (book.entry_price, book.stop_price, book.mark, book.best, book.atr):
        prices[split] /= ratio[split]
    book.money[CASH] += float(((book.qty[split] * ratio[split] - shares) * book.mark[split]).sum())
    book.qty[split] = shares.astype(np.int64)
    for i in np.flatnonzero(split & (book.stop_price > 0.0)):
        book.stop_price[i] = to_tick(book.stop_price[i])


@njit_flat
def apply_fill(
    book: Book, i: int, kind: int, side: int, qty: int, price: float, fee: float, slot: int, cooldown: int
) -> None:
    """Write one execution of `qty` shares at `price` USD into the book.

    The first fill of an entry counts the trade; each changes the average price, and with it the stop's. What a stop
    sells it covers no longer; the last fill of an exit clears it; a stop starts the cool-down. A hedge grows and
    shrinks at its average price. What fills of a resting limit, the limit asks for no longer.
    """
    book.money[CASH] -= side * qty * price + fee
    held = book.qty[i]
    grows = held * side >= 0
    if grows and kind != STOP:
        size = abs(held)
        book.entry_price[i] = (book.entry_price[i] * size + price * qty) / (size + qty) if held != 0 else price
        if held == 0:
            book.entry_slot[i] = slot
            book.stop_failures[i] = 0
            book.best[i] = 0.0
            book.trades[i] += kind == ENTRY
        book.stop_price[i] = 0.0
    book.qty[i] = held + side * qty
    if kind == book.limit_kind[i]:
        book.limit_qty[i] -= side * qty
        if book.limit_qty[i] == 0:
            book.limit_kind[i] = 0
    if kind == STOP:
        book.stop_live[i] = max(0, book.stop_live[i] - qty)
        if book.qty[i] == 0:
            book.cooldown_until[i] = slot + cooldown
    if book.qty[i] == 0:
        book.stop_price[i] = 0.0
        book.stop_live[i] = 0
        book.leaving[i] = 0
        book.carried[i] = 0
