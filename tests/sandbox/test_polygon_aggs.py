"""Aggregates of any window: joined and adjusted by hand here, in pages of any size, by both of the vendor's clients."""

import datetime as dt
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import massive
import numpy as np
import orjson
import polygon
import pytest
from polygon.exceptions import BadResponse

from daytrader_ray.sandbox.bars import Bars
from daytrader_ray.sandbox.exchange import Exchange, moment
from daytrader_ray.sandbox.polygon_rest import PolygonRest
from tests.sandbox.fake_market import GRID, fake_exchange, serving

FIRST, LAST = "2025-11-20", "2025-12-03"
EST_MIDNIGHT_MS = 5 * 3_600_000


def midnight(date: str) -> int:
    return int(dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC).timestamp()) * 1000 + EST_MIDNIGHT_MS


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


def answer(url: str, path: str) -> Any:
    ask = urllib.request.Request(url + path, headers={"Authorization": "Bearer K"})
    with urllib.request.urlopen(ask) as response:
        return json.loads(response.read())


def test_a_day_is_its_minutes_joined_and_stamped_at_midnight_in_new_york(client: Any) -> None:
    minutes = list(client.list_aggs("FFF", 1, "minute", "2025-11-28", "2025-11-28", adjusted=False))
    (day,) = client.list_aggs("FFF", 1, "day", "2025-11-28", "2025-11-28", adjusted=False)
    assert len(minutes) == 209 and day.timestamp == midnight("2025-11-28")
    assert (day.open, day.close) == (minutes[0].open, minutes[-1].close)
    assert (day.high, day.low) == (max(m.high for m in minutes), min(m.low for m in minutes))
    assert day.volume == sum(m.volume for m in minutes) and day.transactions == sum(m.transactions for m in minutes)
    assert day.vwap == pytest.approx(sum(m.volume * m.vwap for m in minutes) / day.volume, abs=5.1e-5)


def test_prices_and_volumes_before_a_split_are_adjusted_only_where_asked(client: Any) -> None:
    raw = list(client.list_aggs("AAA", 1, "day", FIRST, LAST, adjusted=False))
    adjusted = list(client.list_aggs("AAA", 1, "day", FIRST, LAST))
    before = [bar for bar in raw if bar.timestamp < midnight("2025-11-25")]
    assert len(before) == 3
    for index, (old, new) in enumerate(zip(raw, adjusted, strict=True)):
        share = 2 if index < 3 else 1
        assert (new.open, new.close, new.volume) == (old.open / share, old.close / share, old.volume * share)
        assert new.transactions == old.transactions


def test_a_split_adjusts_nothing_before_its_day(url: str, exchange: Exchange) -> None:
    now = exchange.now
    try:
        exchange.now = moment(GRID.sessions[2].close_minute)
        found = answer(url, f"/v2/aggs/ticker/AAA/range/1/day/{FIRST}/{LAST}")["results"]
    finally:
        exchange.now = now
    assert [row["o"] for row in found] == [200, 201, 202]


@pytest.mark.parametrize(
    ("multiplier", "span", "starts"),
    [
        (1, "week", ["2025-11-16", "2025-11-23", "2025-11-30"]),
        (1, "month", ["2025-11-01", "2025-12-01"]),
        (1, "quarter", ["2025-10-01"]),
        (1, "year", ["2025-01-01"]),
        (2, "day", ["2025-11-20", "2025-11-24", "2025-11-26", "2025-11-28", "2025-11-30", "2025-12-02"]),
    ],
)
def test_windows_of_days_begin_where_the_calendar_says(
    client: Any, multiplier: int, span: str, starts: list[str]
) -> None:
    found = list(client.list_aggs("FFF", multiplier, span, FIRST, LAST))
    offsets = {midnight(start) for start in starts}
    summer = {midnight(start) - 3_600_000 for start in starts}
    assert len(found) == len(starts)
    assert all(bar.timestamp in offsets | summer for bar in found)
    days = list(client.list_aggs("FFF", 1, "day", FIRST, LAST))
    assert sum(bar.volume for bar in found) == sum(day.volume for day in days)


