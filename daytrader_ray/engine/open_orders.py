"""Which of our orders are on their way, resting, or of unknown fate, and what the venue's updates do to the book."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.ports import BrokerEvent
from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase
from daytrader_ray.engine.book import ENTERING, FREE, HANDS_OFF, Book, apply_fill
from daytrader_ray.engine.fills import Costs, fill_fee
from daytrader_ray.engine.orders import order_of
from daytrader_ray.engine.values import Intents

_EXECUTIONS = ("fill", "partial_fill")
_ENDS = ("fill", "canceled", "expired", "rejected", "done_for_day")
_FAULTS = ("expired", "rejected")
_CANCELS = (OrderKind.CANCEL_STOP, OrderKind.CANCEL)


class _Doubt(NamedTuple):
    """An order of unknown fate: what was `sent` without an answer, and the id of the one whose fate is `awaited`."""

    sent: Order
    awaited: str


class OpenOrders:
    """The orders of one session from the kernel's intent to the venue's last word; the book learns all of it here.

    `fees` are those of all executions in USD.
    """

    def __init__(
        self, run: str, session: dt.date, symbols: tuple[str, ...], book: Book, costs: Costs, cooldown: int
    ) -> None:
        self._run, self._session, self._symbols = run, session, symbols
        self._book, self._costs, self._cooldown = book, costs, cooldown
        self._column = {symbol: i for i, symbol in enumerate(symbols)}
        self._sent: dict[str, Order] = {}
        self._stops: dict[str, str] = {}
        self._cancelled_stops: dict[str, str] = {}
        self._failed: set[int] = set()
        self._working: dict[str, Order] = {}
        self._filled: Counter[str] = Counter()
        self._unknown: dict[tuple[str, OrderKind], _Doubt] = {}
        """By symbol and kind: of one symbol both the stop and the limit may be in doubt."""
        self._executions: set[str] = set()
        self.fees = 0.0

    @property
    def unanswered(self) -> list[str]:
        """Ids of the entries, exits and hedges whose end the venue has not told."""
        return list(self._working)

    @property
    def unknown(self) -> list[str]:
        """Symbols with an order of unknown fate."""
        return sorted({symbol for symbol, _ in self._unknown})

    @property
    def lost(self) -> list[Order]:
        """Orders of unknown fate of which the venue must be asked; what rests as a limit is cancelled instead."""
        sent = (doubt.sent for doubt in self._unknown.values())
        return [order for order in sent if order.kind not in _CANCELS and order.limit_price is None]

    def stops_again(self, slot: int) -> list[Order]:
        """Return the cancels of stops again whose outcome is not known, each noted as on its way."""
        failed = [doubt.sent for doubt in self._unknown.values() if doubt.sent.kind is OrderKind.CANCEL_STOP]
        return [self._noted(self._order(slot, one)) for one in sorted(failed, key=lambda one: one.symbol)]

    def _order(self, slot: int, like: Order) -> Order:
        return order_of(
            self._run, self._session, slot, like.symbol, int(like.kind), like.side, like.qty, int(like.reason), 0.0
        )

    def answered(self, cancel: Order) -> None:
        """Note that the outcome of a cancel is known: it is among the updates taken."""
        self._unknown.pop((cancel.symbol, cancel.kind), None)
        self._guard(cancel.symbol)

    def on_the_way(self, besides: Order) -> npt.NDArray[np.int64]:
        """Return the signed shares that other orders on their way may still buy or sell `[symbol]`, stops apart."""
        shares = np.zeros(len(self._symbols), dtype=np.int64)
        for name, order in self._working.items():
            if name != besides.client_order_id:
                shares[self._column[order.symbol]] += order.side * (order.qty - self._filled[name])
        return shares

    def of(self, slot: int, out: Intents, n: int) -> list[Order]:
        """Return the kernel's first `n` intents as orders, each noted as on its way."""
        orders = []
        for k in range(n):
            i, kind, side = int(out.symbol[k]), int(out.kind[k]), int(out.side[k])
            qty, reason, price = int(out.qty[k]), int(out.reason[k]), float(out.price[k])
            order = order_of(self._run, self._session, slot, self._symbols[i], kind, side, qty, reason, price)
            orders.append(self._noted(order))
        return orders

    def _noted(self, order: Order) -> Order:
        order = replace(order, client_order_id=self._unused(order.client_order_id))
        self._sent[order.client_order_id] = order
        if order.kind is OrderKind.CANCEL_STOP:
            if order.symbol in self._stops:
                self._cancelled_stops[order.symbol] = self._stops.pop(order.symbol)
        elif order.kind is OrderKind.STOP:
            self._stops[order.symbol] = order.client_order_id
        elif order.kind is not OrderKind.CANCEL:
            self._working[order.client_order_id] = order
            self._guard(order.symbol)
        return order

    def _guard(self, symbol: str) -> None:
        """Tell the book what may be sent in `symbol`.

        Beside an exit on its way a second one, or a stop, could open the opposite position; beside an entry or a hedge
        a second one would double it.
        """
        kinds = {order.kind for order in self._working.values() if order.symbol == symbol}
        off = symbol in self.unknown or OrderKind.EXIT in kinds
        self._book.blocked[self._column[symbol]] = HANDS_OFF if off else ENTERING if kinds else FREE

    def _unused(self, name: str) -> str:
        """Return `name`, or with the first free number where a bar needs a second stop of one symbol."""
        found, k = name, 2
        while found in self._sent:
            found, k = f"{name}-{k}", k + 1
        return found

    def take(self, slot: int, phase: Phase, events: Sequence[BrokerEvent]) -> tuple[list[Fill], list[str]]:
        """Take the broker's updates into the book; return the executions, each once, and what went wrong, in words."""
        fills, faults = [], []
        for event in events:
            order = self._sent.get(event.client_order_id)
            if order is None:
                continue
            if event.event in _EXECUTIONS and event.execution_id not in self._executions:
                self._executions.add(event.execution_id)
                fills.append(self._fill(order, slot, phase, event))
            self._settle(order, event.event)
            if event.event in _ENDS and self._ended(order, event.event):
                faults.append(f"{order.client_order_id} {event.event} by the venue")
        return fills, faults

    def _settle(self, order: Order, event: str) -> None:
        doubts = [(key, doubt) for key, doubt in self._unknown.items() if doubt.awaited == order.client_order_id]
        for key, doubt in doubts:
            if _tells_fate(doubt, event):
                del self._unknown[key]
                self._guard(order.symbol)

    def _fill(self, order: Order, slot: int, phase: Phase, event: BrokerEvent) -> Fill:
        fee = fill_fee(order.side, event.qty, event.price, self._costs)
        self.fees += fee
        self._filled[order.client_order_id] += event.qty
        apply_fill(
            self._book, self._column[order.symbol], int(order.kind), order.side, event.qty, event.price, fee, slot,
            self._cooldown,
        )  # fmt: skip
        return Fill(
            session=order.session,
            slot=slot,
            phase=phase,
            symbol=order.symbol,
            kind=order.kind,
            side=order.side,
            qty=event.qty,
            price=event.price,
            fee=fee,
            client_order_id=order.client_order_id,
        )

    def _ended(self, order: Order, event: str) -> bool:
        """Take the end of an order into the book; return whether it is one that should not have happened."""
        i = self._column[order.symbol]
        if self._working.pop(order.client_order_id, None) is not None:
            self._guard(order.symbol)
            if order.limit_price is not None:
                self._book.limit_kind[i] = self._book.limit_qty[i] = 0
            return event in _FAULTS and order.kind in (OrderKind.EXIT, OrderKind.HEDGE)
        if self._stops.get(order.symbol) == order.client_order_id:
            del self._stops[order.symbol]
            if event != "fill":
                self._book.stop_failures[i] += i not in self._failed  # once a bar
                self._failed.add(i)
                return True
        return False

    def not_sent(self, order: Order) -> None:
        """Note that `order` never left: nothing rests and nothing is on its way."""
        if order.kind is OrderKind.STOP:
            self._stops.pop(order.symbol, None)
            self._book.stop_live[self._column[order.symbol]] = 0
        self._ended(order, "")

    def block(self, order: Order) -> None:
        """Keep hands off the symbol of an order with an unknown fate, until an update tells it.

        Of a cancel it is the fate of the stop or the limit that is not known; both are cancelled again a bar later.
        """
        awaited = order.client_order_id
        if order.kind is OrderKind.CANCEL_STOP:
            awaited = self._cancelled_stops.get(order.symbol, awaited)
        elif order.kind is OrderKind.CANCEL:
            limits = (sent for sent in self._working.values() if sent.symbol == order.symbol)
            limit, i = next(limits, order), self._column[order.symbol]
            awaited = limit.client_order_id
            self._book.limit_kind[i], self._book.limit_qty[i] = int(limit.kind), order.side * order.qty
        self._unknown[order.symbol, order.kind] = _Doubt(order, awaited)
        self._guard(order.symbol)

    def forget_failed_stops(self) -> None:
        """Let the positions whose stops ended by themselves in this bar have others.

        Until here such a stop counts as resting, so that the next one comes a bar later.
        """
        self._book.stop_live[[i for i in self._failed if self._symbols[i] not in self._stops]] = 0
        self._failed.clear()


def _tells_fate(doubt: _Doubt, event: str) -> bool:
    """Return whether an update says where an order stands: of what is to rest that it does, of all else that it ended.

    What is being cancelled may well say once more that it rests.
    """
    rests = doubt.sent.kind is OrderKind.STOP or doubt.sent.limit_price is not None
    return rests or event in _ENDS
