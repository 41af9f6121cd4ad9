"""The `trade_updates` WebSocket of the exchange, as Alpaca speaks it: binary frames that carry JSON."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from daytrader_ray.sandbox.exchange import Exchange

TRADE_UPDATES = "trade_updates"


class AlpacaStream:
    """All listeners of the account. `n_events` counts each update sent since the session began once."""

    def __init__(self, exchange: Exchange) -> None:
        self.n_events = 0
        self._exchange = exchange
        self._listeners: list[web.WebSocketResponse] = []
        self._one_at_a_time = asyncio.Lock()

    def begin(self) -> None:
        """Start counting for a new session; listeners stay."""
        self.n_events = 0

    async def send_updates(self) -> None:
        """Send what happened since the last call, in order; without a listener it is lost, as at the vendor."""
        async with self._one_at_a_time:
            updates, self._exchange.updates = self._exchange.updates, []
            listeners = [socket for socket in self._listeners if not socket.closed]
            if not listeners:
                return
            self.n_events += len(updates)
            for update in updates:
                for socket in listeners:
                    await _send(socket, TRADE_UPDATES, update)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Say nothing until asked; then answer authentication and the streams listened to."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        known = False
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            asked = _read(message.data)
            if asked.get("action") in {"authenticate", "auth"}:
                known = await self._authenticate(socket, asked)
            elif asked.get("action") == "listen":
                await self._listen(socket, asked, known)
        if socket in self._listeners:
            self._listeners.remove(socket)
        return socket

    async def _authenticate(self, socket: web.WebSocketResponse, asked: Mapping[str, Any]) -> bool:
        data = asked.get("data") or {"key_id": asked.get("key"), "secret_key": asked.get("secret")}
        known = bool(data.get("key_id") and data.get("secret_key"))
        status = "authorized" if known else "unauthorized"
        await _send(socket, "authorization", {"status": status, "action": "authenticate"})
        return known

    async def _listen(self, socket: web.WebSocketResponse, asked: Mapping[str, Any], known: bool) -> None:
        if not known:
            await _send(socket, "authorization", {"status": "unauthorized", "action": "listen"})
            return
        streams = [name for name in (asked.get("data") or {}).get("streams", []) if name == TRADE_UPDATES]
        if socket in self._listeners:
            self._listeners.remove(socket)
        if streams:
            self._listeners.append(socket)
        await _send(socket, "listening", {"streams": streams})


async def _send(socket: web.WebSocketResponse, stream: str, data: Mapping[str, Any]) -> None:
    if not socket.closed:
        await socket.send_bytes(orjson.dumps({"stream": stream, "data": data}))


def _read(text: str | bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return message if isinstance(message, dict) else {}
