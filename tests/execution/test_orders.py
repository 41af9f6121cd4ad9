import datetime as dt

import pytest

from daytrader_ray.domain.trading import Order, OrderKind, Reason
from daytrader_ray.execution.orders import request_values

DAY = dt.date(2025, 12, 2)


def order(kind, side=1, qty=10, stop=None, limit=None):
    return Order(DAY, 4, "AAPL", kind, side, qty, stop, Reason.SIGNAL, "run-1", limit)


@pytest.mark.parametrize(
    ("kind", "side", "word"), [(OrderKind.ENTRY, 1, "buy"), (OrderKind.EXIT, -1, "sell"), (OrderKind.HEDGE, 1, "buy")]
)
def test_without_a_limit_all_but_stops_are_market_orders_immediate_or_cancel(kind, side, word):
    assert request_values(order(kind, side)) == {
        "symbol": "AAPL",
        "qty": 10,
        "side": word,
        "type": "market",
        "time_in_force": "ioc",
        "client_order_id": "run-1",
    }


def test_a_stop_rests_for_the_day_at_its_price():
    values = request_values(order(OrderKind.STOP, -1, stop=101.27))
    assert (values["type"], values["time_in_force"], values["stop_price"]) == ("stop", "day", 101.27)


def test_a_stop_below_one_dollar_keeps_four_decimals():
    assert request_values(order(OrderKind.STOP, -1, stop=0.98765))["stop_price"] == 0.9877


@pytest.mark.parametrize("kind", [OrderKind.ENTRY, OrderKind.EXIT])
def test_what_has_a_limit_rests_for_the_day_at_it(kind):
    values = request_values(order(kind, limit=101.27))
    assert (values["type"], values["time_in_force"], values["limit_price"]) == ("limit", "day", 101.27)
    assert request_values(order(kind, limit=0.98765))["limit_price"] == 0.9877


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (order(OrderKind.CANCEL_STOP), "cancels an order"),
        (order(OrderKind.CANCEL), "cancels an order"),
        (order(OrderKind.ENTRY, limit=0.0), "ENTRY needs a positive price"),
        (order(OrderKind.ENTRY, qty=0), "quantity must be positive"),
        (order(OrderKind.STOP, stop=None), "needs a positive price"),
        (order(OrderKind.STOP, stop=float("nan")), "needs a positive price"),
    ],
)
def test_what_is_no_order_is_refused_by_name(bad, message):
    with pytest.raises(ValueError, match=message):
        request_values(bad)
