"""Alpaca's market data in msgpack: the vendor's own client, and the handshake with its errors."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
from aiohttp import ClientWebSocketResponse, WSMsgType
from alpaca.data.live import StockDataStream
from alpaca.data.models import Bar, Quote, Trade, TradingStatus
from websockets.exceptions import ConnectionClosed

from daytrader_ray.sandbox.faults import Fault
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.sessions import market_grid
from tests.sandbox.streaming import CONFIG, HALF_DAY_SESSION, LONG, Http, exchange, play, until

OPEN = dt.datetime(2025, 11, 28, 14, 30, tzinfo=dt.UTC)


class Client:
    """The vendor's own stream and everything that it hands on."""

    def __init__(self, http: Http, feed: str) -> None:
        self.seen: list[Any] = []
        self.ready = False
        self.stream = StockDataStream("K", "S", url_override=f"ws://127.0.0.1:{http.port}/v2/{feed}")
        self.stream._dispatch = self.dispatch

    async def keep(self, thing: object) -> None:
        self.seen.append(thing)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Notice the answer to the subscription, which the vendor's client only logs."""
        self.ready = self.ready or message.get("T") == "subscription"
        await StockDataStream._dispatch(self.stream, message)

    def of(self, kind: type) -> list[Any]:
        return [thing for thing in self.seen if isinstance(thing, kind)]


@asynccontextmanager
async def following(http: Http, feed: str = "sip", symbols: tuple[str, ...] = ("AAPL",)) -> AsyncIterator[Client]:
    """Follow bars, corrections, trades, quotes and statuses as alpaca-py does it."""
    client = Client(http, feed)
    stream = client.stream
    for subscribe in (
        stream.subscribe_bars,
        stream.subscribe_updated_bars,
        stream.subscribe_trades,
        stream.subscribe_quotes,
        stream.subscribe_trading_statuses,
    ):
        subscribe(client.keep, *symbols)
    await stream._start_ws()
    await stream._send_subscribe_msg()
    task = asyncio.create_task(stream._consume())
    try:
        await until(lambda: client.ready)
        yield client
    finally:
        await stream._ws.close()
        await asyncio.wait([task])
        assert isinstance(task.exception(), ConnectionClosed)


async def test_the_vendors_client_reads_bars_trades_and_quotes() -> None:
    market = Market(CONFIG, market_grid(CONFIG))
    bars = market.bars("AAPL", HALF_DAY_SESSION)
    async with exchange() as http, following(http) as client:
        await play(http, 205)
        await until(lambda: len(client.of(Bar)) == 5)
        found: list[Bar] = client.of(Bar)
        assert [bar.timestamp for bar in found] == [OPEN + dt.timedelta(minutes=slot) for slot in range(205, 210)]
        for slot, bar in zip(range(205, 210), found, strict=True):
            columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap)
            assert [bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap] == [c[slot] for c in columns]
        trades: list[Trade] = client.of(Trade)
        assert sum(trade.size for trade in trades) == bars.volume[205:].sum()
        made = market.quotes("AAPL", HALF_DAY_SESSION, 205)
        quotes: list[Quote] = client.of(Quote)
        assert [quote.bid_price for quote in quotes[: len(made.bid)]] == made.bid.tolist()
        assert [quote.ask_size for quote in quotes[: len(made.bid)]] == made.ask_size.tolist()


async def test_a_halt_and_its_end_are_told_as_statuses() -> None:
    config = CONFIG.model_copy(update={"halt_chance": 1.0})
    halt = Market(config, market_grid(config)).halts("AAPL", HALF_DAY_SESSION)[0]
    async with exchange(config) as http, following(http, "iex") as client:
        await play(http, halt.start - 1, speed=12_000.0)
        await until(lambda: len(client.of(TradingStatus)) == 2)
        begins, ends = client.of(TradingStatus)
        assert (begins.status_code, begins.reason_code, ends.status_code) == ("P", "LUDP", "T")
        assert begins.timestamp == OPEN + dt.timedelta(minutes=halt.start)
        assert ends.timestamp == OPEN + dt.timedelta(minutes=halt.stop)


async def test_a_revised_bar_is_corrected_by_an_updated_one() -> None:
    rule = Fault(channel="alpaca_stream", kind="revised", where="data/sip/bars", count=1, seconds=0.01)
    truth = Market(CONFIG, market_grid(CONFIG)).bars("AAPL", HALF_DAY_SESSION)
    async with exchange(rules=[rule]) as http, following(http) as client:
        await play(http, 208)
        await until(lambda: len(client.of(Bar)) == 3)
        found = client.of(Bar)
        first = [bar for bar in found if bar.timestamp == OPEN + dt.timedelta(minutes=208)]
        assert first[0].volume < first[1].volume == truth.volume[208]


async def ask(socket: ClientWebSocketResponse, message: dict[str, Any]) -> dict[str, Any]:
    await socket.send_bytes(msgpack.packb(message))
    return await answer(socket)


async def answer(socket: ClientWebSocketResponse) -> dict[str, Any]:
    frame = await socket.receive(timeout=LONG)
    assert frame.type is WSMsgType.BINARY
    (found,) = msgpack.unpackb(frame.data)
    return dict(found)


async def greeted(http: Http) -> ClientWebSocketResponse:
    socket = await http.ws_connect("/v2/sip")
    assert await answer(socket) == {"T": "success", "msg": "connected"}
    return socket


KEY = {"action": "auth", "key": "K", "secret": "S"}


async def test_the_handshake_says_what_is_wrong() -> None:
    async with exchange() as http:
        socket = await greeted(http)
        assert (await ask(socket, {"action": "subscribe", "bars": ["AAPL"]}))["code"] == 401
        assert await ask(socket, KEY) == {"T": "success", "msg": "authenticated"}
        assert (await ask(socket, {"action": "shout"}))["code"] == 400
        found = await ask(socket, {"action": "subscribe", "bars": ["AAPL", "no such"], "trades": ["*"]})
        assert found == {
            "T": "subscription", "trades": ["*"], "quotes": [], "bars": ["AAPL"], "updatedBars": [], "statuses": []
        }  # fmt: skip
        assert (await ask(socket, {"action": "unsubscribe", "bars": ["AAPL"], "trades": []}))["bars"] == []
        newer = await greeted(http)
        assert (await ask(newer, KEY))["code"] == 406
        assert (await newer.receive(timeout=LONG)).type is WSMsgType.CLOSE
        nobody = await greeted(http)
        assert (await ask(nobody, {**KEY, "secret": ""}))["code"] == 402
        await socket.close()
        again = await greeted(http)
        assert (await ask(again, KEY))["msg"] == "authenticated"


async def test_faults_of_the_handshake() -> None:
    rules = [
        Fault(channel="alpaca_stream", kind="max_connections", where="auth", count=1),
        Fault(channel="alpaca_stream", kind="auth_failed", where="auth", count=1),
        Fault(channel="alpaca_stream", kind="close", where="subscribe", count=1, code=1011),
    ]
    async with exchange(rules=rules) as http:
        for code in (406, 402):
            assert (await ask(await greeted(http), KEY))["code"] == code
        socket = await greeted(http)
        await ask(socket, KEY)
        await socket.send_bytes(msgpack.packb({"action": "subscribe", "bars": ["AAPL"]}))
        assert (await socket.receive(timeout=LONG)).data == 1011
