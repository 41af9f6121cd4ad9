"""The market-data WebSocket of the exchange, as Polygon speaks it: minute aggregates `AM` of named symbols."""

from typing import Any

import numpy as np
import orjson
from aiohttp import WSMsgType, web

from daytrader_ray.sandbox.bars import trades
from daytrader_ray.sandbox.doors import MINUTE_MS
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.traits import KNOWN_SYMBOL

FRAME_BARS = 1_000
"""At most this many bars in one frame: real clients refuse frames over 1 MiB."""


class PolygonStream:
    """The one data connection: a newcomer takes the place of an older one, as at the vendor.

    `n_bars` counts the bars sent to subscriptions since the session began.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.n_bars = 0
        self._exchange = exchange
        self._socket: web.WebSocketResponse | None = None
        self._symbols: set[str] = set()

    def begin(self) -> None:
        """Start counting for a new session; subscriptions stay."""
        self.n_bars = 0

    async def send_bars(self, slot: int) -> None:
        """Send bar `slot` of every subscribed symbol that traded, in the order of their names."""
        found = (self._bar(symbol, slot) for symbol in sorted(self._symbols))
        bars = [bar for bar in found if bar is not None]
        if self._socket is None or self._socket.closed:
            return
        self.n_bars += len(bars)
        for start in range(0, len(bars), FRAME_BARS):
            await _send(self._socket, bars[start : start + FRAME_BARS])

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Greet, ask for the key, then follow subscriptions until the client goes."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await _send(socket, [_status("connected", "Connected Successfully")])
        known = False
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            action, params = _read(message.data)
            if action == "auth":
                known = await self._authenticate(socket, params)
                if not known:
                    break
            elif not known:
                await _send(socket, [_status("auth_failed", "not authenticated")])
            elif action in {"subscribe", "unsubscribe"}:
                await _send(socket, [self._follow(action, channel) for channel in params.split(",")])
        if self._socket is socket:
            self._socket = None
            self._symbols.clear()
        await socket.close()
        return socket

    async def _authenticate(self, socket: web.WebSocketResponse, key: str) -> bool:
        if not key.strip():
            await _send(socket, [_status("auth_failed", "authentication failed")])
            return False
        older, self._socket = self._socket, socket
        self._symbols.clear()
        if older is not None and not older.closed:
            await _send(older, [_status("max_connections", "Maximum number of connections exceeded.")])
            await older.close(code=1008, message=b"max_connections")
        await _send(socket, [_status("auth_success", "authenticated")])
        return True

    def _follow(self, action: str, channel: str) -> dict[str, str]:
        kind, _, symbol = channel.strip().partition(".")
        if kind != "AM" or not KNOWN_SYMBOL.fullmatch(symbol):
            return _status("error", f"no such channel here: {channel} (AM.SYMBOL for named symbols)")
        if action == "subscribe":
            self._symbols.add(symbol)
            return _status("success", f"subscribed to: {channel}")
        self._symbols.discard(symbol)
        return _status("success", f"unsubscribed to: {channel}")

    def _bar(self, symbol: str, slot: int) -> dict[str, Any] | None:
        exchange = self._exchange
        bars = exchange.market.bars(symbol, exchange.session)
        if not bars.traded[slot]:
            return None
        volume = int(bars.volume[slot])
        so_far = bars.volume[: slot + 1]
        traded = bars.traded[: slot + 1]
        day_volume = float(so_far.sum())
        day_vwap = float(np.dot(so_far[traded], bars.vwap[: slot + 1][traded])) / day_volume
        start = (exchange.day.open_minute + slot) * MINUTE_MS
        return {
            "ev": "AM",
            "sym": symbol,
            "v": volume,
            "av": int(day_volume),
            "op": float(bars.open[np.argmax(traded)]),
            "vw": float(bars.vwap[slot]),
            "o": float(bars.open[slot]),
            "c": float(bars.close[slot]),
            "h": float(bars.high[slot]),
            "l": float(bars.low[slot]),
            "a": round(day_vwap, 4),
            "z": volume // trades(volume),
            "s": start,
            "e": start + MINUTE_MS,
        }


def _status(status: str, message: str) -> dict[str, str]:
    return {"ev": "status", "status": status, "message": message}


async def _send(socket: web.WebSocketResponse, events: list[dict[str, Any]]) -> None:
    if not socket.closed:
        await socket.send_str(orjson.dumps(events).decode())


def _read(text: str) -> tuple[str, str]:
    try:
        message = orjson.loads(text)
        return str(message["action"]), str(message.get("params", ""))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "", ""