def test_hours_begin_at_whole_hours_of_new_york(client: Any) -> None:
    found = list(client.list_aggs("FFF", 1, "hour", "2025-11-20", "2025-11-20"))
    hours = [(bar.timestamp - midnight("2025-11-20")) // 60_000 for bar in found]
    assert hours == [60 * hour for hour in range(9, 16)]
    minutes = list(client.list_aggs("FFF", 1, "minute", "2025-11-20", "2025-11-20"))
    assert found[0].close == minutes[28].close and found[0].volume == sum(m.volume for m in minutes[:29])


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 3, 77, 388, 389, 390, 5_000])
def test_pages_of_joined_minutes_never_cut_a_window(client: Any, sort: str, limit: int) -> None:
    whole = list(client.list_aggs("FFF", 30, "minute", "2025-11-26", "2025-12-01", limit=50_000, sort=sort))
    assert list(client.list_aggs("FFF", 30, "minute", "2025-11-26", "2025-12-01", limit=limit, sort=sort)) == whole
    assert len(whole) == 13 + 7 + 13


@pytest.mark.parametrize("limit", [1, 2, 5, 9])
def test_pages_of_weeks_hold_whole_weeks(client: Any, limit: int) -> None:
    whole = list(client.list_aggs("FFF", 1, "week", FIRST, LAST))
    assert list(client.list_aggs("FFF", 1, "week", FIRST, LAST, limit=limit)) == whole
    assert list(client.list_aggs("FFF", 1, "week", FIRST, LAST, limit=limit, sort="desc")) == whole[::-1]


def test_limit_counts_the_bars_that_are_joined(url: str) -> None:
    page = answer(url, f"/v2/aggs/ticker/FFF/range/30/minute/{FIRST}/{LAST}?limit=100")
    assert (page["queryCount"], page["resultsCount"]) == (89, 3) and "next_url" in page


def test_the_address_of_the_next_page_needs_no_other_option(url: str) -> None:
    page = answer(url, f"/v2/aggs/ticker/AAA/range/1/minute/{FIRST}/{LAST}?limit=2&adjusted=false&sort=desc")
    following = answer(url, page["next_url"].removeprefix(url))
    assert following["adjusted"] is False and len(following["results"]) == 2
    assert following["results"][0]["t"] == page["results"][1]["t"] - 60_000


def test_index_bars_have_prices_only(client: Any, url: str) -> None:
    rows = answer(url, "/v2/aggs/ticker/I:VIX/range/1/minute/2025-11-20/2025-11-20?limit=2")["results"]
    assert rows == [
        {"o": 15, "c": 15.01, "h": 15.03, "l": 14.99, "t": 1763649000000},
        {"o": 15.01, "c": 15.02, "h": 15.04, "l": 15, "t": 1763649060000},
    ]
    (day,) = client.list_aggs("I:VIX", 1, "day", "2025-11-20", "2025-11-20")
    assert (day.open, day.volume, day.vwap, day.transactions) == (15, None, None, None)
    assert client.get_daily_open_close_agg("I:VIX", "2025-11-20").volume is None


def test_only_what_is_over_shows_in_any_window(url: str, exchange: Exchange) -> None:
    now = exchange.now
    try:
        exchange.now = moment(GRID.sessions[1].open_minute + 10) + dt.timedelta(seconds=59)
        minutes = answer(url, f"/v2/aggs/ticker/FFF/range/1/minute/2025-11-21/{LAST}")["results"]
        days = answer(url, f"/v2/aggs/ticker/FFF/range/1/day/{FIRST}/{LAST}")["results"]
        weeks = answer(url, f"/v2/aggs/ticker/FFF/range/1/week/{FIRST}/{LAST}")["results"]
    finally:
        exchange.now = now
    assert len(minutes) == 9 and minutes[-1]["t"] == (GRID.sessions[1].open_minute + 9) * 60_000
    assert len(days) == 2 and days[1]["c"] == minutes[-1]["c"] and days[1]["v"] == sum(m["v"] for m in minutes)
    assert len(weeks) == 1 and weeks[0]["v"] == days[0]["v"] + days[1]["v"]


