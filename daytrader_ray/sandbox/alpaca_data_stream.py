"""The market-data WebSockets of the exchange, as Alpaca speaks them in msgpack: `/v2/sip` and `/v2/iex`.

Both tell the same market: the share of it that one venue sees is not modelled. Sizes are in shares. A newcomer is
refused while an older connection of its key is open (406), where Polygon would close the older one.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgpack
from aiohttp import WSMsgType, web

from daytrader_ray.domain.sessions import NS_PER_MINUTE
from daytrader_ray.sandbox.bars import trades
from daytrader_ray.sandbox.data_stream import Connection, DataStream, Stamped
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.faults import FaultBox
from daytrader_ray.sandbox.outlet import Dialect, Event, Outlet
from daytrader_ray.sandbox.source import Halt, SessionBars
from daytrader_ray.sandbox.wire import BINARY, Wire

CHANNELS = ("trades", "quotes", "bars", "updatedBars", "statuses")
PER_MINUTE = 100_000
"""Trade ids that a symbol's minute has."""


def _encode(events: list[Event]) -> bytes:
    packed: bytes = msgpack.packb(events)
    return packed


def _error(code: int, text: str) -> Event:
    return {"T": "error", "code": code, "msg": text}


DIALECT = Dialect(
    channel="alpaca_stream",
    opcode=BINARY,
    encode=_encode,
    kind="T",
    bar="b",
    symbol="S",
    auth_failed=_error(402, "auth failed"),
    max_connections=_error(406, "connection limit exceeded"),
    slow_consumer=_error(407, "slow client"),
    unknown={"T": "xx", "S": "AAPL", "note": "no such message in the documentation"},
)


