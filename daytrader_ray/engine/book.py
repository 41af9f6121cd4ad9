"""The book: what we own, what rests at the broker, and what the day has done so far, as flat arrays."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.trading import OrderKind

F8 = npt.NDArray[np.float64]
I8 = npt.NDArray[np.int64]
B1 = npt.NDArray[np.bool_]

CASH, START_EQUITY, EQUITY = 0, 1, 2
FREE, HANDS_OFF, ENTERING = 0, 1, 2
"""Of a symbol: nothing is on its way; nothing may be sent; an entry is on its way, only stops may be sent."""

ENTRY = int(OrderKind.ENTRY)
STOP = int(OrderKind.STOP)


class Book(NamedTuple):
    """State of the kernel, one entry per symbol unless said otherwise. Built from fills only.

    `qty` signed shares; `entry_price` average USD; `entry_slot` bar of the first fill; `atr` ATR_5 in USD frozen at the
    entry's decision; `stop_price` USD, 0 until it is placed; `stop_live` shares that the resting stop covers;
    `stop_failures` stops of this position that the venue refused or dropped; `trades` entries today; `cooldown_until`
    first slot that may enter again; `mark` last close in USD; `blocked` FREE, ENTERING, or HANDS_OFF while the fate of
    an order is unknown or an exit is on its way; `money` is (cash, equity at the start of the session, equity now) in
    USD; `halted` has one entry.
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
    money: F8
    halted: I8


def new_book(n_symbols: int, cash: float) -> Book:
    """Return an empty book with `cash` USD."""

    def ints() -> I8:
        return np.zeros(n_symbols, dtype=np.int64)

    def floats() -> F8:
        return np.zeros(n_symbols, dtype=np.float64)

    money = np.array([cash, cash, cash], dtype=np.float64)
    halted = np.zeros(1, dtype=np.int64)
    return Book(
        ints(), floats(), ints(), floats(), floats(), ints(), ints(), ints(), ints(), floats(), ints(), money, halted
    )


@njit
def open_session(book: Book) -> None:
    """Start a day: its loss is counted from here, trade counts and cool-downs are fresh."""
    equity = book.money[CASH]
    for i in range(book.qty.size):
        if book.qty[i] != 0:
            equity += book.qty[i] * book.mark[i]
        book.stop_failures[i] = 0
        book.trades[i] = 0
        book.cooldown_until[i] = 0
    book.money[START_EQUITY] = equity
    book.money[EQUITY] = equity
    book.halted[0] = 0


@njit
def apply_fill(
    book: Book, i: int, kind: int, side: int, qty: int, price: float, fee: float, slot: int, cooldown: int
) -> None:
    """Write one execution of `qty` shares at `price` USD into the book.

    The first fill of an entry counts the trade; each changes the average price, and with it the stop's. What a stop
    sells it covers no longer; the last fill of an exit clears it; a stop starts the cool-down.
    """
    book.money[CASH] -= side * qty * price + fee
    held = book.qty[i]
    if kind == ENTRY:
        if held == 0:
            book.trades[i] += 1
            book.entry_slot[i] = slot
            book.entry_price[i] = price
            book.stop_failures[i] = 0
        else:
            size = abs(held)
            book.entry_price[i] = (book.entry_price[i] * size + price * qty) / (size + qty)
        book.stop_price[i] = 0.0
    book.qty[i] = held + side * qty
    if kind == STOP:
        book.stop_live[i] = max(0, book.stop_live[i] - qty)
        if book.qty[i] == 0:
            book.cooldown_until[i] = slot + cooldown
    if book.qty[i] == 0:
        book.stop_price[i] = 0.0
        book.stop_live[i] = 0
