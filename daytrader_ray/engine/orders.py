"""The kernel's intents, and as orders: the same values in backtest and live."""

import datetime as dt

from daytrader_ray.domain.jit import njit_flat
from daytrader_ray.domain.trading import Order, OrderKind, Reason, client_order_id, is_urgent
from daytrader_ray.engine.values import Intents


@njit_flat
def emit(out: Intents, n: int, kind: int, i: int, side: int, qty: int, reason: int, price: float) -> int:
    """Write one intent behind the first `n`; return how many there are."""
    out.kind[n] = kind
    out.symbol[n] = i
    out.side[n] = side
    out.qty[n] = qty
    out.reason[n] = reason
    out.price[n] = price
    return n + 1


_KINDS, _REASONS = {int(kind): kind for kind in OrderKind}, {int(reason): reason for reason in Reason}


def order_of(
    run: str, date: dt.date, slot: int, symbol: str, kind: int, side: int, qty: int, reason: int, price: float
) -> Order:
    """Return one intent of the kernel as an `Order` with its client order id."""
    what, why = _KINDS[kind], _REASONS[reason]
    return Order(
        session=date,
        slot=slot,
        symbol=symbol,
        kind=what,
        side=side,
        qty=qty,
        stop_price=price if what is OrderKind.STOP else None,
        reason=why,
        limit_price=price if what in (OrderKind.ENTRY, OrderKind.EXIT) and price > 0.0 else None,
        client_order_id=client_order_id(run, date, slot, symbol, what, urgent=is_urgent(why)),
    )
