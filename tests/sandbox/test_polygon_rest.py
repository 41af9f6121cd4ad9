"""Polygon's own client reads the exchange: the same bars as the market, to the bit, in pages of any size."""

import json
import urllib.error
import urllib.request
from typing import Any

import massive
import numpy as np
import polygon
import pytest

from daytrader_ray.sandbox.market import Market

COLUMNS = ("open", "high", "low", "close", "volume", "vwap")


@pytest.fixture(scope="module", params=[polygon, massive], ids=["polygon", "massive"])
def client(request: pytest.FixtureRequest, url: str) -> Any:
    return request.param.RESTClient("K", base=url)


def aggs(client: Any, start: str | int, end: str | int, **options: object) -> list:
    return list(client.list_aggs("NVDA", 1, "minute", start, end, adjusted=False, **options))


def test_bars_are_the_markets_to_the_bit_and_quiet_minutes_are_absent(client: Any, listed: Market) -> None:
    found = aggs(client, "2025-11-20", "2025-12-31", limit=50_000)
    at = 0
    for session, day in enumerate(listed.grid.sessions):
        bars = listed.bars("NVDA", session)
        on = np.flatnonzero(bars.traded)
        rows, at = found[at : at + len(on)], at + len(on)
        assert [row.timestamp for row in rows] == [(day.open_minute + slot) * 60_000 for slot in on]
        for column in COLUMNS:
            assert [getattr(row, column) for row in rows] == getattr(bars, column)[on].tolist()
    assert at == len(found)
    assert not all(listed.bars("NVDA", session).traded.all() for session in range(8))


@pytest.mark.parametrize("limit", [1, 100, 389, 390, 391])
def test_pages_join_without_a_seam(client: Any, limit: int) -> None:
    whole = aggs(client, "2025-11-20", "2025-11-21", limit=50_000)
    if limit == 1:
        whole = whole[:4]
        assert aggs(client, whole[0].timestamp, whole[-1].timestamp, limit=1) == whole
    else:
        assert aggs(client, "2025-11-20", "2025-11-21", limit=limit) == whole
        assert aggs(client, "2025-11-20", "2025-11-21", limit=limit, sort="desc") == whole[::-1]


def test_a_day_without_a_session_has_no_results(client: Any) -> None:
    assert aggs(client, "2025-11-27", "2025-11-27") == []
    assert aggs(client, "2020-01-01", "2020-12-31") == []


def test_nonsense_is_refused_by_name(client: Any) -> None:
    with pytest.raises(Exception, match="YYYY-MM-DD"):
        aggs(client, "yesterday", "2025-11-21")
    with pytest.raises(Exception, match="limit must be 1 to 50000"):
        aggs(client, "2025-11-20", "2025-11-21", limit=60_000)
    with pytest.raises(Exception, match="Ticker not found"):
        client.get_ticker_details("nvda")


def test_details_and_market_status_have_their_values(client: Any) -> None:
    assert client.get_ticker_details("SPY").type == "ETF"
    details = client.get_ticker_details("NVDA")
    assert (details.ticker, details.type, details.active, details.primary_exchange) == ("NVDA", "CS", True, "XNYS")
    status = client.get_market_status()
    assert status.market in {"open", "closed", "extended-hours"} and status.exchanges.nyse == status.market
    assert status.server_time.endswith("-05:00")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v2/aggs/ticker/A/range/1/minute/2025-11-20/2025-11-20", "error"),
        ("/v1/marketstatus/now", "error"),
        ("/v3/reference/tickers/A", "error"),
        ("/v2/account", "message"),
        ("/v2/orders", "message"),
    ],
)
def test_without_a_key_every_door_is_closed(url: str, path: str, key: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url + path)
    with refused.value as answer:
        assert answer.code == 401 and json.loads(answer.read())[key]


def test_the_trades_of_a_minute_make_its_bar(client: Any, listed: Market) -> None:
    opens = listed.grid.sessions[1].open_minute
    bars = aggs(client, opens * 60_000, (opens + 4) * 60_000)
    edges = {"timestamp_gte": opens * 60_000_000_000, "timestamp_lt": (opens + 5) * 60_000_000_000}
    trades = list(client.list_trades("NVDA", order="asc", limit=50_000, **edges))
    for bar in bars:
        mine = [trade for trade in trades if trade.sip_timestamp // 60_000_000_000 * 60_000 == bar.timestamp]
        prices = [trade.price for trade in mine]
        assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
        assert (sum(trade.size for trade in mine), len(mine)) == (bar.volume, bar.transactions)
