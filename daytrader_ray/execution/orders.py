"""What an order of ours is called at the venue: type, side, time in force and price as Alpaca names them."""

from typing import Any

from daytrader_ray.domain.trading import Order, OrderKind


def request_values(order: Order) -> dict[str, Any]:
    """Return the fields of the venue's order request.

    ENTRY and EXIT are market orders, immediate-or-cancel; STOP is a stop order for the day. CANCEL_STOP asks for no
    order and raises `ValueError`.
    """
    if order.kind is OrderKind.CANCEL_STOP:
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
        values |= {"type": "stop", "time_in_force": "day", "stop_price": stop_price(order)}
    return values


def stop_price(order: Order) -> float:
    """Return the stop in the venue's price steps: 0.01 USD, or 0.0001 below 1 USD.

    >>> import datetime as dt
    >>> from daytrader_ray.domain.trading import Reason
    >>> stop_price(Order(dt.date(2025, 12, 2), 3, "A", OrderKind.STOP, -1, 5, 99.12, Reason.PROTECT, "i"))
    99.12
    """
    if order.stop_price is None or not order.stop_price > 0:
        raise ValueError(f"{order.client_order_id}: a stop needs a positive price, found {order.stop_price}")
    return round(order.stop_price, 2 if order.stop_price >= 1 else 4)
