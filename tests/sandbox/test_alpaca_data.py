"""Alpaca's own client reads bars, trades, quotes and snapshots of many symbols, in pages of any size."""

import datetime as dt
import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from alpaca.data.enums import Adjustment
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.requests import (
        StockBarsRequest,
        StockLatestBarRequest,
        StockLatestQuoteRequest,
        StockLatestTradeRequest,
        StockQuotesRequest,
        StockSnapshotRequest,
        StockTradesRequest,
    )
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from daytrader_ray.sandbox.alpaca_data import AlpacaData
from daytrader_ray.sandbox.exchange import Exchange, moment
from tests.sandbox.fake_market import GRID, fake_exchange, serving

DAY = dt.datetime(2025, 11, 21, tzinfo=dt.UTC)
END = dt.datetime(2025, 12, 4, tzinfo=dt.UTC)
OPEN = moment(GRID.sessions[1].open_minute)
HEADERS = {"APCA-API-KEY-ID": "K", "APCA-API-SECRET-KEY": "S"}
BOTH = ["FFF", "AAA"]


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return fake_exchange()


@pytest.fixture(scope="module")
def url(exchange: Exchange) -> Iterator[str]:
    with serving(AlpacaData(exchange).routes()) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> StockHistoricalDataClient:
    return StockHistoricalDataClient("K", "S", url_override=url)


def answer(url: str, path: str, **query: Any) -> Any:
    words = urllib.parse.urlencode(query)
    with urllib.request.urlopen(urllib.request.Request(f"{url}{path}?{words}", headers=HEADERS)) as response:
        return json.loads(response.read())


def bars(
    client: StockHistoricalDataClient, frame: TimeFrame = TimeFrame.Minute, **options: Any
) -> dict[str, list[Any]]:
    request = StockBarsRequest(symbol_or_symbols=BOTH, timeframe=frame, **{"start": DAY, "end": END, **options})
    return client.get_stock_bars(request).data


def test_a_minute_bar_has_its_values(client: StockHistoricalDataClient) -> None:
    first, second = bars(client)["AAA"][:2]
    assert (first.symbol, first.timestamp) == ("AAA", OPEN)
    assert (first.open, first.high, first.low, first.close) == (201.0, 201.03, 200.99, 201.01)
    assert (first.volume, first.trade_count, first.vwap) == (100, 6, 201.0071)
    assert second.timestamp == OPEN + dt.timedelta(minutes=1)


def test_many_symbols_fill_pages_together(client: StockHistoricalDataClient, url: str) -> None:
    found = bars(client)
    n_bars = sum(int(n) - 1 for n in GRID.bars_per_session[1:])
    assert {symbol: len(rows) for symbol, rows in found.items()} == {"AAA": n_bars, "FFF": n_bars}
    token, seen = "", {"AAA": 0, "FFF": 0}
    for _ in range(100):
        page = answer(
            url, "/v2/stocks/bars", symbols="FFF,AAA", timeframe="1Min", start="2025-11-21", end="2025-11-24",
            limit=300, page_token=token,
        )  # fmt: skip
        assert sum(len(rows) for rows in page["bars"].values()) <= 300
        for symbol, rows in page["bars"].items():
            seen[symbol] += len(rows)
        token = page["next_page_token"]
        if token is None:
            break
    assert seen == {"AAA": 389, "FFF": 389}


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("kind", ["trades", "quotes"])
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_of_ticks_join_without_a_seam(url: str, kind: str, limit: int, sort: str) -> None:
    query = {"symbols": "AAA,FFF", "start": OPEN.isoformat(), "end": "2025-11-21T14:34:00Z", "sort": sort}
    whole = answer(url, f"/v2/stocks/{kind}", **query)[kind]
    found: dict[str, list[Any]] = {}
    token = ""
    while token is not None:
        page = answer(url, f"/v2/stocks/{kind}", limit=limit, page_token=token, **query)
        for symbol, rows in page[kind].items():
            found.setdefault(symbol, []).extend(rows)
        token = page["next_page_token"]
    assert found == whole and len(whole["AAA"]) == {"trades": 12, "quotes": 7}[kind]


def test_days_weeks_and_hours_begin_where_alpaca_begins_them(client: StockHistoricalDataClient) -> None:
    days = bars(client, TimeFrame.Day)["FFF"]
    assert [bar.timestamp.isoformat() for bar in days[:2]] == ["2025-11-21T05:00:00+00:00", "2025-11-24T05:00:00+00:00"]
    weeks = bars(client, TimeFrame.Week, start=dt.datetime(2025, 11, 16, tzinfo=dt.UTC))["FFF"]
    assert [bar.timestamp.date().isoformat() for bar in weeks] == ["2025-11-17", "2025-11-24", "2025-12-01"]
    hours = bars(client, TimeFrame.Hour, end=DAY + dt.timedelta(days=1))["FFF"]
    assert [bar.timestamp.hour for bar in hours] == [14, 15, 16, 17, 18, 19, 20]
    two = bars(client, TimeFrame(5, TimeFrameUnit.Minute), end=OPEN + dt.timedelta(minutes=9))["FFF"]
    assert [bar.timestamp.minute for bar in two] == [30, 35]
    assert len(bars(client, TimeFrame.Month)["FFF"]) == 1


