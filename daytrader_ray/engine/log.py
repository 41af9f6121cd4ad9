"""What a backtest's sessions did, line by line in flat arrays, and as orders and fills."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.domain.jit import njit_flat
from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase, Reason
from daytrader_ray.engine.book import F8, I8
from daytrader_ray.engine.orders import order_of
from daytrader_ray.engine.values import Intents

_, EXIT, ENTRY, STOP, _, _ = (int(k) for k in OrderKind)
OPEN, INTRABAR = 0, 1
LINES_A_BAR = 8
"""Most orders of a symbol in one bar: three cancels, two stops, an exit, an entry, a limit's cancel."""


class Log(NamedTuple):
    """One line each, of one session.

    `orders`: slot, kind, symbol, side, qty, reason, with `order_price`; `sizing` of its entries in their order;
    `fills`: slot, phase, qty, line of the order, with `fill_price` and `fill_fee`. `counts` is (orders, fills,
    entries); `line` that of each symbol's latest stop and of its latest exit or entry `[2, symbol]`; `verdicts` counts
    the kernel's last word by reason, over all sessions.
    """

    orders: I8
    order_price: F8
    sizing: F8
    fills: I8
    fill_price: F8
    fill_fee: F8
    counts: I8
    line: I8
    verdicts: I8


def new_log(n_slots: int, n_symbols: int) -> Log:
    """Return room for the longest session; pages that are never written take no memory."""
    n = LINES_A_BAR * n_slots * n_symbols
    return Log(
        np.zeros((n, 6), dtype=np.int64),
        np.zeros(n),
        np.zeros((n_slots * n_symbols, len(SIZING_STEPS))),
        np.zeros((n, 4), dtype=np.int64),
        np.zeros(n),
        np.zeros(n),
        np.zeros(3, dtype=np.int64),
        np.zeros((2, n_symbols), dtype=np.int64),
        np.zeros(max(Reason) + 1, dtype=np.int64),
    )


def kept(log: Log) -> Log:
    """Return a copy of what has been written in one session."""
    orders, fills, entries = (int(n) for n in log.counts)
    return Log(
        log.orders[:orders].copy(), log.order_price[:orders].copy(), log.sizing[:entries].copy(),
        log.fills[:fills].copy(), log.fill_price[:fills].copy(), log.fill_fee[:fills].copy(),
        log.counts.copy(), log.line, log.verdicts,
    )  # fmt: skip


@njit_flat
def log_orders(log: Log, slot: int, out: Intents, n: int) -> None:
    """Write the first `n` intents of `slot`."""
    for k in range(n):
        line, kind, i = log.counts[0], out.kind[k], out.symbol[k]
        log.orders[line, 0] = slot
        log.orders[line, 1] = kind
        log.orders[line, 2] = i
        log.orders[line, 3] = out.side[k]
        log.orders[line, 4] = out.qty[k]
        log.orders[line, 5] = out.reason[k]
        log.order_price[line] = out.price[k]
        if kind == ENTRY:
            for step in range(out.sizing.shape[1]):
                log.sizing[log.counts[2], step] = out.sizing[k, step]
            log.counts[2] += 1
        if kind == STOP:
            log.line[0, i] = line
        elif kind in (ENTRY, EXIT):
            log.line[1, i] = line
        log.counts[0] = line + 1


@njit_flat
def log_fill(log: Log, slot: int, phase: int, qty: int, order: int, price: float, fee: float) -> None:
    """Write one fill of the order in line `order`."""
    line = log.counts[1]
    log.fills[line, 0] = slot
    log.fills[line, 1] = phase
    log.fills[line, 2] = qty
    log.fills[line, 3] = order
    log.fill_price[line] = price
    log.fill_fee[line] = fee
    log.counts[1] = line + 1


def read_orders(log: Log, run: str, date: dt.date, symbols: Sequence[str]) -> list[Order]:
    """Return the session's orders in the order in which they were sent."""
    lines = zip(log.orders.tolist(), log.order_price.tolist(), strict=True)
    return [
        order_of(run, date, slot, symbols[i], kind, side, qty, why, price)
        for (slot, kind, i, side, qty, why), price in lines
    ]


def read_fills(log: Log, orders: Sequence[Order]) -> list[Fill]:
    """Return the session's fills in the order in which they happened; `orders` are the session's."""
    lines = zip(log.fills.tolist(), log.fill_price.tolist(), log.fill_fee.tolist(), strict=True)
    return [
        Fill(
            session=orders[line].session,
            slot=slot,
            phase=Phase.OPEN if phase == OPEN else Phase.INTRABAR,
            symbol=orders[line].symbol,
            kind=orders[line].kind,
            side=orders[line].side,
            qty=qty,
            price=price,
            fee=fee,
            client_order_id=orders[line].client_order_id,
        )
        for (slot, phase, qty, line), price, fee in lines
    ]


def read_sizing(log: Log, orders: Sequence[Order]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the sizing steps of the session's entries by client order id; `orders` are the session's."""
    entries = [order.client_order_id for order in orders if order.kind is OrderKind.ENTRY]
    return dict(zip(entries, log.sizing, strict=True))
