"""Alpaca's own client trades on the exchange between sessions: orders rest, are found, refused and canceled."""

import itertools
from decimal import Decimal

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus, OrderType, QueryOrderStatus, TimeInForce
from alpaca.trading.models import Order
from alpaca.trading.requests import GetOrdersRequest, LimitOrderRequest, MarketOrderRequest, StopOrderRequest

numbers = itertools.count()


@pytest.fixture(scope="module")
def client(url: str) -> TradingClient:
    return TradingClient("K", "S", paper=True, url_override=url)


def new_id() -> str:
    return f"t-{next(numbers)}-entry"


def market(symbol: str = "NVDA", qty: float = 5, client_id: str | None = None) -> MarketOrderRequest:
    side, tif = OrderSide.BUY, TimeInForce.IOC
    return MarketOrderRequest(
        symbol=symbol, qty=qty, side=side, time_in_force=tif, client_order_id=client_id or new_id()
    )


def stop(price: float) -> StopOrderRequest:
    return StopOrderRequest(
        symbol="NVDA",
        qty=5,
        side=OrderSide.SELL,
        time_in_force=TimeInForce.DAY,
        stop_price=price,
        client_order_id=new_id(),
    )


def limit(price: float, side: OrderSide = OrderSide.BUY, qty: int = 5, symbol: str = "NVDA") -> LimitOrderRequest:
    day, name = TimeInForce.DAY, new_id()
    return LimitOrderRequest(
        symbol=symbol, qty=qty, side=side, time_in_force=day, limit_price=price, client_order_id=name
    )


def refusal(client: TradingClient, request: object) -> tuple[int, int, str]:
    with pytest.raises(APIError) as error:
        client.submit_order(request)
    return error.value.status_code, error.value.code, error.value.message


def test_a_new_order_is_kept_and_found_by_both_ids(client: TradingClient) -> None:
    order = client.submit_order(market())
    assert isinstance(order, Order)
    assert (order.status, order.qty, order.filled_qty, order.side) == (OrderStatus.NEW, "5", "0", OrderSide.BUY)
    assert client.get_order_by_id(order.id) == order
    assert client.get_order_by_client_id(order.client_order_id) == order
    assert order in client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, symbols=["NVDA"]))
    assert client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, limit=1)) == [order]
    assert order not in client.get_orders(GetOrdersRequest(side=OrderSide.SELL))


def test_a_resting_stop_is_canceled_at_once_and_only_once(client: TradingClient) -> None:
    order = client.submit_order(stop(99.5))
    assert isinstance(order, Order) and order.stop_price == "99.5"
    client.cancel_order_by_id(order.id)
    after = client.get_order_by_id(order.id)
    assert isinstance(after, Order) and after.status is OrderStatus.CANCELED and after.canceled_at is not None
    with pytest.raises(APIError, match='already in \\\\"canceled\\\\" state') as error:
        client.cancel_order_by_id(order.id)
    assert error.value.status_code == 422


def test_a_limit_rests_with_its_price_reserves_buying_power_and_frees_it_when_canceled(client: TradingClient) -> None:
    before = Decimal(client.get_account().buying_power or "0")
    order = client.submit_order(limit(9.5, qty=100))
    assert isinstance(order, Order)
    assert (order.type, order.time_in_force, order.limit_price) == (OrderType.LIMIT, TimeInForce.DAY, "9.5")
    assert Decimal(client.get_account().buying_power or "0") == before - 950
    client.cancel_order_by_id(order.id)
    assert Decimal(client.get_account().buying_power or "0") == before


def test_an_order_that_is_not_there_is_404(client: TradingClient) -> None:
    for ask in (client.get_order_by_id, client.cancel_order_by_id):
        with pytest.raises(APIError) as error:
            ask("61e69015-8549-4bfd-b9c3-01e75843f47d")
        assert (error.value.status_code, error.value.code) == (404, 40410000)
    with pytest.raises(APIError) as error:
        client.get_order_by_client_id("never-sent")
    assert error.value.status_code == 404
    with pytest.raises(APIError, match="position does not exist"):
        client.get_open_position("NVDA")


def test_the_same_client_order_id_is_refused_for_ever(client: TradingClient) -> None:
    once = market(client_id=new_id())
    client.submit_order(once)
    assert refusal(client, once) == (422, 40010001, "client_order_id must be unique")


def test_what_this_venue_does_not_do_is_refused_in_words(client: TradingClient) -> None:
    assert refusal(client, market(qty=0.5))[2] == "only whole shares are accepted here"
    assert refusal(client, market(symbol="nope"))[0] == 422
    assert refusal(client, stop(99.123))[2].startswith("invalid stop_price 99.123. sub-penny increment")
    assert refusal(client, limit(9.001))[2].startswith("invalid limit_price 9.001. sub-penny increment")
    for_long = limit(9.0).model_copy(update={"time_in_force": TimeInForce.GTC})
    assert "limit orders with time_in_force gtc are not accepted here" in refusal(client, for_long)[2]
    status, code, message = refusal(client, market(qty=100_000))
    assert (status, code, message) == (403, 40310000, "insufficient buying power")


def test_account_clock_and_asset_are_what_the_client_expects(client: TradingClient) -> None:
    account = client.get_account()
    assert (account.cash, account.equity) == ("100000", "100000")
    assert 300_000 < Decimal(account.buying_power or "0") <= 400_000
    clock = client.get_clock()
    assert clock.next_open > clock.timestamp or clock.is_open
    asset = client.get_asset("NVDA")
    assert asset.tradable and asset.easy_to_borrow and asset.symbol == "NVDA"
    listed = {asset.symbol: asset.easy_to_borrow for asset in client.get_all_assets()}
    assert listed["NVDA"] and listed["SPY"] and not listed["GME"]
    assert not any(symbol.startswith("I:") for symbol in listed)
    assert refusal(client, limit(20.0, OrderSide.SELL, symbol="GME"))[2] == 'asset "GME" cannot be sold short'
    assert client.get_all_positions() == []


def test_one_request_cancels_all_that_is_open(client: TradingClient) -> None:
    kept = [client.submit_order(limit(1.0)), client.submit_order(limit(1.5))]
    told = client.cancel_orders()
    assert {order.id for order in kept} <= {answer.id for answer in told}
    assert {answer.status for answer in told} == {200}
    assert client.get_orders() == [] and client.cancel_orders() == []
    assert client.close_all_positions(cancel_orders=True) == []