def test_splits_are_adjusted_only_where_asked(client: StockHistoricalDataClient) -> None:
    raw, split = (bars(client, TimeFrame.Day, adjustment=how)["AAA"] for how in (Adjustment.RAW, Adjustment.SPLIT))
    assert (raw[0].open, split[0].open, raw[-1].open, split[-1].open) == (201.0, 100.5, 108.0, 108.0)


def test_trades_and_quotes_have_their_values(client: StockHistoricalDataClient) -> None:
    edges = {"start": OPEN, "end": OPEN + dt.timedelta(seconds=59)}
    trades = client.get_stock_trades(StockTradesRequest(symbol_or_symbols="FFF", **edges)).data["FFF"]
    assert [(trade.price, trade.size, trade.id) for trade in trades] == [
        (51.0, 70.0, 0), (51.03, 10.0, 1), (50.99, 10.0, 2), (51.01, 10.0, 3)
    ]  # fmt: skip
    assert (trades[0].exchange, trades[0].conditions, trades[0].tape) == ("V", ["@"], "C")
    assert trades[3].timestamp == OPEN + dt.timedelta(seconds=59)
    quotes = client.get_stock_quotes(StockQuotesRequest(symbol_or_symbols="FFF", **edges)).data["FFF"]
    assert [(quote.bid_price, quote.ask_price) for quote in quotes] == [(50.99, 51.01), (51.01, 51.03)]
    assert [(quote.bid_size, quote.ask_size) for quote in quotes] == [(100, 200), (200, 300)]
    assert (quotes[1].timestamp, quotes[1].conditions) == (OPEN + dt.timedelta(seconds=30), ["R"])


def test_the_latest_are_those_of_the_last_minute_over(client: StockHistoricalDataClient, exchange: Exchange) -> None:
    now = exchange.now
    try:
        exchange.now = OPEN + dt.timedelta(minutes=2, seconds=30)
        bar = client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=["FFF", "ZZZ"]))
        trade = client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="FFF"))["FFF"]
        quote = client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="FFF"))["FFF"]
        snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=["FFF"]))["FFF"]
    finally:
        exchange.now = now
    assert set(bar) == {"FFF"} and bar["FFF"].timestamp == OPEN + dt.timedelta(minutes=1)
    assert (trade.price, quote.bid_price, quote.ask_size) == (51.02, 51.02, 300)
    assert (snapshot.latest_trade, snapshot.latest_quote, snapshot.minute_bar) == (trade, quote, bar["FFF"])
    assert (snapshot.daily_bar.open, snapshot.daily_bar.close, snapshot.daily_bar.volume) == (51.0, 51.02, 201)
    assert (snapshot.previous_daily_bar.open, snapshot.previous_daily_bar.close) == (50.0, 53.9)


def test_one_symbol_may_stand_in_the_path(url: str) -> None:
    found = answer(url, "/v2/stocks/FFF/bars", timeframe="1Day", start="2025-11-20", end="2025-11-21")
    assert (found["symbol"], [row["o"] for row in found["bars"]], found["next_page_token"]) == ("FFF", [50, 51], None)
    assert answer(url, "/v2/stocks/ZZZ/trades", start="2025-11-20")["trades"] == []
    assert answer(url, "/v2/stocks/FFF/quotes/latest")["quote"]["bp"] == 61.9
    assert answer(url, "/v2/stocks/FFF/snapshot")["dailyBar"]["o"] == 58


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("/v2/stocks/bars", {"timeframe": "1Min"}, "symbols is required"),
        ("/v2/stocks/bars", {"symbols": "AAA"}, "invalid timeframe: ''"),
        ("/v2/stocks/bars", {"symbols": "AAA", "timeframe": "0Min"}, "invalid timeframe"),
        ("/v2/stocks/bars", {"symbols": "AAA", "timeframe": "1Min", "limit": 10_001}, "limit must be 1 to 10000"),
        ("/v2/stocks/bars", {"symbols": "AAA", "timeframe": "1Min", "adjustment": "all"}, "adjustment must be"),
        ("/v2/stocks/trades", {"symbols": "AAA", "start": "noon"}, "invalid time: 'noon'"),
        ("/v2/stocks/trades", {"symbols": "AAA", "page_token": "!"}, "not a cursor of ours"),
        ("/v2/stocks/ZZZ/snapshot", {}, "no snapshot found for ZZZ"),
        ("/v2/stocks/I:VIX/trades/latest", {}, "no trade found for I:VIX"),
    ],
)
def test_nonsense_is_refused_by_name(url: str, path: str, query: dict[str, Any], words: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        answer(url, path, **query)
    with refused.value as response:
        assert response.code == 400 and words in json.loads(response.read())["message"]


def test_without_keys_the_door_is_closed(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}/v2/stocks/bars")
    with refused.value as response:
        assert response.code == 401


@pytest.mark.parametrize(
    "value", ["", "-1", "9" * 19, "9999-12-31", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00", "x"]
)
def test_no_query_makes_the_exchange_stumble(url: str, value: str) -> None:
    for kind, extra in (("bars", {"timeframe": "1Min"}), ("quotes", {})):
        for name in ("symbols", "start", "end", "limit", "page_token", "timeframe", "sort"):
            query = {"symbols": "AAA", "limit": "3", **extra, name: value}
            try:
                answer(url, f"/v2/stocks/{kind}", **query)
            except urllib.error.HTTPError as error:
                with error:
                    assert error.code == 400
