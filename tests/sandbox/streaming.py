"""The exchange in this process, a raw client of Polygon's stream, and sessions played fast."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.faults import Fault
from daytrader_ray.sandbox.server import FAULTS, create_app

Http = TestClient[web.Request, web.Application]
CONFIG = SandboxConfig(first_session=dt.date(2025, 11, 20), n_sessions=8)
HALF_DAY, HALF_DAY_SESSION = "2025-11-28", 5
OPEN_MS = int(dt.datetime(2025, 11, 28, 14, 30, tzinfo=dt.UTC).timestamp()) * 1000
LONG = 20.0


@asynccontextmanager
async def exchange(config: SandboxConfig = CONFIG, rules: Sequence[Fault] = ()) -> AsyncIterator[Http]:
    app = create_app(config, CostConfig())
    app[FAULTS].replace(rules)
    async with TestClient(TestServer(app)) as client:
        yield client


async def connected(http: Http | ClientSession, *channels: str, path: str = "/stocks") -> ClientWebSocketResponse:
    """Return a socket that has gone through the whole handshake."""
    socket = await http.ws_connect(path, max_msg_size=0)
    await socket.receive_json(timeout=LONG)
    await socket.send_json({"action": "auth", "params": "K"})
    await socket.receive_json(timeout=LONG)
    await socket.send_json({"action": "subscribe", "params": ",".join(channels)})
    answers = await socket.receive_json(timeout=LONG)
    assert [answer["status"] for answer in answers] == ["success"] * len(channels)
    return socket


async def play(http: Http, start: int, speed: float = 6000.0, session: str = HALF_DAY) -> dict[str, Any]:
    async with http.post("/_sandbox/play", json={"session": session, "speed": speed, "start": start}) as answer:
        assert answer.status == 200, await answer.text()
        state: dict[str, Any] = await answer.json()
        return state


async def played(http: Http) -> dict[str, Any]:
    """Wait until the session is over."""
    async with asyncio.timeout(LONG):
        while (state := await (await http.get("/_sandbox/play")).json())["state"] == "playing":
            await asyncio.sleep(0.02)
    return dict(state)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(LONG):
        while not condition():
            await asyncio.sleep(0.01)


async def frames(http: Http, socket: ClientWebSocketResponse, quiet: float = 0.2) -> list[Any]:
    """Return the messages that come until nothing is played and nothing has come for `quiet` seconds.

    They are lists of events, text where it is no JSON, and the close code.
    """
    found: list[Any] = []
    while True:
        try:
            message = await socket.receive(timeout=quiet)
        except TimeoutError:
            if (await (await http.get("/_sandbox/play")).json())["state"] == "playing":
                continue
            return found
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return [*found, message.data if message.type is WSMsgType.CLOSE else 1006]
        try:
            found.append(orjson.loads(message.data))
        except orjson.JSONDecodeError:
            found.append(message.data)


def minutes(messages: list[Any], symbol: str = "AAPL") -> list[int]:
    """Return the slots of the half-day's bars of a symbol, in the order in which they came."""
    events = [event for message in messages if isinstance(message, list) for event in message]
    return [
        (event["s"] - OPEN_MS) // 60_000 for event in events if event.get("ev") == "AM" and event.get("sym") == symbol
    ]