def test_grouped_days_name_who_traded_and_carry_the_close_as_their_stamp(client: Any) -> None:
    found = {bar.ticker: bar for bar in client.get_grouped_daily_aggs("2025-11-24", adjusted=False)}
    assert set(found) == {"AAA", "FFF", "OLD"}
    assert found["OLD"].timestamp == midnight("2025-11-24") + 16 * 3_600_000
    (day,) = client.list_aggs("OLD", 1, "day", "2025-11-24", "2025-11-24")
    assert (found["OLD"].open, found["OLD"].volume, found["OLD"].vwap) == (day.open, day.volume, day.vwap)
    assert not client.get_grouped_daily_aggs("2025-11-27")


def test_the_previous_day_and_open_and_close_are_those_of_the_day_bar(client: Any) -> None:
    (day,) = client.list_aggs("FFF", 1, "day", "2025-12-02", "2025-12-02")
    found = client.get_previous_close_agg("FFF")
    bar = found[0] if isinstance(found, list) else found
    assert (bar.ticker, bar.open, bar.close, bar.volume) == ("FFF", day.open, day.close, day.volume)
    assert bar.timestamp == midnight("2025-12-02") + 16 * 3_600_000
    both = client.get_daily_open_close_agg("FFF", "2025-12-02")
    assert (both.symbol, both.from_, both.open, both.close) == ("FFF", "2025-12-02", day.open, day.close)
    assert (both.high, both.low, both.volume) == (day.high, day.low, day.volume)


def test_no_bars_of_unknown_symbols_or_before_listing(client: Any) -> None:
    assert list(client.list_aggs("ZZZ", 1, "minute", FIRST, LAST)) == []
    assert [bar.open for bar in client.list_aggs("OLD", 1, "day", FIRST, LAST)] == [20, 21, 22]
    assert [bar.open for bar in client.list_aggs("NEW", 1, "day", FIRST, LAST)] == [14, 15, 16, 17, 18]
    with pytest.raises(Exception, match="Data not found"):
        client.get_daily_open_close_agg("NEW", "2025-11-20")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v2/aggs/ticker/AAA/range/0/minute/2025-11-20/2025-11-20", "expected 1 to 1000 of minute"),
        ("/v2/aggs/ticker/AAA/range/1/second/2025-11-20/2025-11-20", "found 1 second"),
        ("/v2/aggs/ticker/AAA/range/1/day/2025-11-20/2025-11-20?sort=up", "sort must be one of asc, desc"),
        ("/v2/aggs/ticker/AAA/range/1/day/2025-11-20/2025-11-20?adjusted=1", "adjusted must be one of"),
        ("/v2/aggs/ticker/AAA/range/1/day/2025-11-20/2025-11-20?cursor=%21", "not a cursor of ours"),
        ("/v2/aggs/grouped/locale/us/market/stocks/today", "YYYY-MM-DD"),
    ],
)
def test_nonsense_is_refused_by_name(url: str, path: str, words: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        answer(url, path)
    with refused.value as response:
        assert response.code == 400 and words in json.loads(response.read())["error"]


def test_a_refusal_reaches_the_client_as_its_own_error(url: str) -> None:
    with pytest.raises(BadResponse, match="found 1 second"):
        list(polygon.RESTClient("K", base=url).list_aggs("AAA", 1, "second", FIRST, LAST))


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-7, 1e12])
def test_bars_as_json_read_back_to_the_same_bits(scale: float) -> None:
    values = np.random.default_rng(3).integers(-5_000_000, 5_000_000, (6, 500)) * scale
    start = np.arange(500) * 60_000 + 1_700_000_000_000
    bars = Bars(start, *values, np.abs(np.rint(values[0])))
    for index in (False, True):
        assert orjson.loads(bars.json(index=index)) == bars.rows(index=index)
    assert Bars.concatenate([]).json(index=False) == b"[]"
