"""The handshakes of both vendors' streams, and the exchange in this process with a short patience."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer
from polygon import WebSocketClient
from polygon.exceptions import AuthError

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.server import create_app


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def statuses(socket: ClientWebSocketResponse) -> list[str]:
    return [message["status"] for message in await socket.receive_json()]


async def authenticated(http: ClientSession, url: str) -> ClientWebSocketResponse:
    socket = await http.ws_connect(f"{url}/stocks")
    assert await statuses(socket) == ["connected"]
    await socket.send_json({"action": "auth", "params": "K"})
    return socket


async def test_an_empty_polygon_key_fails_in_the_real_client(url: str) -> None:
    client = WebSocketClient(" ", feed=url.removeprefix("http://"), market="stocks", secure=False)
    with pytest.raises(AuthError, match="authentication failed"):
        await asyncio.wait_for(client.connect(lambda _: None), 10)
    await client.close()


async def test_a_newer_data_connection_takes_the_place_of_the_older(http: ClientSession, url: str) -> None:
    older = await authenticated(http, url)
    assert await statuses(older) == ["auth_success"]
    newer = await authenticated(http, url)
    assert await statuses(newer) == ["auth_success"]
    assert await statuses(older) == ["max_connections"]
    assert (await older.receive()).data == 1008
    await newer.send_json({"action": "subscribe", "params": "AM.AAPL,XX.AAPL,AM.I:VIX,AM.no such"})
    assert await statuses(newer) == ["success", "error", "error", "error"]
    await newer.send_json({"action": "unsubscribe", "params": "AM.AAPL"})
    assert (await newer.receive_json())[0]["message"] == "unsubscribed to: AM.AAPL"
    await newer.close()


async def test_subscribing_before_the_key_gets_nothing(http: ClientSession, url: str) -> None:
    socket = await http.ws_connect(f"{url}/stocks")
    await socket.receive_json()
    await socket.send_str("not json")
    await socket.send_json({"action": "subscribe", "params": "AM.AAPL"})
    assert await statuses(socket) == ["auth_failed"]
    await socket.close()


async def answer(socket: ClientWebSocketResponse, message: dict[str, Any]) -> dict[str, Any]:
    await socket.send_str(json.dumps(message))
    frame = await socket.receive()
    assert frame.type.name == "BINARY"
    found: dict[str, Any] = json.loads(frame.data)
    return found


async def test_trade_updates_follow_alpacas_handshake_in_binary_frames(http: ClientSession, url: str) -> None:
    socket = await http.ws_connect(f"{url}/stream")
    listen = {"action": "listen", "data": {"streams": ["trade_updates", "gossip"]}}
    early = await answer(socket, listen)
    assert early == {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}
    empty = await answer(socket, {"action": "authenticate", "data": {"key_id": "", "secret_key": "S"}})
    assert empty["data"]["status"] == "unauthorized"
    known = await answer(socket, {"action": "authenticate", "data": {"key_id": "K", "secret_key": "S"}})
    assert known == {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
    assert await answer(socket, listen) == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
    await socket.close()


async def test_a_client_that_does_not_answer_is_told_where_it_stopped() -> None:
    config = SandboxConfig(n_sessions=1)
    async with TestClient(TestServer(create_app(config, CostConfig(), answer_seconds=1.0))) as client:
        clock = await client.ws_connect(f"/_sandbox/clock?session={config.first_session}")
        await clock.receive_json()
        await clock.send_json({"done": 0, "phase": "A"})
        assert (await clock.receive_json())["phase"] == "B"
        message = await clock.receive()
        assert (message.data, message.extra) == (1011, "no answer to minute 0 phase B")
