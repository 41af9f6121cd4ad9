"""Trades and quotes in pages of any size and either order, by both of the vendor's clients."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import massive
import numpy as np
import polygon
import pytest

from daytrader_ray.market_data.ticks import IN_SHARES_SINCE_NS, shares_quoted
from daytrader_ray.sandbox.exchange import Exchange, moment
from daytrader_ray.sandbox.polygon_rest import PolygonRest
from daytrader_ray.sandbox.polygon_ticks import units_quoted
from tests.sandbox.fake_market import GRID, fake_exchange, serving

OPEN_NS = GRID.sessions[1].open_minute * 60_000_000_000
MINUTE_NS = 60_000_000_000
DAY = "2025-11-21"


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


def test_a_minutes_trades_have_their_values(client: Any) -> None:
    found = list(
        client.list_trades("FFF", timestamp_gte=OPEN_NS, timestamp_lt=OPEN_NS + MINUTE_NS, order="asc", limit=100)
    )
    assert [trade.price for trade in found] == [51.0, 51.03, 50.99, 51.01]
    assert [trade.size for trade in found] == [70, 10, 10, 10]
    assert [trade.sip_timestamp - OPEN_NS for trade in found] == [1, 5, 5, 59_000_000_000]
    assert [trade.sequence_number for trade in found] == [0, 1, 2, 3]
    assert [trade.id for trade in found] == ["0", "1", "2", "3"]
    assert found[0].participant_timestamp == OPEN_NS + 1 and (found[0].exchange, found[0].tape) == (11, 1)


def test_a_minutes_quotes_have_their_values(client: Any) -> None:
    found = list(client.list_quotes("FFF", timestamp_gte=OPEN_NS, timestamp_lt=OPEN_NS + MINUTE_NS, order="asc"))
    assert [(quote.bid_price, quote.ask_price) for quote in found] == [(50.99, 51.01), (51.01, 51.03)]
    assert [(quote.bid_size, quote.ask_size) for quote in found] == [(100, 200), (200, 300)]
    assert [quote.sip_timestamp - OPEN_NS for quote in found] == [0, 30_000_000_000]
    assert (found[0].bid_exchange, found[0].ask_exchange, found[0].conditions, found[0].tape) == (11, 12, [1], 1)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 50, 777])
def test_pages_join_without_a_seam_though_stamps_repeat(client: Any, order: str, limit: int) -> None:
    if limit < 5:
        edges = {"timestamp_gte": OPEN_NS + MINUTE_NS, "timestamp_lte": OPEN_NS + 5 * MINUTE_NS}
    else:
        edges = {"timestamp_gte": "2025-11-21", "timestamp_lte": "2025-11-24"}
    whole = list(client.list_trades("FFF", order="asc", limit=50_000, **edges))
    assert len(whole) == (3 * 4 if limit < 5 else 2 * 389 * 4)
    found = list(client.list_trades("FFF", order=order, limit=limit, **edges))
    assert found == (whole if order == "asc" else whole[::-1])


def test_the_newest_come_first_where_no_order_is_asked_for(client: Any) -> None:
    found = next(iter(client.list_quotes("FFF", limit=1)))
    assert found.sip_timestamp == (GRID.sessions[-1].close_minute - 1) * MINUTE_NS + 30_000_000_000


@pytest.mark.parametrize(
    ("options", "n"),
    [
        ({"timestamp": DAY}, 389 * 2),
        ({"timestamp": OPEN_NS}, 1),
        ({"timestamp_gte": DAY, "timestamp_lt": "2025-11-22"}, 389 * 2),
        ({"timestamp_gt": DAY, "timestamp_lte": "2025-11-24"}, 389 * 2),
        ({"timestamp_gt": OPEN_NS, "timestamp_lt": OPEN_NS + MINUTE_NS}, 1),
        ({"timestamp_gte": dt.datetime(2025, 11, 21, 14, 30, tzinfo=dt.UTC), "timestamp_lt": OPEN_NS + MINUTE_NS}, 2),
        ({"timestamp": "2025-11-27"}, 0),
    ],
)
def test_a_range_is_in_nanoseconds_or_days_of_new_york(client: Any, options: dict[str, Any], n: int) -> None:
    assert len(list(client.list_quotes("FFF", limit=50_000, **options))) == n


def test_the_last_trade_and_quote_are_those_of_the_last_minute_over(client: Any, exchange: Exchange) -> None:
    now = exchange.now
    try:
        exchange.now = moment(GRID.sessions[1].open_minute + 2)
        trade, quote = client.get_last_trade("FFF"), client.get_last_quote("FFF")
    finally:
        exchange.now = now
    assert (trade.ticker, trade.price, trade.size, trade.id) == ("FFF", 51.02, 10, "100003")
    assert trade.sip_timestamp == trade.participant_timestamp == OPEN_NS + MINUTE_NS + 59_000_000_000
    assert (trade.exchange, trade.tape, trade.sequence_number) == (11, 1, 100_003)
    assert (quote.ticker, quote.bid_price, quote.ask_price) == ("FFF", 51.02, 51.04)
    assert (quote.bid_size, quote.ask_size, quote.bid_exchange, quote.ask_exchange) == (200, 300, 11, 12)
    assert quote.sip_timestamp == OPEN_NS + MINUTE_NS + 30_000_000_000


def test_nobody_has_ticks_who_does_not_trade(client: Any) -> None:
    assert list(client.list_trades("ZZZ", timestamp=DAY)) == [] == list(client.list_quotes("NEW", timestamp=DAY))
    for symbol in ("ZZZ", "OLD", "I:VIX"):
        with pytest.raises(Exception, match="Ticker not found"):
            client.get_last_trade(symbol)


@pytest.mark.parametrize("options", [{"timestamp": "noon"}, {"limit": 60_000}, {"order": "up"}])
def test_nonsense_is_refused(client: Any, options: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"expected a date|limit must be|order must be"):
        list(client.list_trades("FFF", **options))


def test_sizes_were_told_in_round_lots_until_november_2025() -> None:
    stamps = np.array([IN_SHARES_SINCE_NS - 1, IN_SHARES_SINCE_NS])
    told = units_quoted(np.array([200.0, 200.0]), stamps)
    assert told.tolist() == [2.0, 200.0]
    assert shares_quoted(told, stamps).tolist() == [200.0, 200.0]
    assert dt.datetime.fromtimestamp(IN_SHARES_SINCE_NS / 1e9, ZoneInfo("America/New_York")).isoformat() == (
        "2025-11-03T00:00:00-05:00"
    )
