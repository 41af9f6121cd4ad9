"""Trades: closed round trips, put together from fills."""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from daytrader_ray.domain.trading import Fill, Order, OrderKind, Reason


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from first to last fill: `pnl_usd` is net of spread, impact and `fees_usd`; `qty` shares entered.

    `hedge` is one in a hedge instrument; `carried` one that a halt kept through a close: `session` and `entry_slot` are
    those of its entry, `exit_slot` of a later session.
    """

    session: dt.date
    symbol: str
    side: int
    qty: int
    entry_slot: int
    exit_slot: int
    entry_price: float
    exit_price: float
    fees_usd: float
    pnl_usd: float
    reason: Reason
    hedge: bool = False
    carried: bool = False


@dataclass(slots=True)
class _Open:
    session: dt.date
    side: int
    slot: int
    entered: int = 0
    left: int = 0
    paid: float = 0.0
    received: float = 0.0
    fees: float = 0.0


def round_trips(fills: Iterable[Fill], orders: Sequence[Order] = (), hedges: Collection[str] = ()) -> tuple[Trade, ...]:
    """Return the closed round trips in the order in which they closed; `orders` tell why each was sold.

    A round trip lasts from a flat position to the next one, however often it grows and shrinks between. What a halt has
    carried into another session is sold in one piece, whatever a split has made of its number of shares.
    """
    why = {order.client_order_id: order.reason for order in orders}
    book: dict[str, _Open] = {}
    trades: list[Trade] = []
    for fill in fills:
        here = book.setdefault(fill.symbol, _Open(fill.session, fill.side, fill.slot))
        here.fees += fill.fee
        if fill.side == here.side:
            here.entered += fill.qty
            here.paid += fill.qty * fill.price
            continue
        here.left += fill.qty
        here.received += fill.qty * fill.price
        if here.left < here.entered and fill.session == here.session:
            continue
        reason = Reason.STOP if fill.kind is OrderKind.STOP else why.get(fill.client_order_id, Reason.NONE)
        trades.append(_closed(fill, here, reason, fill.symbol in hedges))
        del book[fill.symbol]
    return tuple(trades)


def _closed(last: Fill, trip: _Open, reason: Reason, hedge: bool) -> Trade:
    return Trade(
        session=trip.session,
        symbol=last.symbol,
        side=trip.side,
        qty=trip.entered,
        entry_slot=trip.slot,
        exit_slot=last.slot,
        entry_price=trip.paid / trip.entered,
        exit_price=trip.received / trip.left,
        fees_usd=trip.fees,
        pnl_usd=trip.side * (trip.received - trip.paid) - trip.fees,
        reason=reason,
        hedge=hedge,
        carried=last.session != trip.session,
    )
