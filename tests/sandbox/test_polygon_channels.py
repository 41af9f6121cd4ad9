"""Everything that Polygon's streams say about a minute, read by both of the vendor's clients."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientWebSocketResponse

from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.polygon_events import PAUSED, RESUMED
from daytrader_ray.sandbox.sessions import market_grid
from tests.sandbox.streaming import (
    CONFIG,
    HALF_DAY,
    HALF_DAY_SESSION,
    LONG,
    OPEN_MS,
    Http,
    connected,
    exchange,
    frames,
    play,
    played,
)

MARKET = Market(CONFIG, market_grid(CONFIG))
BARS = MARKET.bars("AAPL", HALF_DAY_SESSION)


async def end_of_day(http: Http, *channels: str, start: int = 207, path: str = "/stocks") -> list[dict[str, Any]]:
    socket = await connected(http, *channels, path=path)
    await play(http, start)
    return [event for found in await frames(http, socket) for event in found]


def of(events: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["ev"] == kind]


async def test_trades_and_seconds_make_the_minute_bar_and_come_before_it() -> None:
    async with exchange() as http:
        events = await end_of_day(http, "T.AAPL", "A.AAPL", "AM.AAPL")
    assert [event["ev"] for event in events].index("AM") > 2
    for bar in of(events, "AM"):
        trades = [event for event in of(events, "T") if bar["s"] <= event["t"] < bar["e"]]
        seconds = [event for event in of(events, "A") if bar["s"] <= event["s"] < bar["e"]]
        for parts, sizes in ((trades, [t["s"] for t in trades]), (seconds, [a["v"] for a in seconds])):
            assert sum(sizes) == bar["v"]
            assert events.index(parts[-1]) < events.index(bar)
        prices = [trade["p"] for trade in trades]
        assert (prices[0], max(prices), min(prices), prices[-1]) == (bar["o"], bar["h"], bar["l"], bar["c"])
        first, last = seconds[0], seconds[-1]
        highs, lows = [a["h"] for a in seconds], [a["l"] for a in seconds]
        assert (first["o"], max(highs), min(lows), last["c"]) == (bar["o"], bar["h"], bar["l"], bar["c"])
        assert last["av"] == bar["av"]
        assert last["a"] == pytest.approx(bar["a"], abs=2e-4)
        assert {a["e"] - a["s"] for a in seconds} == {1_000}
        numbers = [trade["q"] for trade in trades]
        assert numbers == sorted(set(numbers))


async def test_quotes_are_the_markets() -> None:
    async with exchange() as http:
        quotes = of(await end_of_day(http, "Q.AAPL", start=209), "Q")
    made = MARKET.quotes("AAPL", HALF_DAY_SESSION, 209)
    assert [quote["bp"] for quote in quotes] == made.bid.tolist()
    assert [quote["ap"] for quote in quotes] == made.ask.tolist()
    assert [quote["as"] for quote in quotes] == made.ask_size.tolist()
    assert [quote["t"] for quote in quotes] == (made.stamp_ns // 1_000_000).tolist()


async def test_all_named_stocks_come_by_one_channel() -> None:
    date = CONFIG.first_session
    wanted = {x.symbol for x in MARKET.listing() if x.kind != "INDEX" and x.listed <= date and x.delisted is None}
    on = {symbol for symbol in wanted if MARKET.bars(symbol, HALF_DAY_SESSION).traded[209]}
    async with exchange() as http:
        events = await end_of_day(http, "AM.*", start=209)
    found = [event["sym"] for event in events]
    assert found == sorted(set(found))
    assert on <= set(found)
    assert not any(symbol.startswith("I:") for symbol in found)


async def test_indices_have_a_stream_of_their_own() -> None:
    vix = MARKET.bars("I:VIX", HALF_DAY_SESSION)
    async with exchange() as http:
        events = await end_of_day(http, "AM.I:VIX", "AM.I:VIX3M", "V.I:VIX", path="/indices")
        refused = await http.ws_connect("/indices")
        await refused.receive_json()
        await refused.send_json({"action": "auth", "params": "K"})
        await refused.receive_json()
        await refused.send_json({"action": "subscribe", "params": "AM.AAPL,T.I:VIX"})
        assert [answer["status"] for answer in await refused.receive_json()] == ["error", "error"]
    bars = [event for event in of(events, "AM") if event["sym"] == "I:VIX"]
    assert [bar["c"] for bar in bars] == vix.close[207:].tolist()
    assert all("v" not in bar for bar in bars)
    assert [event["val"] for event in of(events, "V")[:2]] == [vix.open[207], vix.close[207]]


async def test_a_halt_and_its_end_are_told_as_bands() -> None:
    config = CONFIG.model_copy(update={"halt_chance": 1.0})
    market = Market(config, market_grid(config))
    halt = market.halts("AAPL", HALF_DAY_SESSION)[0]
    async with exchange(config) as http:
        events = await end_of_day(http, "LULD.AAPL", "AM.AAPL", start=halt.start - 1)
    begins, ends = of(events, "LULD")
    assert (begins["i"], ends["i"]) == ([PAUSED], [RESUMED])
    assert (begins["t"], ends["t"]) == (OPEN_MS + halt.start * 60_000, OPEN_MS + halt.stop * 60_000)
    assert begins["l"] < market.bars("AAPL", HALF_DAY_SESSION).close[halt.start - 1] < begins["h"]
    between = events[events.index(begins) : events.index(ends)]
    assert not of(between, "AM")


@pytest.mark.parametrize("package", ["polygon", "massive"])
async def test_both_of_the_vendors_clients_read_every_event(package: str) -> None:
    sockets = importlib.import_module(package)
    models = importlib.import_module(f"{package}.websocket.models")
    seen: list[Any] = []

    async def keep(found: list[Any]) -> None:
        seen.extend(found)

    stocks, indices = ["AM.AAPL", "A.AAPL", "T.AAPL", "Q.AAPL"], ["AM.I:VIX", "V.I:VIX"]
    async with (
        exchange() as http,
        reading(http, sockets, "stocks", stocks, keep),
        reading(http, sockets, "indices", indices, keep),
    ):
        await asyncio.sleep(0.2)
        await play(http, 208)
        await played(http)
        await asyncio.sleep(0.2)
    bars = [x for x in seen if isinstance(x, models.EquityAgg) and x.event_type == "AM" and x.symbol == "AAPL"]
    assert [bar.volume for bar in bars] == BARS.volume[208:].tolist()
    assert [bar.start_timestamp for bar in bars] == [OPEN_MS + slot * 60_000 for slot in (208, 209)]
    assert [bar.accumulated_volume for bar in bars] == np.cumsum(BARS.volume)[208:].tolist()
    trades = [x for x in seen if isinstance(x, models.EquityTrade)]
    assert sum(trade.size for trade in trades) == BARS.volume[208:].sum()
    quotes = [x for x in seen if isinstance(x, models.EquityQuote)]
    assert quotes
    assert all(0 < quote.bid_price < quote.ask_price for quote in quotes)
    assert all(quote.bid_size > 0 for quote in quotes)
    values = [x for x in seen if isinstance(x, models.IndexValue)]
    assert [x.value for x in values][1::2] == MARKET.bars("I:VIX", HALF_DAY_SESSION).close[208:].tolist()


@asynccontextmanager
async def reading(http: Http, sockets: Any, market: str, channels: list[str], keep: Any) -> AsyncIterator[None]:
    """Read with one of the vendor's clients."""
    options = {"secure": False, "subscriptions": channels}
    client = sockets.WebSocketClient("K", feed=f"127.0.0.1:{http.port}", market=market, **options)
    task = asyncio.create_task(client.connect(keep, proxy=None))
    async with asyncio.timeout(LONG):
        while client.websocket is None:
            await asyncio.sleep(0.01)
    try:
        yield
    finally:
        await client.close()
        await asyncio.wait([task])


async def test_lockstep_counts_the_bars_of_stocks_and_indices() -> None:
    async with exchange() as http:
        stocks = await connected(http, "AM.AAPL", "AM.SPY", "T.SPY")
        indices = await connected(http, "AM.I:VIX", "V.I:VIX", path="/indices")
        clock = await http.ws_connect(f"/_sandbox/clock?session={HALF_DAY}")
        for _ in range(6):
            tick = await clock.receive_json(timeout=LONG)
            await clock.send_json({"done": tick["minute"], "phase": tick["phase"]})
        due = {
            symbol: int(MARKET.bars(symbol, HALF_DAY_SESSION).traded[:2].sum()) for symbol in ("AAPL", "SPY", "I:VIX")
        }
        assert tick["n_bars"] == sum(due.values())
        assert await bars_of(http, stocks) == due["AAPL"] + due["SPY"]
        assert await bars_of(http, indices) == due["I:VIX"]


async def bars_of(http: Http, socket: ClientWebSocketResponse) -> int:
    return len(of([event for found in await frames(http, socket) for event in found], "AM"))
