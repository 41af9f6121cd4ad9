"""The market-data WebSocket of the exchange, as Polygon speaks it: minute aggregates `AM` of named symbols."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from aiohttp import WSMsgType, web

from daytrader_ray.domain.errors import DataError
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.faults import FaultBox
from daytrader_ray.sandbox.outlet import CLOSE_POLICY, Dialect, Event, Outlet
from daytrader_ray.sandbox.polygon_rest import MINUTE_MS, trades
from daytrader_ray.sandbox.wire import QUEUE_BYTES, TEXT, Wire

FRAME_BARS = 1_000
"""At most this many bars in one frame: real clients refuse frames over 1 MiB."""


def _status(status: str, message: str) -> Event:
    return {"ev": "status", "status": status, "message": message}


DIALECT = Dialect(
    channel="polygon_stream",
    opcode=TEXT,
    encode=orjson.dumps,
    kind="ev",
    bar="AM",
    auth_failed=_status("auth_failed", "authentication failed"),
    max_connections=_status("max_connections", "Maximum number of connections exceeded."),
    slow_consumer=_status("slow_consumer", "Your connection has been closed: too slow to read."),
    unknown={"ev": "XX", "sym": "AAPL", "note": "no such event in the documentation"},
)


@dataclass
class _Connection:
    outlet: Outlet
    channels: dict[str, set[str]] = field(default_factory=dict)
    """Symbols by event type."""


class PolygonStream:
    """One connection for each key: a newcomer takes the place of the older one, as at the vendor.

    `n_bars` counts the bars sent since the session began.
    """

    def __init__(self, exchange: Exchange, faults: FaultBox, queue_bytes: int = QUEUE_BYTES) -> None:
        self._exchange = exchange
        self._faults = faults
        self._queue_bytes = queue_bytes
        self._rng = np.random.default_rng((exchange.config.seed, 1))
        self._open: dict[str, _Connection] = {}
        self._n_bars = 0
        self._so_far = lru_cache(maxsize=2048)(self._totals)

    @property
    def n_bars(self) -> int:
        """Return the bars sent to all connections since the session began."""
        return self._n_bars + sum(connection.outlet.n_bars for connection in self._open.values())

    @property
    def symbols(self) -> set[str]:
        """Return the symbols that anybody follows."""
        wanted = (symbols for connection in self._open.values() for symbols in connection.channels.values())
        return {symbol for symbols in wanted for symbol in symbols}

    def begin(self) -> None:
        """Start counting for a new session; subscriptions stay."""
        self._n_bars = -sum(connection.outlet.n_bars for connection in self._open.values())

    def send_bars(self, slot: int) -> None:
        """Send bar `slot` of every subscribed symbol that traded, in the order of their names."""
        for connection in list(self._open.values()):
            found = (self._bar(symbol, slot) for symbol in sorted(connection.channels.get("AM", ())))
            bars = [bar for bar in found if bar is not None]
            for start in range(0, len(bars), FRAME_BARS):
                connection.outlet.send("data", bars[start : start + FRAME_BARS], "bars")

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Greet, ask for the key, then follow subscriptions until the client goes."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        wire = Wire(socket, request, DIALECT.opcode, self._queue_bytes)
        outlet = Outlet(wire, DIALECT, "stocks", self._faults, self._rng, self._revised)
        outlet.send("greeting", [_status("connected", "Connected Successfully")])
        connection, key = _Connection(outlet), ""
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            action, params = _read(message.data)
            if action == "auth":
                key = self._authenticate(connection, params)
                if not params.strip():
                    break
            elif action and not key:
                outlet.send("auth", [_status("auth_failed", "not authenticated")])
            elif action in {"subscribe", "unsubscribe"}:
                follow = self._subscribe if action == "subscribe" else self._unsubscribe
                outlet.send("subscribe", [follow(connection, name.strip()) for name in params.split(",")])
        self._forget(key, connection)
        await socket.close()
        return socket

    def _authenticate(self, connection: _Connection, key: str) -> str:
        """Return the key if it is accepted, else an empty string."""
        if not key.strip():
            connection.outlet.send("auth", [DIALECT.auth_failed])
            return ""
        fault = connection.outlet.send("auth", [_status("auth_success", "authenticated")])
        if fault in {"auth_failed", "max_connections"}:
            return ""
        older = self._open.get(key)
        if older is not None and older is not connection:
            older.outlet.wire.send(DIALECT.encode([DIALECT.max_connections]))
            older.outlet.wire.close(CLOSE_POLICY, "max_connections")
            self._forget(key, older)
        self._open[key] = connection
        return key

    def _forget(self, key: str, connection: _Connection) -> None:
        if self._open.get(key) is connection:
            del self._open[key]
            self._n_bars += connection.outlet.n_bars

    def _subscribe(self, connection: _Connection, channel: str) -> Event:
        kind, _, symbol = channel.partition(".")
        if kind != "AM" or not self._exists(symbol):
            return _status("error", f"no such channel here: {channel}")
        connection.channels.setdefault(kind, set()).add(symbol)
        return _status("success", f"subscribed to: {channel}")

    def _unsubscribe(self, connection: _Connection, channel: str) -> Event:
        kind, _, symbol = channel.partition(".")
        connection.channels.get(kind, set()).discard(symbol)
        return _status("success", f"unsubscribed to: {channel}")

    def _exists(self, symbol: str) -> bool:
        try:
            return bool(self._exchange.market.traits(symbol))
        except DataError:
            return False

    def _totals(self, symbol: str, session: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return volume and VWAP of the day up to the end of each minute `[slot]`."""
        bars = self._exchange.market.bars(symbol, session)
        volume = np.cumsum(bars.volume)
        value = np.cumsum(np.where(bars.traded, bars.volume * bars.vwap, 0.0))
        return volume, np.round(value / np.maximum(volume, 1.0), 4)

    def _bar(self, symbol: str, slot: int) -> Event | None:
        exchange = self._exchange
        bars = exchange.market.bars(symbol, exchange.session)
        if not bars.traded[slot]:
            return None
        day_volume, day_vwap = self._so_far(symbol, exchange.session)
        volume = int(bars.volume[slot])
        start = (exchange.day.open_minute + slot) * MINUTE_MS
        return {
            "ev": "AM",
            "sym": symbol,
            "v": volume,
            "av": int(day_volume[slot]),
            "op": float(bars.open[np.argmax(bars.traded)]),
            "vw": float(bars.vwap[slot]),
            "o": float(bars.open[slot]),
            "c": float(bars.close[slot]),
            "h": float(bars.high[slot]),
            "l": float(bars.low[slot]),
            "a": float(day_vwap[slot]),
            "z": volume // trades(volume),
            "s": start,
            "e": start + MINUTE_MS,
        }

    def _revised(self, event: Event) -> list[Event]:
        return [event]


def _read(text: str) -> tuple[str, str]:
    try:
        message: Any = orjson.loads(text)
        return str(message["action"]), str(message.get("params", ""))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "", ""
