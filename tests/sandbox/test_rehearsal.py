"""A whole half-day in lockstep with the vendors' own streaming and trading clients."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.models import TradeUpdate
from alpaca.trading.requests import MarketOrderRequest, StopOrderRequest
from alpaca.trading.stream import TradingStream
from polygon import RESTClient, WebSocketClient
from polygon.websocket.models import EquityAgg

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.matching import Matcher

DATE = dt.date(2025, 11, 28)
SESSION = 5
SYMBOLS = ("AAPL", "MSFT", "NVDA", "SPY")
FIELDS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "vwap": "vw"}


class Client:
    """What a rehearsal's client needs: both streams, the trading client and the clock."""

    def __init__(self, url: str) -> None:
        self.trading = TradingClient("K", "S", paper=True, url_override=url)
        self.rest = RESTClient("K", base=url)
        self.updates: list[TradeUpdate] = []
        self.bars: list[dict[str, Any]] = []
        self.subscribed = 0

    async def on_bars(self, text: str) -> None:
        for message in json.loads(text):
            if message["ev"] == "AM":
                self.bars.append(message)
            elif message["message"].startswith("subscribed to"):
                self.subscribed += 1

    async def on_update(self, update: TradeUpdate) -> None:
        self.updates.append(update)

    def send(self, symbol: str, side: int, qty: int, kind: str, stop: float | None = None) -> str:
        base = {
            "symbol": symbol,
            "qty": qty,
            "side": OrderSide.BUY if side > 0 else OrderSide.SELL,
            "client_order_id": f"{len(self.updates)}-{symbol}-{kind}",
        }
        if stop is None:
            order = self.trading.submit_order(MarketOrderRequest(**base, time_in_force=TimeInForce.IOC))
        else:
            order = self.trading.submit_order(StopOrderRequest(**base, time_in_force=TimeInForce.DAY, stop_price=stop))
        return str(order.id)

    def events(self, symbol: str) -> list[tuple[str, str]]:
        return [
            (str(u.event), u.order.client_order_id.rsplit("-", 1)[1]) for u in self.updates if u.order.symbol == symbol
        ]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    client = Client(url)
    address = url.removeprefix("http://")
    bars = WebSocketClient("K", feed=address, market="stocks", secure=False, raw=True)
    bars.subscribe(*(f"AM.{symbol}" for symbol in SYMBOLS))
    updates = TradingStream("K", "S", url_override=f"ws://{address}/stream")
    updates.subscribe_trade_updates(client.on_update)
    tasks = [asyncio.create_task(bars.connect(client.on_bars)), asyncio.create_task(updates._run_forever())]
    await until(lambda: client.subscribed == len(SYMBOLS) and updates._running)
    try:
        yield client
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bars.close()
        await updates.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.001)


async def rehearse(url: str, client: Client, act: Callable[[int, str], Awaitable[None]]) -> list[dict[str, Any]]:
    """Answer every phase as the contract says and return the messages of the clock."""
    messages = []
    async with ClientSession() as http, http.ws_connect(f"{url}/_sandbox/clock?session={DATE}") as clock:
        while not (message := await clock.receive_json()).get("end"):
            await until(lambda m=message: len(client.updates) >= m["n_events"] and len(client.bars) >= m["n_bars"])
            messages.append(message)
            await act(message["minute"], message["phase"])
            await clock.send_json({"done": message["minute"], "phase": message["phase"]})
        assert (await clock.receive()).type.name == "CLOSE" and clock.close_code == 1000
    return messages


def thin_bar(listed: Market) -> tuple[str, int, int]:
    """Return a (symbol, slot, shares one order may take) of a bar too thin for 20,000 shares."""
    for symbol in SYMBOLS:
        bars = listed.bars(symbol, SESSION)
        for slot in range(40, 180):
            share = int(bars.volume[slot]) // 20
            if bars.traded[slot] and 0 < share < 200:
                return symbol, slot, share
    raise AssertionError("no thin bar in the session: choose other symbols")


async def test_a_half_day_in_lockstep_fills_counts_and_ends_flat(url: str, listed: Market) -> None:
    thin, thin_slot, share = thin_bar(listed)
    other = next(symbol for symbol in ("NVDA", "MSFT", "AAPL") if symbol != thin)
    stops: dict[str, str] = {}

    async with connected(url) as client:

        def mark(symbol: str, slot: int) -> float:
            return float(listed.bars(symbol, SESSION).close[:slot][listed.bars(symbol, SESSION).traded[:slot]][-1])

        def act_now(slot: int, phase: str) -> None:
            if (slot, phase) == (3, "C"):
                client.send(other, -1, 40, "entry")
            elif (slot, phase) == (4, "A"):
                near = round(mark(other, 4) + 0.05, 2)
                stops["near"] = client.send(other, 1, 40, "stop", near)
            elif (slot, phase) == (thin_slot - 1, "C"):
                client.send(thin, 1, 200, "entry")
            elif (slot, phase) == (thin_slot, "A"):
                far = round(mark(thin, thin_slot) * 0.8, 2)
                stops["far"] = client.send(thin, -1, share, "stop", far)
            elif (slot, phase) == (thin_slot + 1, "C"):
                seen = client.rest.list_aggs(thin, 1, "minute", DATE, DATE, limit=50_000)
                assert len(list(seen)) == int(listed.bars(thin, SESSION).traded[: slot + 1].sum())
                account = client.trading.get_account()
                held = Decimal(client.trading.get_open_position(thin).market_value or "0")
                assert Decimal(account.equity or "0") == Decimal(account.cash or "0") + held
                assert client.trading.get_clock().is_open
            elif (slot, phase) == (208, "C"):
                client.trading.cancel_order_by_id(stops["far"])
                client.send(thin, -1, share, "flat")

        async def act(slot: int, phase: str) -> None:
            await asyncio.to_thread(act_now, slot, phase)

        messages = await rehearse(url, client, act)

        assert [(m["minute"], m["phase"]) for m in messages] == [
            *((slot, phase) for slot in range(210) for phase in "ABC"),
            (210, "A"),
        ]
        assert messages[-1]["n_events"] == len(client.updates) == 11
        assert client.events(thin) == [
            ("new", "entry"),
            ("partial_fill", "entry"),
            ("canceled", "entry"),
            ("new", "stop"),
            ("canceled", "stop"),
            ("new", "flat"),
            ("fill", "flat"),
        ]
        assert client.events(other) == [("new", "entry"), ("fill", "entry"), ("new", "stop"), ("fill", "stop")]
        check_bars(client, messages, listed)
        check_fills(client, listed)
        assert client.trading.get_all_positions() == []
        account = client.trading.get_account()
        assert account.cash == account.equity
        with pytest.raises(Exception, match="already in"):
            client.trading.cancel_order_by_id(stops["near"])


