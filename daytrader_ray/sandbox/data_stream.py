"""What Polygon's and Alpaca's market-data streams share: who follows what, and when it is sent."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np

from daytrader_ray.domain.errors import DataError
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.faults import FaultBox
from daytrader_ray.sandbox.outlet import Event, Outlet

FRAME_EVENTS = 1_000
"""At most this many events in one frame: real clients refuse frames over 1 MiB."""
ALL = "*"
INDEX = "INDEX"

Stamped = tuple[int, Event]
"""When an event goes out (epoch ns) and what it says."""


class Wording(Protocol):
    """A vendor's way to put what the market does; events are shared by all connections and never changed."""

    def bar(self, symbol: str, slot: int) -> Event | None:
        """Return the bar of a minute; None where there was no trade."""
        ...

    def inside(self, channel: str, symbol: str, slot: int) -> Sequence[Stamped]:
        """Return what a channel other than that of minute bars says during a minute."""
        ...


@dataclass
class Connection:
    """One client, and the events of the running minute that it has not had yet."""

    outlet: Outlet
    key: str = ""
    """Empty until it is accepted."""
    channels: dict[str, set[str]] = field(default_factory=dict)
    """Symbols, or `*` for all, by channel."""
    slot: int = -1
    waiting: deque[Stamped] = field(default_factory=deque)


class DataStream:
    """The connections of one endpoint; subclasses speak the vendor's handshake."""

    def __init__(self, exchange: Exchange, faults: FaultBox, wording: Wording, market: str, bars: str) -> None:
        self._exchange = exchange
        self._faults = faults
        self._wording = wording
        self._market = market
        self._bars = bars
        """The channel of minute bars."""
        self._queue_bytes = int(exchange.config.stream_queue_mib * (1 << 20))
        self._rng = np.random.default_rng((exchange.config.seed, *market.encode()))
        self._open: dict[str, Connection] = {}
        self._gone = 0
        self._all = lru_cache(maxsize=4)(self._list)

    @property
    def n_bars(self) -> int:
        """Return the bars sent to all connections since the session began."""
        return self._gone + sum(connection.outlet.n_bars for connection in self._open.values())

    @property
    def symbols(self) -> set[str]:
        """Return the symbols that anybody follows."""
        wanted = (symbols for connection in self._open.values() for symbols in connection.channels.values())
        return {symbol for symbols in wanted for symbol in self._named(symbols)}

    def begin(self) -> None:
        """Start a new session; subscriptions stay, the count of bars begins at 0."""
        self._gone = -sum(connection.outlet.n_bars for connection in self._open.values())
        for connection in self._open.values():
            connection.slot = -1

    def send_bars(self, slot: int) -> None:
        """Send what is left of minute `slot`, then its bar of every followed symbol that traded, by symbol."""
        for connection in list(self._open.values()):
            self._send_inside(connection, slot, None)
            symbols = self._named(connection.channels.get(self._bars, set()))
            bars = [bar for symbol in symbols if (bar := self._wording.bar(symbol, slot)) is not None]
            _send(connection, bars, "bars")

    def send_inside(self, slot: int, before_ns: int) -> None:
        """Send what happened in minute `slot` before `before_ns` and has not been sent."""
        for connection in list(self._open.values()):
            self._send_inside(connection, slot, before_ns)

    def _send_inside(self, connection: Connection, slot: int, before_ns: int | None) -> None:
        if connection.slot != slot:
            connection.slot = slot
            connection.waiting = self._minute(connection, slot)
        due: list[Event] = []
        while connection.waiting and (before_ns is None or connection.waiting[0][0] < before_ns):
            due.append(connection.waiting.popleft()[1])
        _send(connection, due, "ticks")

    def _minute(self, connection: Connection, slot: int) -> deque[Stamped]:
        events: list[Stamped] = []
        for channel, symbols in connection.channels.items():
            if channel != self._bars:
                for symbol in self._named(symbols):
                    events.extend(self._wording.inside(channel, symbol, slot))
        return deque(sorted(events, key=lambda stamped: stamped[0]))

    def _admit(self, key: str, connection: Connection) -> None:
        """Take a client in, in the place of the older one with its key."""
        older = self._open.get(key)
        if older is not None:
            self._forget(older)
        connection.key = key
        self._open[key] = connection

    def _forget(self, connection: Connection) -> None:
        if self._open.get(connection.key) is connection:
            del self._open[connection.key]
            self._gone += connection.outlet.n_bars

    def _exists(self, symbol: str) -> bool:
        """Return whether `symbol` can be followed here: all of them, or one that is listed and of this market."""
        try:
            return symbol == ALL or self._belongs(self._exchange.market.listed(symbol).kind)
        except DataError:
            return False

    def _belongs(self, kind: str) -> bool:
        return (kind == INDEX) == (self._market == "indices")

    def _named(self, symbols: set[str]) -> list[str]:
        everything = self._all(self._exchange.session) if ALL in symbols else ()
        return sorted((symbols - {ALL}).union(everything))

    def _list(self, session: int) -> tuple[str, ...]:
        """Return all named instruments of this market that are listed on a session's day."""
        date = self._exchange.market.grid.sessions[session].date
        return tuple(
            named.symbol
            for named in self._exchange.market.listing()
            if self._belongs(named.kind) and named.listed <= date and (named.delisted is None or date <= named.delisted)
        )


def _send(connection: Connection, events: list[Event], part: str) -> None:
    for start in range(0, len(events), FRAME_EVENTS):
        connection.outlet.send("data", events[start : start + FRAME_EVENTS], part)
