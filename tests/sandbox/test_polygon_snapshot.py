"""Snapshots read by both of the vendor's clients: every value, as of the exchange's minute."""

from collections.abc import Iterator
from typing import Any

import massive
import polygon
import pytest

from daytrader_ray.sandbox.exchange import Exchange, moment
from daytrader_ray.sandbox.polygon_rest import PolygonRest
from tests.sandbox.fake_market import GRID, fake_exchange, serving

OPENS = GRID.sessions[3].open_minute


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return fake_exchange()


@pytest.fixture(scope="module")
def url(exchange: Exchange) -> Iterator[str]:
    with serving(PolygonRest(exchange).routes()) as address:
        yield address


@pytest.fixture(scope="module", params=[polygon, massive], ids=["polygon", "massive"])
def client(request: pytest.FixtureRequest, url: str) -> Any:
    return request.param.RESTClient("K", base=url)


@pytest.fixture(autouse=True)
def at_ten_minutes(exchange: Exchange) -> None:
    """The split day 2025-11-25, ten minutes after the open."""
    exchange.begin(3)
    exchange.now = moment(OPENS + 10)


def test_every_value_of_a_snapshot(client: Any) -> None:
    found = client.get_snapshot_ticker("stocks", "AAA")
    assert found.ticker == "AAA"
    assert (found.day.open, found.day.high, found.day.low, found.day.close) == (103.0, 103.12, 102.99, 103.1)
    assert found.day.volume == sum(range(100, 110)) - 102
    assert (found.prev_day.open, found.prev_day.close) == (101.0, 102.95)
    assert (found.min.open, found.min.close, found.min.volume) == (103.09, 103.1, 109)
    assert (found.min.timestamp, found.min.transactions) == ((OPENS + 9) * 60_000, 6)
    assert found.min.accumulated_volume == found.day.volume
    assert (found.last_trade.price, found.last_trade.size) == (103.1, 10)
    assert (found.last_quote.bid_price, found.last_quote.ask_price) == (103.1, 103.12)
    assert (found.last_quote.bid_size, found.last_quote.ask_size) == (200, 300)
    assert found.todays_change == pytest.approx(103.1 - 102.95)
    assert found.todays_change_percent == pytest.approx(100 * (103.1 / 102.95 - 1), abs=1e-6)
    assert found.updated == (OPENS + 10) * 60_000_000_000


def test_before_its_first_minute_the_day_is_empty(client: Any, exchange: Exchange) -> None:
    exchange.now = moment(OPENS)
    found = client.get_snapshot_ticker("stocks", "FFF")
    assert (found.day.close, found.day.volume, found.min, found.todays_change) == (0, 0, None, 0)
    assert found.prev_day.open == 52.0


def test_all_are_those_that_are_listed_or_asked_for(client: Any) -> None:
    assert [one.ticker for one in client.get_snapshot_all("stocks")] == ["AAA", "FFF"]
    found = client.get_snapshot_all("stocks", tickers=["FFF", "ZZZ", "I:VIX"])
    assert [(one.ticker, one.day.open) for one in found] == [("FFF", 53.0)]


def test_movers_are_sorted_and_have_traded_enough(client: Any, exchange: Exchange) -> None:
    assert client.get_snapshot_direction("stocks", "gainers") == []
    exchange.now = moment(OPENS + 390)
    gainers = client.get_snapshot_direction("stocks", "gainers")
    assert [one.ticker for one in gainers] == ["AAA", "FFF"]
    assert gainers[0].todays_change_percent > gainers[1].todays_change_percent > 0
    assert client.get_snapshot_direction("stocks", "losers") == []


def test_the_universal_snapshot_tells_stocks_indices_and_strangers(client: Any) -> None:
    symbols = ["AAA", "I:VIX", "ZZZ"]
    stock, index, stranger = client.list_universal_snapshots(ticker_any_of=symbols)
    assert (stock.ticker, stock.type, stock.name, stock.market_status) == ("AAA", "stocks", "AAA Name", "open")
    session = stock.session
    assert (session.open, session.close, session.previous_close) == (103.0, 103.1, 102.95)
    assert session.change == pytest.approx(0.15) and session.price == 103.1 and session.volume == 943
    assert (stock.last_quote.bid, stock.last_quote.ask, stock.last_quote.midpoint) == (103.1, 103.12, 103.11)
    assert (stock.last_quote.bid_size, stock.last_quote.ask_size) == (200, 300)
    assert (stock.last_trade.price, stock.last_trade.size, stock.last_trade.exchange) == (103.1, 10, 11)
    assert stock.last_trade.sip_timestamp == (OPENS + 9) * 60_000_000_000 + 59_000_000_000
    assert (index.type, index.session.close, index.last_trade) == ("indices", 18.1, None)
    assert (stranger.ticker, stranger.error, stranger.message) == ("ZZZ", "NOT_FOUND", "Ticker not found.")


def test_universal_snapshots_come_in_pages_and_by_type(client: Any) -> None:
    assert [one.ticker for one in client.list_universal_snapshots(type="indices")] == ["I:VIX"]
    assert [one.ticker for one in client.list_universal_snapshots(limit=2)] == ["AAA", "FFF", "I:VIX", "NEW", "OLD"]
    found = client.list_universal_snapshots(ticker_gte="FFF", ticker_lt="NEW", order="desc")
    assert [one.ticker for one in found] == ["I:VIX", "FFF"]
    with pytest.raises(Exception, match="at most 250 tickers"):
        list(client.list_universal_snapshots(ticker_any_of=["A"] * 251))


def test_a_snapshot_of_an_index_has_its_value(client: Any) -> None:
    (found,) = client.get_snapshot_indices(ticker_any_of=["I:VIX"])
    assert (found.ticker, found.value, found.name, found.type) == ("I:VIX", 18.1, "I:VIX Name", "indices")
    assert (found.session.open, found.session.close, found.session.previous_close) == (18.0, 18.1, 20.9)
    assert found.session.change == pytest.approx(-2.8) and found.market_status == "open"


@pytest.mark.parametrize("symbol", ["ZZZ", "I:VIX"])
def test_nobody_has_a_snapshot_who_is_no_stock(client: Any, symbol: str) -> None:
    with pytest.raises(Exception, match="Ticker not found"):
        client.get_snapshot_ticker("stocks", symbol)