def check_bars(client: Client, messages: list[dict[str, Any]], listed: Market) -> None:
    """Every bar sent is the market's and REST's to the bit, and the counts of phase C are the bars so far."""
    traded = {symbol: listed.bars(symbol, SESSION).traded for symbol in SYMBOLS}
    for message in messages:
        over = message["minute"] + (message["phase"] == "C")
        assert message["n_bars"] == sum(int(on[:over].sum()) for on in traded.values())
    for symbol in SYMBOLS:
        bars, on = listed.bars(symbol, SESSION), np.flatnonzero(traded[symbol])
        sent = [bar for bar in client.bars if bar["sym"] == symbol]
        rest = list(client.rest.list_aggs(symbol, 1, "minute", DATE, DATE, limit=50_000))
        start = listed.grid.sessions[SESSION].open_minute
        assert [bar["s"] for bar in sent] == [(start + int(slot)) * 60_000 for slot in on]
        for name, short in FIELDS.items():
            assert [bar[short] for bar in sent] == getattr(bars, name)[on].tolist()
            assert [bar[short] for bar in sent] == [getattr(row, name) for row in rest]
        last = EquityAgg.from_dict(sent[-1])
        assert last.accumulated_volume == bars.volume.sum() and last.official_open_price == bars.open[on[0]]
        assert min(bars.low[on]) <= last.aggregate_vwap <= max(bars.high[on])


def check_fills(client: Client, listed: Market) -> None:
    """Prices are the matcher's, and the account's cash is what the fills and their fees leave."""
    matcher = Matcher(listed, CostConfig(), SESSION)
    cash = Decimal(100_000)
    for update in client.updates:
        if update.execution_id is None:
            continue
        order, side = update.order, 1 if update.order.side is OrderSide.BUY else -1
        moment = update.timestamp.timestamp() / 60 - listed.grid.sessions[SESSION].open_minute
        if order.stop_price is not None:
            price = Decimal(str(order.stop_price))
            fill = matcher.fill_stop(order.symbol, side, int(order.qty), price, int(moment))
        else:
            fill = matcher.fill_at_open(order.client_order_id, order.symbol, side, int(order.qty), int(moment))
        assert fill is not None
        assert (float(fill.price), fill.qty) == (update.price, update.qty)
        assert order.filled_avg_price is not None and float(order.filled_avg_price) == update.price
        cash -= side * fill.qty * fill.price + fill.fee
    assert Decimal(client.trading.get_account().cash or "0") == cash


async def take(url: str, date: object = DATE) -> tuple[ClientSession, ClientWebSocketResponse]:
    http = ClientSession()
    return http, await http.ws_connect(f"{url}/_sandbox/clock?session={date}")


async def test_only_one_client_holds_the_clock_and_leaving_frees_it(url: str) -> None:
    first_http, first = await take(url)
    assert await first.receive_json() == {"minute": 0, "phase": "A", "n_events": 0, "n_bars": 0}
    second_http, second = await take(url)
    message = await second.receive()
    assert (message.type.name, message.data, message.extra) == ("CLOSE", 1008, "clock is held")
    await second_http.close()
    await first.close()
    await first_http.close()
    third_http, third = await take(url)
    assert (await third.receive_json())["minute"] == 0
    await third.send_json({"done": 0, "phase": "C"})
    message = await third.receive()
    assert message.data == 1011 and message.extra.startswith("expected done 0 phase A")
    await third_http.close()


@pytest.mark.parametrize("date", ["2025-11-27", "someday", ""])
async def test_a_day_without_a_session_is_named_in_the_close_frame(url: str, date: str) -> None:
    http, clock = await take(url, date)
    message = await clock.receive()
    assert message.data == 1008 and date in message.extra
    await http.close()


async def test_opening_the_clock_gives_a_fresh_account(url: str) -> None:
    client = TradingClient("K", "S", paper=True, url_override=url)
    http, clock = await take(url)
    assert (await clock.receive_json())["n_events"] == 0
    order = MarketOrderRequest(
        symbol="NVDA", qty=10, side=OrderSide.BUY, time_in_force=TimeInForce.IOC, client_order_id="once-entry"
    )
    await asyncio.to_thread(client.submit_order, order)
    await clock.send_json({"done": 0, "phase": "A"})
    await clock.close()
    await http.close()
    http, clock = await take(url)
    await clock.receive_json()
    assert await asyncio.to_thread(client.get_orders) == []
    assert (await asyncio.to_thread(client.submit_order, order)).client_order_id == "once-entry"
    await http.close()
