import asyncio
import json
import math

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from daytrader_ray.adapters.polygon_stream import FeedConfig, PolygonFeed
from daytrader_ray.domain.errors import FeedError


class Vendor:
    """A few lines of Polygon: greets, takes a key, confirms subscriptions (unless told not to) and sends bars."""

    def __init__(self, key="k", confirm=True):
        self.key, self.confirm, self.socket, self.subscribed = key, confirm, None, []

    async def handle(self, request):
        self.socket = socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self.status("connected", "Connected Successfully")
        async for message in socket:
            values = json.loads(message.data)
            if values["action"] == "auth":
                ok = values["params"] == self.key
                await self.status("auth_success" if ok else "auth_failed", "authenticated" if ok else "bad key")
            elif values["action"] == "subscribe":
                self.subscribed += values["params"].split(",")
                if self.confirm:
                    for name in values["params"].split(","):
                        await self.status("success", f"subscribed to: {name}")
        return socket

    async def status(self, status, message):
        await self.send({"ev": "status", "status": status, "message": message})

    async def send(self, *messages):
        await self.socket.send_str(json.dumps(messages))


def bar(symbol, minute, **values):
    stamp = minute * 60_000
    prices = {"o": 10.0, "h": 11.0, "l": 9.5, "c": 10.5, "v": 1200, "vw": 10.25, "av": 5000, "a": 10.1, "z": 60}
    return {"ev": "AM", "sym": symbol, "s": stamp, "e": stamp + 60_000} | prices | values


@pytest.fixture
async def serve():
    servers = []

    async def start(vendor, **options):
        app = web.Application()
        app.router.add_get("/stocks", vendor.handle)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        config = {"stream_url": f"ws://127.0.0.1:{server.port}/stocks", "key": "k", "bar_seconds": 0.5}
        return PolygonFeed(FeedConfig(**(config | {"ready_seconds": 2.0} | options)), ["AAPL", "SPY"])

    yield start
    for server in servers:
        await server.close()


async def test_bars_arrive_once_each_and_are_stamped_with_their_start(serve):
    vendor = Vendor()
    async with await serve(vendor) as feed:
        assert sorted(vendor.subscribed) == ["AM.AAPL", "AM.SPY"]
        await vendor.send(bar("AAPL", 29_000_000), bar("SPY", 29_000_000, vw=None))
        await vendor.send({"ev": "T", "sym": "AAPL", "p": 1.0}, bar("AAPL", 29_000_001))
        first = await feed.bars(2)
        rest = await feed.bars(3)
    both = [*first, *rest]
    assert [(b.symbol, b.minute) for b in both] == [("AAPL", 29_000_000), ("SPY", 29_000_000), ("AAPL", 29_000_001)]
    assert (both[0].open, both[0].high, both[0].low, both[0].close, both[0].volume) == (10.0, 11.0, 9.5, 10.5, 1200.0)
    assert both[0].vwap == 10.25 and math.isnan(both[1].vwap)


async def test_a_missing_bar_is_an_error_that_names_the_counts(serve):
    vendor = Vendor()
    async with await serve(vendor, bar_seconds=0.1) as feed:
        await vendor.send(bar("AAPL", 1))
        with pytest.raises(FeedError, match=r"waited 0.1 s for bar 2; 1 have arrived"):
            await feed.bars(2)


async def test_the_feed_is_not_ready_before_each_subscription_is_confirmed(serve):
    feed = await serve(Vendor(confirm=False), ready_seconds=0.2)
    with pytest.raises(FeedError, match=r"2 subscriptions not confirmed in 0.2 s"):
        await feed.__aenter__()


async def test_a_refused_key_is_named(serve):
    feed = await serve(Vendor(key="another"))
    with pytest.raises(FeedError, match=r"the key was refused \(bad key\)"):
        await feed.__aenter__()


@pytest.mark.parametrize("code", [1000, 1011])
async def test_a_stream_the_server_ends_is_an_error_once_its_bars_are_used_up(serve, code):
    vendor = Vendor()
    async with await serve(vendor) as feed:
        await vendor.send(bar("AAPL", 1))
        await vendor.socket.close(code=code)
        assert len(await feed.bars(1)) == 1
        with pytest.raises(FeedError, match=r"closed the stream|stream broke"):
            await feed.bars(2)


async def test_being_pushed_out_by_another_connection_is_named(serve):
    vendor = Vendor()
    async with await serve(vendor) as feed:
        await vendor.status("max_connections", "Maximum number of connections exceeded.")
        with pytest.raises(FeedError, match="max_connections"):
            await feed.bars(1)


async def test_a_dead_vendor_is_an_error_within_the_limit(serve):
    config = FeedConfig(stream_url="ws://127.0.0.1:9/stocks", key="k", ready_seconds=0.2)
    with pytest.raises(FeedError, match=r"not confirmed in 0.2 s"):
        await PolygonFeed(config, ["AAPL"]).__aenter__()


def test_a_stream_url_of_another_form_is_refused():
    with pytest.raises(FeedError, match="expected ws"):
        PolygonFeed(FeedConfig(stream_url="https://x/y", key="k"), ["AAPL"])


async def test_closing_takes_less_than_a_second(serve):
    feed = await serve(Vendor())
    await feed.__aenter__()
    await asyncio.wait_for(feed.close(), 1.0)
