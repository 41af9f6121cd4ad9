"""Trades: closed round trips, put together from fills."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase, Reason


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from first to last fill: `pnl_usd` is net of spread, impact and `fees_usd`; `qty` shares entered.

    `hedge` is one in a hedge instrument; `carried` one that a halt kept through a close: `session` and `entry_slot` are
    those of its entry, `exit_slot` of a later session. The fraction of a share that a split then pays out is cash and
    part of no trade. Of what was entered before the first session (`carried_fill`) the result counts from its mark at
    the open of that session.
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


def carried_fill(session: dt.date, symbol: str, qty: int, mark: float) -> Fill:
    """Return a position of `qty` signed shares that a session began with as a fill at its mark, of no order."""
    return Fill(session, 0, Phase.OPEN, symbol, OrderKind.ENTRY, 1 if qty > 0 else -1, abs(qty), mark, 0.0, "")


def legs_of(fills: Sequence[Fill]) -> list[list[int]]:
    """Return the numbers of the fills of each closed round trip, in the order in which they closed.

    A round trip lasts from a flat position to the next one, however often it grows and shrinks between. What a halt has
    carried into another session is sold in one piece, whatever a split has made of its number of shares. The exit of a
    position that these fills did not open is part of none.
    """
    book: dict[str, list[int]] = {}
    left: dict[str, int] = {}
    closed: list[list[int]] = []
    for k, fill in enumerate(fills):
        if fill.symbol not in book:
            if fill.kind in (OrderKind.EXIT, OrderKind.STOP):
                continue
            book[fill.symbol], left[fill.symbol] = [], 0
        legs = book[fill.symbol]
        legs.append(k)
        first = fills[legs[0]]
        left[fill.symbol] += fill.side * first.side * fill.qty
        if fill.side != first.side and (left[fill.symbol] <= 0 or fill.session != first.session):
            closed.append(book.pop(fill.symbol))
    return closed


def round_trips(fills: Sequence[Fill], orders: Sequence[Order] = (), hedges: Collection[str] = ()) -> tuple[Trade, ...]:
    """Return the closed round trips in the order in which they closed; `orders` tell why each was sold."""
    why = {order.client_order_id: order.reason for order in orders}
    return tuple(_trade([fills[k] for k in legs], why, hedges) for legs in legs_of(fills))


def _trade(legs: Sequence[Fill], why: Mapping[str, Reason], hedges: Collection[str]) -> Trade:
    first, last = legs[0], legs[-1]
    entered, left = (sum(leg.qty for leg in legs if (leg.side == first.side) is same) for same in (True, False))
    paid, got = (sum(leg.qty * leg.price for leg in legs if (leg.side == first.side) is same) for same in (True, False))
    fees = sum(leg.fee for leg in legs)
    return Trade(
        session=first.session,
        symbol=first.symbol,
        side=first.side,
        qty=entered,
        entry_slot=first.slot,
        exit_slot=last.slot,
        entry_price=paid / entered,
        exit_price=got / left,
        fees_usd=fees,
        pnl_usd=first.side * (got - paid) - fees,
        reason=Reason.STOP if last.kind is OrderKind.STOP else why.get(last.client_order_id, Reason.NONE),
        hedge=first.symbol in hedges,
        carried=last.session != first.session or not first.client_order_id,
    )
