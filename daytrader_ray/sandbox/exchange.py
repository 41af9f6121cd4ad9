"""The exchange itself: its time, its order book and one account. No sockets here; what happened waits in `updates`."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import DataError
from daytrader_ray.sandbox.account import Account
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.matching import PRICE_STEP, Execution, Matcher, rounded
from daytrader_ray.sandbox.orders import NAMESPACE, OrderRequest, Refusal, VenueOrder
from daytrader_ray.sandbox.source import MarketSource

SECOND_HALF = dt.timedelta(seconds=30)
"""Resting orders are matched this long after the open of their bar."""


class Exchange:
    """One account on a market.

    Time stands at the close of the market's last session until a rehearsal begins a session; `updates` collects
    trade updates (JSON of Alpaca's `trade_updates` data) until they are sent.
    """

    def __init__(self, config: SandboxConfig, costs: CostConfig, market: MarketSource) -> None:
        self.config = config
        self.market = market
        self.updates: list[dict[str, Any]] = []
        self._costs = costs
        self._held = False
        self._reset(len(market.grid.sessions) - 1)
        self.now = moment(self.day.close_minute)
        self.bars_sent = self.day.n_minutes

    def _reset(self, session: int) -> None:
        self.session = session
        self.day = self.market.grid.sessions[session]
        self.matcher = Matcher(self.market, self._costs, session)
        self.account = Account(Decimal(repr(self.config.cash)), self.mark)
        self.orders: dict[str, VenueOrder] = {}
        self.ids: dict[str, str] = {}
        """Order id by client_order_id."""
        self.updates.clear()
        self._marks: dict[str, Decimal] = {}
        self._resting: dict[str, VenueOrder] = {}
        self.now = moment(self.day.open_minute)
        self.bars_sent = 0

    def session_of(self, date: str) -> int:
        """Return the number of the session of an ISO date; a `DataError` where there is none."""
        try:
            return self.market.grid.index_of(dt.date.fromisoformat(date))
        except ValueError:
            raise DataError(f"expected session=YYYY-MM-DD, found {date!r}") from None

    def begin(self, session: int, start: int = 0) -> None:
        """Start a session at minute `start` (below 0: before the open) with a fresh account and an empty book."""
        self._reset(session)
        self.now = moment(self.day.open_minute + start)
        self.bars_sent = max(start, 0)

    def hold(self) -> bool:
        """Take the clock; False while somebody else has it."""
        free, self._held = not self._held, True
        return free

    def release(self) -> None:
        """Give the clock back."""
        self._held = False

    @property
    def is_open(self) -> bool:
        """Return whether the regular session is on."""
        return moment(self.day.open_minute) <= self.now < moment(self.day.close_minute)

    def mark(self, symbol: str) -> Decimal:
        """Return the last close that was sent: of this session, else of an earlier one, else the symbol's level."""
        if symbol not in self._marks:
            self._marks[symbol] = self._last_close(symbol)
        return self._marks[symbol]

    def _last_close(self, symbol: str) -> Decimal:
        close = self.matcher.last_close(symbol, self.bars_sent)
        return self.close_before(symbol) if close is None else close

    def close_before(self, symbol: str) -> Decimal:
        """Return the last close before this session in today's shares; the symbol's level where there is none."""
        for session in range(self.session - 1, -1, -1):
            bars, date = self.market.bars(symbol, session), self.market.grid.sessions[session].date
            if bars.traded.any():
                close = Decimal(repr(float(bars.close[bars.traded][-1])))
                for split in self.market.splits(symbol):
                    close *= Decimal(split.old) / split.new if date < split.date <= self.day.date else 1
                return rounded(close, PRICE_STEP)
        return Decimal(repr(self.market.traits(symbol).price))

    def match_open(self, slot: int, now: dt.datetime | None = None) -> None:
        """Phase A: market and limit orders meet the open of bar `slot` in their order of arrival, each of them once.

        `now` is the exchange's time where that is later than the open.
        """
        self.now = now or moment(self.day.open_minute + slot)
        for order in [o for o in self._resting.values() if o.request.stop_price is None and o.tried < slot]:
            order.tried = slot
            self._fill(order, self._at_open(order, slot), slot)
            if order.is_open and order.request.time_in_force == "ioc":
                self._end(order, "canceled")

    def _at_open(self, order: VenueOrder, slot: int) -> Execution | None:
        asked = order.request
        if asked.limit_price is not None:
            return self.matcher.fill_limit_at_open(asked.symbol, asked.side, order.rest, asked.limit_price, slot)
        return self.matcher.fill_at_open(asked.client_order_id, asked.symbol, asked.side, order.rest, slot)

    def match_inside(self, slot: int) -> None:
        """Phase B: inside bar `slot` first resting stops, then limits that have not filled in it, by symbol."""
        self.now = moment(self.day.open_minute + slot) + SECOND_HALF
        for order in self._by_symbol("stop"):
            asked = order.request
            assert asked.stop_price is not None
            self._fill(
                order, self.matcher.fill_stop(asked.symbol, asked.side, order.rest, asked.stop_price, slot), slot
            )
        for order in self._by_symbol("limit"):
            asked = order.request
            assert asked.limit_price is not None
            if order.filled_in < slot:
                fill = self.matcher.fill_limit_inside(asked.symbol, asked.side, order.rest, asked.limit_price, slot)
                self._fill(order, fill, slot)

    def _by_symbol(self, order_type: str) -> list[VenueOrder]:
        return sorted(
            (o for o in self._resting.values() if o.request.type == order_type), key=lambda o: o.request.symbol
        )

    def close_bar(self, slot: int) -> None:
        """Phase C: bar `slot` is over and its close is known."""
        self.now = moment(self.day.open_minute + slot + 1)
        self.bars_sent = slot + 1
        self._marks.clear()

    def expire(self) -> None:
        """After the close: day orders end."""
        for order in list(self._resting.values()):
            self._end(order, "expired")

    def submit(self, asked: OrderRequest) -> VenueOrder | Refusal:
        """Take a new order into the book."""
        refusal = self._refuse(asked)
        if refusal is not None:
            return refusal
        stamp = self.stamp()
        order_id = str(uuid.uuid5(NAMESPACE, f"order/{self.day.date}/{asked.client_order_id}"))
        expires = stamp_of(moment(self.day.close_minute))
        order = VenueOrder(order_id, asked, self._intent(asked), expires, stamp, stamp)
        self.orders[order_id] = self._resting[order_id] = order
        self.ids[asked.client_order_id] = order_id
        self._update("new", order)
        return order

    def cancel(self, order_id: str) -> Refusal | None:
        """Take an order out of the book at once; a refusal where there is none to take."""
        order = self.orders.get(order_id)
        if order is None:
            return Refusal(404, 40410000, f"order not found for {order_id}")
        if not order.is_open:
            return Refusal(422, 42210000, f'order is already in "{order.status}" state')
        self._end(order, "canceled")
        return None

    def stamp(self) -> str:
        """Return the exchange's time in RFC 3339."""
        return stamp_of(self.now)

    def held_for_orders(self, symbol: str) -> int:
        """Return the shares of a position that open orders of the other side already claim."""
        side = -1 if self.account.held(symbol) > 0 else 1
        resting = (o for o in self._resting.values() if o.request.symbol == symbol and o.request.side == side)
        return sum(order.rest for order in resting)

    def _refuse(self, asked: OrderRequest) -> Refusal | None:
        try:
            listing = self.market.listed(asked.symbol)
        except DataError:
            return Refusal(422, 42210000, f'asset "{asked.symbol}" not found')
        if not listing.listed <= self.day.date <= (listing.delisted or self.day.date):
            return Refusal(422, 42210000, f'asset "{asked.symbol}" is not active')
        if asked.client_order_id in self.ids:
            return Refusal(422, 40010001, "client_order_id must be unique")
        held = self.account.held(asked.symbol)
        if held * asked.side < 0:
            return self._refuse_reducing(asked, held)
        if asked.side < 0 and not self.easy_to_borrow(asked.symbol):
            return Refusal(422, 42210000, f'asset "{asked.symbol}" cannot be sold short')
        cost, power = self._cost(asked, asked.qty), self.buying_power
        if cost > power:
            extras = {"buying_power": f"{power:.2f}", "cost_basis": f"{cost:.2f}"}
            return Refusal(403, 40310000, "insufficient buying power", extras)
        return None

    @property
    def buying_power(self) -> Decimal:
        """USD for which positions may still be opened, beside what open orders may open."""
        opening = (o for o in self._resting.values() if o.intent.endswith("open"))
        reserved = sum((self._cost(o.request, o.rest) for o in opening), Decimal())
        return max(self.account.buying_power - reserved, Decimal())

    def _cost(self, asked: OrderRequest, qty: int) -> Decimal:
        return qty * (asked.limit_price or self.mark(asked.symbol))

    def easy_to_borrow(self, symbol: str) -> bool:
        """Return whether `symbol` may be sold short."""
        return symbol not in self.config.hard_to_borrow

    def _refuse_reducing(self, asked: OrderRequest, held: int) -> Refusal | None:
        claimed = self.held_for_orders(asked.symbol)
        available = abs(held) - claimed
        if asked.qty <= available:
            return None
        extras = {
            "available": str(available),
            "existing_qty": str(held),
            "held_for_orders": str(claimed),
            "symbol": asked.symbol,
        }
        message = f"insufficient qty available for order (requested: {asked.qty}, available: {available})"
        return Refusal(403, 40310000, message, extras)

    def _intent(self, asked: OrderRequest) -> str:
        closes = self.account.held(asked.symbol) * asked.side < 0
        return f"{'buy' if asked.side > 0 else 'sell'}_to_{'close' if closes else 'open'}"

    def _fill(self, order: VenueOrder, fill: Execution | None, slot: int) -> None:
        if fill is None:
            return
        asked, order.filled_in = order.request, slot
        order.filled_qty += fill.qty
        order.filled_value += fill.qty * fill.price
        order.updated_at = self.stamp()
        order.status = "filled" if order.rest == 0 else "partially_filled"
        position = self.account.execute(asked.symbol, asked.side, fill.qty, fill.price, fill.fee)
        if order.rest == 0:
            order.ended_at = order.updated_at
            del self._resting[order.id]
        self._update(
            "fill" if order.rest == 0 else "partial_fill",
            order,
            execution_id=str(uuid.uuid5(NAMESPACE, f"execution/{order.id}/{order.filled_qty}")),
            price=str(fill.price),
            qty=str(fill.qty),
            position_qty=str(position),
        )

    def _end(self, order: VenueOrder, status: str) -> None:
        order.status = status
        order.updated_at = order.ended_at = self.stamp()
        del self._resting[order.id]
        self._update(status, order)

    def _update(self, event: str, order: VenueOrder, **execution: str) -> None:
        self.updates.append({"event": event, "timestamp": self.stamp(), **execution, "order": order.body()})


def moment(minute: int) -> dt.datetime:
    """Return the time of an epoch minute."""
    return dt.datetime.fromtimestamp(minute * 60, tz=dt.UTC)


def stamp_of(time: dt.datetime) -> str:
    """Write a UTC time in RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
