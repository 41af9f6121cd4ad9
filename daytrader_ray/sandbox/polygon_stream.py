"""The market-data WebSockets of the exchange, as Polygon speaks them: `/stocks` and `/indices`."""

from typing import Any, Literal

import orjson
from aiohttp import WSMsgType, web

from daytrader_ray.sandbox.data_stream import Connection, DataStream
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.faults import FaultBox
from daytrader_ray.sandbox.outlet import CLOSE_POLICY, Dialect, Event, Outlet
from daytrader_ray.sandbox.polygon_events import PolygonEvents
from daytrader_ray.sandbox.wire import TEXT, Wire

CHANNELS = {"stocks": {"AM", "A", "T", "Q", "LULD"}, "indices": {"AM", "V"}}


def _status(status: str, message: str) -> Event:
    return {"ev": "status", "status": status, "message": message}


DIALECT = Dialect(
    channel="polygon_stream",
    opcode=TEXT,
    encode=orjson.dumps,
    kind="ev",
    bar="AM",
    symbol="sym",
    auth_failed=_status("auth_failed", "authentication failed"),
    max_connections=_status("max_connections", "Maximum number of connections exceeded."),
    slow_consumer=_status("slow_consumer", "Your connection has been closed: too slow to read."),
    unknown={"ev": "XX", "sym": "AAPL", "note": "no such event in the documentation"},
)


class PolygonStream(DataStream):
    """One connection for each key: a newcomer takes the place of the older one, as at the vendor."""

    def __init__(self, exchange: Exchange, faults: FaultBox, market: Literal["stocks", "indices"]) -> None:
        self._events = PolygonEvents(exchange)
        super().__init__(exchange, faults, self._events, market, "AM")

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Greet, ask for the key, then follow subscriptions until the client goes."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        wire = Wire(socket, request, DIALECT.opcode, self._queue_bytes)
        connection = Connection(Outlet(wire, DIALECT, self._market, self._faults, self._rng, self._revise))
        connection.outlet.send("greeting", [_status("connected", "Connected Successfully")])
        try:
            await self._listen(socket, connection)
        finally:
            self._forget(connection)
        await socket.close()
        return socket

    async def _listen(self, socket: web.WebSocketResponse, connection: Connection) -> None:
        async for message in socket:
            action, params = _read(message.data) if message.type is WSMsgType.TEXT else ("", "")
            if action == "auth" and not connection.key:
                self._authenticate(connection, params)
                if not params.strip():
                    return
            elif action and not connection.key:
                connection.outlet.send("auth", [_status("auth_failed", "not authenticated")])
            elif action in {"subscribe", "unsubscribe"}:
                follow = self._subscribe if action == "subscribe" else self._unsubscribe
                names = [name.strip() for name in params.split(",")]
                connection.outlet.send("subscribe", [follow(connection, name) for name in names])

    def _authenticate(self, connection: Connection, key: str) -> None:
        if not key.strip():
            connection.outlet.send("auth", [DIALECT.auth_failed])
            return
        fault = connection.outlet.send("auth", [_status("auth_success", "authenticated")])
        if fault in {"auth_failed", "max_connections"}:
            return
        older = self._open.get(key)
        if older is not None:
            older.outlet.wire.send(DIALECT.encode([DIALECT.max_connections]))
            older.outlet.wire.close(CLOSE_POLICY, "max_connections")
        self._admit(key, connection)

    def _subscribe(self, connection: Connection, channel: str) -> Event:
        kind, _, symbol = channel.partition(".")
        if kind not in CHANNELS[self._market] or not self._exists(symbol):
            return _status("error", f"no such channel here: {channel}")
        connection.channels.setdefault(kind, set()).add(symbol)
        return _status("success", f"subscribed to: {channel}")

    def _unsubscribe(self, connection: Connection, channel: str) -> Event:
        kind, _, symbol = channel.partition(".")
        connection.channels.get(kind, set()).discard(symbol)
        return _status("success", f"unsubscribed to: {channel}")

    def _revise(self, event: Event) -> tuple[Event, list[Event]]:
        """Return an earlier report of a bar, and the bar itself as what corrects it."""
        return (self._events.first_report(event), [event]) if event["ev"] == "AM" else (event, [])


def _read(text: str) -> tuple[str, str]:
    try:
        message: Any = orjson.loads(text)
        return str(message["action"]), str(message.get("params", ""))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "", ""
