"""Closed round trips as flat arrays: the figures of `engine.trades` without an object for each order and fill."""

from typing import NamedTuple

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.trading import OrderKind
from daytrader_ray.engine.backtest import Record
from daytrader_ray.engine.book import B1, F8, I8

_, EXIT, _, STOP, _, _ = (int(k) for k in OrderKind)
SESSION, SLOT, KIND, SYMBOL, SIDE, QTY = range(6)


class Trips(NamedTuple):
    """Round trips in the order in which they closed `[trip]`, as `engine.trades.Trade`.

    `session` is that of the entry, counted from the record's first; `notional_usd` the value entered, unsigned.
    """

    session: I8
    symbol: I8
    entry_slot: I8
    exit_slot: I8
    carried: B1
    notional_usd: F8
    pnl_usd: F8


def trips_of(record: Record, n_symbols: int) -> Trips:
    """Return the closed round trips of a backtest that began without positions; `round_trips`, to the bit."""
    parts = [_fills(session, log.fills, log.orders) for session, log in enumerate(record.logs)]
    fills = np.concatenate([np.empty((0, 6), dtype=np.int64), *parts])
    price, fee = (np.concatenate([np.empty(0), *(getattr(log, name) for log in record.logs)]) for name in _MONEY)
    whole, usd = _closed(fills, price, fee, n_symbols)
    session, symbol, entry_slot, exit_slot, carried = whole.T.copy()
    return Trips(session, symbol, entry_slot, exit_slot, carried > 0, *usd.T.copy())


_MONEY = ("fill_price", "fill_fee")


def _fills(session: int, fills: I8, orders: I8) -> I8:
    """Return (session, slot, kind, symbol, side, qty) of each fill of a session."""
    slot, _, qty, line = fills.T
    _, kind, symbol, side, _, _ = orders[line].T
    return np.stack([np.full(len(fills), session), slot, kind, symbol, side, qty], axis=1)


@njit
def _closed(fills: I8, price: F8, fee: F8, n_symbols: int) -> tuple[I8, F8]:
    """Return (session, symbol, entry slot, exit slot, carried) and (notional, net) in USD of each round trip.

    The rules are those of `trades.legs_of`, the sums in its order.
    """
    whole, usd = np.empty((len(fills), 5), dtype=np.int64), np.empty((len(fills), 2))
    first = np.full(n_symbols, -1)
    shares = np.zeros((n_symbols, 2), dtype=np.int64)
    money = np.zeros((n_symbols, 3))
    n = 0
    for k in range(len(fills)):
        session, slot, kind = fills[k, SESSION], fills[k, SLOT], fills[k, KIND]
        i, side, qty = fills[k, SYMBOL], fills[k, SIDE], fills[k, QTY]
        if first[i] < 0:
            if kind in (EXIT, STOP):
                continue
            first[i] = k
            shares[i] = 0
            money[i] = 0.0
        opened = fills[first[i]]
        leaves = 0 if side == opened[SIDE] else 1
        shares[i, leaves] += qty
        money[i, leaves] += qty * price[k]
        money[i, 2] += fee[k]
        if leaves and (shares[i, 0] <= shares[i, 1] or session != opened[SESSION]):
            whole[n, 0], whole[n, 1], whole[n, 2], whole[n, 3] = opened[SESSION], i, opened[SLOT], slot
            whole[n, 4] = 1 if session != opened[SESSION] else 0
            usd[n, 0] = shares[i, 0] * (money[i, 0] / shares[i, 0])
            usd[n, 1] = opened[SIDE] * (money[i, 1] - money[i, 0]) - money[i, 2]
            first[i] = -1
            n += 1
    return whole[:n], usd[:n]
