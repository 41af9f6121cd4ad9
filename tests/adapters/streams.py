"""A few lines of Polygon's and Alpaca's stream servers for tests of the client's edges, and bars to send."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgpack
import numpy as np
from aiohttp import web
from aiohttp.test_utils import TestServer

from daytrader_ray.adapters.live_config import ReconnectConfig
from daytrader_ray.adapters.supervisor import Link, Supervisor

QUICK = ReconnectConfig(connect_seconds=1.0, silence_seconds=30.0, first_pause_seconds=0.02, longest_pause_seconds=0.1)


def bar(symbol: str, minute: int, **values: Any) -> dict[str, Any]:
    stamp = minute * 60_000
    prices = {"o": 10.0, "h": 11.0, "l": 9.5, "c": 10.5, "v": 1200, "vw": 10.25, "a": 10.1, "z": 60}
    return {"ev": "AM", "sym": symbol, "s": stamp, "e": stamp + 60_000} | prices | values


class Polygon:
    """Greets, takes a key, confirms subscriptions and sends what it is told to; `moods` are of one connection each.

    A mood names how a connection goes wrong; when they are used up all goes well.
    """

    def __init__(self, *moods: str, key: str = "k") -> None:
        self.moods, self.key = list(moods), key
        self.socket: web.WebSocketResponse | None = None
        self.subscribed: list[list[str]] = []
        self.active: set[str] = set()
        self.at: list[float] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.at.append(asyncio.get_running_loop().time())
        mood = self.moods.pop(0) if self.moods else ""
        if mood == "429":
            return web.Response(status=429)
        socket = self.socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.subscribed.append([])
        self.active = set()
        if mood == "no greeting":
            await asyncio.sleep(5)
        await self.status("connected", "Connected Successfully")
        async for message in socket:
            if not await self._answer(json.loads(message.data), mood):
                break
        return socket

    async def _answer(self, values: dict[str, str], mood: str) -> bool:
        assert self.socket is not None
        if values["action"] == "auth":
            if mood.startswith("close at auth"):
                await _end(self.socket, int(mood.split()[-1]))
                return False
            if mood == "max_connections at auth":
                await self.status("max_connections", "Maximum number of connections exceeded.")
                return True
            ok = values["params"] == self.key
            await self.status("auth_success" if ok else "auth_failed", "authenticated" if ok else "bad key")
        elif values["action"] == "unsubscribe":
            self.active -= set(values["params"].split(","))
        elif mood != "max_connections at auth":
            names = values["params"].split(",")
            self.subscribed[-1] += names
            self.active |= set(names)
            if mood.startswith("close at subscribe"):
                await _end(self.socket, int(mood.split()[-1]))
                return False
            for name in names:
                refused = mood == "no LULD" and name.startswith("LULD")
                await self.status(*(("error", "not authorized") if refused else ("success", f"subscribed to: {name}")))
        return True

    async def status(self, status: str, message: str) -> None:
        await self.send({"ev": "status", "status": status, "message": message})

    async def send(self, *messages: dict[str, Any]) -> None:
        await self.text(json.dumps(messages))

    async def text(self, text: str) -> None:
        assert self.socket is not None
        await self.socket.send_str(text)

    async def end(self, code: int) -> None:
        assert self.socket is not None
        await _end(self.socket, code)


class Alpaca:
    """Alpaca's stream of bars in MessagePack."""

    def __init__(self, *moods: str, key: str = "k") -> None:
        self.moods, self.key = list(moods), key
        self.socket: web.WebSocketResponse | None = None
        self.subscribed: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        mood = self.moods.pop(0) if self.moods else ""
        socket = self.socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self.send({"T": "success", "msg": "connected"})
        async for message in socket:
            values = msgpack.unpackb(message.data)
            if values["action"] == "auth":
                if mood == "close at auth":
                    await _end(socket, 1006)
                    break
                if values["key"] != self.key:
                    await self.send({"T": "error", "code": 402, "msg": "auth failed"})
                    continue
                await self.send({"T": "success", "msg": "authenticated"})
            elif values["action"] == "subscribe":
                self.subscribed.append(values)
                if mood == "mute":
                    continue
                await self.send({"T": "subscription", "bars": values["bars"], "statuses": values["statuses"]})
        return socket

    async def send(self, *messages: dict[str, Any]) -> None:
        assert self.socket is not None
        await self.socket.send_bytes(msgpack.packb(messages, datetime=True))


def alpaca_bar(symbol: str, minute: int, **values: Any) -> dict[str, Any]:
    stamp = msgpack.Timestamp(minute * 60)
    prices = {"o": 10.0, "h": 11.0, "l": 9.5, "c": 10.5, "v": 1200, "vw": 10.25, "n": 20}
    return {"T": "b", "S": symbol, "t": stamp} | prices | values


async def _end(socket: web.WebSocketResponse, code: int) -> None:
    """Close with a code; 1006 is a connection that just goes."""
    if code == 1006:
        assert socket._req is not None and socket._req.transport is not None
        socket._req.transport.abort()
    else:
        await socket.close(code=code)


class Rest:
    """Minute bars by REST: `bars` are those that the vendor has, `down` makes it answer 500 and `hang` nothing."""

    def __init__(self, *bars: dict[str, Any]) -> None:
        self.bars, self.down, self.hang = list(bars), False, False
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        self.asked.append(symbol)
        if self.hang:
            await asyncio.sleep(5)
        if self.down:
            return web.Response(status=500)
        first, last = (int(request.match_info[end]) for end in ("start", "end"))
        found = [one for one in self.bars if one["sym"] == symbol and first <= one["s"] <= last]
        names = ("o", "h", "l", "c", "v", "vw")
        results = [{"t": one["s"], "n": 20} | {name: one[name] for name in names} for one in found]
        return web.json_response({"status": "OK", "results": results})


@asynccontextmanager
async def serving(*handlers: tuple[str, Callable[[web.Request], Any]]) -> AsyncIterator[int]:
    """Serve GET handlers by path; yield the port."""
    app = web.Application()
    for path, handler in handlers:
        app.router.add_get(path, handler)
    server = TestServer(app)
    server.runner_kwargs = {"shutdown_timeout": 0.1}
    await server.start_server(shutdown_timeout=0.1)
    try:
        yield server.port or 0
    finally:
        await server.close()


class Heard:
    """A supervised link and what it delivered."""

    def __init__(self, link: Link, config: ReconnectConfig = QUICK) -> None:
        self.frames: list[Any] = []
        self.line = Supervisor("test", link, config, np.random.default_rng(1), self.frames.append, lambda: None)

    async def __aenter__(self) -> "Heard":
        await self.line.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.line.close()

    def bars(self, decode: Callable[[Any], Any]) -> list[tuple[str, int]]:
        return [(one.symbol, one.minute) for raw in self.frames for one in decode(raw).bars]


async def until(ready: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not ready():
            await asyncio.sleep(0.005)


def gaps(times: Sequence[float]) -> list[float]:
    return [later - sooner for sooner, later in pairwise(times)]
