"""What an order of ours is called at the venue: type, side, time in force and price as Alpaca names them."""

from typing import Any

from daytrader_ray.domain.trading import Order, OrderKind


def request_values(order: Order) -> dict[str, Any]:
    """Return the fields of the venue's order request.

    A STOP is a stop order for the day, what has a limit price a limit order for the day, all else a market order,
    immediate-or-cancel. CANCEL_STOP and CANCEL ask for no order and raise `ValueError`.
    """
    if order.kind in (OrderKind.CANCEL_STOP, OrderKind.CANCEL):
        raise ValueError(f"{order.client_order_id} cancels an order and is none")
    if order.qty <= 0:
        raise ValueError(f"{order.client_order_id}: quantity must be positive, found {order.qty}")
    values: dict[str, Any] = {
        "symbol": order.symbol,
        "qty": order.qty,
        "side": "buy" if order.side > 0 else "sell",
        "type": "market",
        "time_in_force": "ioc",
        "client_order_id": order.client_order_id,
    }
    if order.kind is OrderKind.STOP:
        values |= {"type": "stop", "time_in_force": "day", "stop_price": _price(order, order.stop_price)}
    elif order.limit_price is not None:
        values |= {"type": "limit", "time_in_force": "day", "limit_price": _price(order, order.limit_price)}
    return values


def _price(order: Order, price: float | None) -> float:
    """Return a price in the venue's steps: 0.01 USD, or 0.0001 below 1 USD."""
    if price is None or not price > 0:
        raise ValueError(f"{order.client_order_id}: {order.kind.name} needs a positive price, found {price}")
    return round(price, 2 if price >= 1 else 4)