class AlpacaEvents:
    """Puts the market's minutes in Alpaca's words."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._channels: dict[str, Callable[[str, int], list[Stamped]]] = {
            "trades": self._trades,
            "quotes": self._quotes,
            "statuses": self._statuses,
            "updatedBars": lambda *_: [],
        }

    def bar(self, symbol: str, slot: int) -> Event | None:
        """Return the bar of a minute; None where there was no trade."""
        return self._bar(symbol, slot, self._exchange.market.bars(symbol, self._exchange.session), slot)

    def first_report(self, event: Event) -> Event:
        """Return a bar as an earlier report had it, with late trades missing."""
        symbol, session = event["S"], self._exchange.session
        slot = event["t"].to_unix_nano() // NS_PER_MINUTE - self._exchange.day.open_minute
        early = self._bar(symbol, slot, self._exchange.market.revision(symbol, session, slot), 0)
        return event if early is None else early

    def inside(self, channel: str, symbol: str, slot: int) -> list[Stamped]:
        """Return what a channel says during a minute, in the order of time."""
        return self._channels[channel](symbol, slot)

    def _start(self, slot: int) -> int:
        return (self._exchange.day.open_minute + slot) * NS_PER_MINUTE

    def _bar(self, symbol: str, slot: int, bars: SessionBars, row: int) -> Event | None:
        if not bars.traded[row]:
            return None
        volume = int(bars.volume[row])
        return {
            "T": "b", "S": symbol, "o": float(bars.open[row]), "h": float(bars.high[row]),
            "l": float(bars.low[row]), "c": float(bars.close[row]), "v": volume, "n": trades(volume),
            "vw": float(bars.vwap[row]), "t": msgpack.Timestamp.from_unix_nano(self._start(slot)),
        }  # fmt: skip

    def _trades(self, symbol: str, slot: int) -> list[Stamped]:
        made = self._exchange.market.trades(symbol, self._exchange.session, slot)
        values = zip(made.stamp_ns.tolist(), made.price.tolist(), made.size.tolist(), strict=True)
        return [
            (
                stamp,
                {
                    "T": "t", "S": symbol, "i": slot * PER_MINUTE + n, "x": "V", "p": price, "s": int(size),
                    "c": ["@"], "z": "C", "t": msgpack.Timestamp.from_unix_nano(stamp),
                },
            )
            for n, (stamp, price, size) in enumerate(values)
        ]  # fmt: skip

    def _quotes(self, symbol: str, slot: int) -> list[Stamped]:
        made = self._exchange.market.quotes(symbol, self._exchange.session, slot)
        columns = (made.stamp_ns, made.bid, made.ask, made.bid_size, made.ask_size)
        values = zip(*(column.tolist() for column in columns), strict=True)
        return [
            (
                stamp,
                {
                    "T": "q", "S": symbol, "bx": "V", "bp": bid, "bs": int(bid_size), "ax": "V", "ap": ask,
                    "as": int(ask_size), "c": ["R"], "z": "C", "t": msgpack.Timestamp.from_unix_nano(stamp),
                },
            )
            for stamp, bid, ask, bid_size, ask_size in values
        ]  # fmt: skip

    def _statuses(self, symbol: str, slot: int) -> list[Stamped]:
        start = self._start(slot)
        halts = self._exchange.market.halts(symbol, self._exchange.session)
        found = [_halted(halt) for halt in halts if halt.start == slot]
        found += [_resumed(halt) for halt in halts if halt.stop == slot]
        stamp = msgpack.Timestamp.from_unix_nano(start)
        return [(start, {"T": "s", "S": symbol, **codes, "z": "C", "t": stamp}) for codes in found]


def _halted(halt: Halt) -> dict[str, str]:
    if halt.whole_market:
        return {"sc": "H", "sm": "Trading Halt", "rc": "MWC1", "rm": "Market Wide Circuit Breaker Halt - Level 1"}
    return {"sc": "P", "sm": "Volatility Trading Pause", "rc": "LUDP", "rm": "Volatility Trading Pause"}


def _resumed(halt: Halt) -> dict[str, str]:
    reason = (
        {"rc": "MWCQ", "rm": "Market Wide Circuit Breaker Resumption"} if halt.whole_market else {"rc": "", "rm": ""}
    )
    return {"sc": "T", "sm": "Trading Resumption", **reason}


class AlpacaDataStream(DataStream):
    """One connection for each key; `market` is the feed's name."""

    def __init__(self, exchange: Exchange, faults: FaultBox, market: Literal["sip", "iex"]) -> None:
        self._events = AlpacaEvents(exchange)
        super().__init__(exchange, faults, self._events, market, "bars")

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Greet, ask for the key, then follow subscriptions until the client goes."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        wire = Wire(socket, request, DIALECT.opcode, self._queue_bytes)
        channels: dict[str, set[str]] = {name: set() for name in CHANNELS}

        def revise(event: Event) -> tuple[Event, list[Event]]:
            return self._revise(event, channels["updatedBars"])

        outlet = Outlet(wire, DIALECT, self._market, self._faults, self._rng, revise)
        connection = Connection(outlet, channels=channels)
        outlet.send("greeting", [{"T": "success", "msg": "connected"}])
        try:
            await self._listen(socket, connection)
        finally:
            self._forget(connection)
        await socket.close()
        return socket

    async def _listen(self, socket: web.WebSocketResponse, connection: Connection) -> None:
        async for message in socket:
            asked = _read(message.data) if message.type is WSMsgType.BINARY else {}
            if asked.get("action") == "auth" and not connection.key:
                self._authenticate(connection, asked)
                if not connection.key:
                    return
            elif not connection.key:
                connection.outlet.send("auth", [_error(401, "not authenticated")])
            else:
                connection.outlet.send("subscribe", [self._follow(connection, asked)])

    def _authenticate(self, connection: Connection, asked: Mapping[str, Any]) -> None:
        key, older = str(asked.get("key") or ""), self._open.get(str(asked.get("key")))
        refusal = None
        if not key or not asked.get("secret"):
            refusal = DIALECT.auth_failed
        elif older is not None and older.outlet.wire.is_open:
            refusal = DIALECT.max_connections
        fault = connection.outlet.send("auth", [refusal or {"T": "success", "msg": "authenticated"}])
        if refusal is None and fault not in {"auth_failed", "max_connections"}:
            self._admit(key, connection)

    def _follow(self, connection: Connection, asked: Mapping[str, Any]) -> Event:
        """Add or take away what is asked and return all that is followed now."""
        change = {"subscribe": set.update, "unsubscribe": set.difference_update}.get(str(asked.get("action")))
        if change is None:
            return _error(400, "invalid syntax")
        for channel, symbols in connection.channels.items():
            change(symbols, [name for name in map(str, asked.get(channel) or ()) if self._exists(name)])
        return {"T": "subscription", **{name: sorted(symbols) for name, symbols in connection.channels.items()}}

    def _revise(self, event: Event, updated: set[str]) -> tuple[Event, list[Event]]:
        """Return an earlier report of a bar, and the correction for who follows those."""
        if event["T"] != "b":
            return event, []
        followed = bool(updated & {"*", event["S"]})
        return self._events.first_report(event), [{**event, "T": "u"}] if followed else []


def _read(data: bytes) -> dict[str, Any]:
    try:
        message = msgpack.unpackb(data)
    except (msgpack.UnpackException, ValueError):
        return {}
    return message if isinstance(message, dict) else {}
