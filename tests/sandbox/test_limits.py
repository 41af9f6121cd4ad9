"""What the exchange does with resting limits, bar by bar."""

from decimal import Decimal

import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.orders import OrderRequest, Refusal, VenueOrder
from tests.sandbox.test_matching import Bars


@pytest.fixture
def market() -> Bars:
    return Bars()


@pytest.fixture
def venue(market: Bars) -> Exchange:
    exchange = Exchange(SandboxConfig(), CostConfig(), market)
    exchange.begin(4)
    return exchange


def limit(venue: Exchange, price: str, qty: int = 300, side: int = 1, symbol: str = "AAPL") -> VenueOrder:
    name = f"{len(venue.orders)}-entry"
    order = venue.submit(OrderRequest(name, symbol, side, qty, "limit", "day", None, Decimal(price)))
    assert isinstance(order, VenueOrder)
    return order


def play(venue: Exchange, slot: int) -> list[tuple[str, str]]:
    """Play one bar and return what happened in it: event and quantity."""
    venue.updates.clear()
    venue.match_open(slot)
    venue.match_inside(slot)
    venue.close_bar(slot)
    return [(update["event"], update.get("qty", "")) for update in venue.updates]


def test_a_limit_fills_once_a_bar_and_rests_until_it_is_canceled(venue: Exchange, market: Bars) -> None:
    market.set(3, open=99.0, low=98.0)
    order = limit(venue, "99.50")
    assert play(venue, 2) == []
    assert play(venue, 3) == [("partial_fill", "200")]
    assert order.status == "partially_filled" and order.body()["limit_price"] == "99.5"
    assert venue.cancel(order.id) is None
    assert venue.updates[-1]["event"] == "canceled" and play(venue, 4) == []
    assert venue.account.held("AAPL") == 200


def test_what_rests_on_may_fill_in_the_next_bar_again(venue: Exchange, market: Bars) -> None:
    for slot in (2, 3):
        market.set(slot, low=98.0)
    order = limit(venue, "99.50")
    assert play(venue, 2) == [("partial_fill", "200")]
    assert play(venue, 3) == [("fill", "100")]
    refusal = venue.cancel(order.id)
    assert isinstance(refusal, Refusal) and refusal.message == 'order is already in "filled" state'


def test_inside_a_bar_stops_come_before_limits_and_both_by_symbol(venue: Exchange, market: Bars) -> None:
    market.set(3, low=98.0)
    for symbol in ("MSFT", "AAPL"):
        limit(venue, "101.00", qty=10, symbol=symbol)
    play(venue, 2)
    limit(venue, "99.50", qty=10, symbol="IBM")
    for symbol in ("MSFT", "AAPL"):
        stop = OrderRequest(f"{symbol}-stop", symbol, -1, 10, "stop", "day", Decimal("99.00"))
        assert isinstance(venue.submit(stop), VenueOrder)
    play(venue, 3)
    filled = [update["order"]["symbol"] for update in venue.updates if update["event"] == "fill"]
    assert filled == ["AAPL", "MSFT", "IBM"]


def test_a_limit_that_nobody_cancels_ends_with_the_day(venue: Exchange) -> None:
    order = limit(venue, "50.00")
    play(venue, 2)
    venue.expire()
    assert order.status == "expired"
