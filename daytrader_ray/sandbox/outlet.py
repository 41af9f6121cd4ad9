"""What a vendor's stream says on one connection, and the faults that befall it on the way.

Each message is one draw at the fault box, under `STAGE/MARKET` (`greeting/stocks`, `auth/sip`) or, for data,
`data/MARKET/bars` and `data/MARKET/ticks`; a rule's `where` is a prefix of that. A fault of a single bar falls on one
event of the message, picked by a seeded generator. Its `seconds` are of real time, whatever the speed of the clock.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from daytrader_ray.sandbox.faults import Fault, FaultBox
from daytrader_ray.sandbox.wire import Wire

Event = dict[str, Any]

ANYWHERE = ("close", "silence", "stall", "split_frame", "big_frame", "unknown_event")
KINDS = {
    "greeting": (*ANYWHERE, "no_greeting"),
    "auth": (*ANYWHERE, "auth_failed", "max_connections"),
    "subscribe": (*ANYWHERE, "drop"),
    "data": (*ANYWHERE, "duplicate", "late", "out_of_order", "corrupt", "revised", "drop", "max_connections"),
}
"""Faults that can happen at each stage."""
PADDING = "." * (1 << 20)
"""Makes a frame larger than the 1 MiB that clients take by default."""
CLOSE_POLICY = 1008


@dataclass(frozen=True)
class Dialect:
    """How a vendor writes: frame type, encoding, and the messages that its faults need."""

    channel: str
    opcode: int
    encode: Callable[[list[Event]], bytes]
    kind: str
    """Key of an event's type."""
    bar: str
    """Type of a minute bar."""
    symbol: str
    """Key of its symbol."""
    auth_failed: Event
    max_connections: Event
    slow_consumer: Event
    unknown: Event


class Outlet:
    """Sends events and applies faults; `n_bars` counts the minute bars that went out, broken ones included."""

    def __init__(
        self,
        wire: Wire,
        dialect: Dialect,
        market: str,
        faults: FaultBox,
        rng: np.random.Generator,
        revise: Callable[[Event], tuple[Event, list[Event]]],
    ) -> None:
        self.wire = wire
        self.n_bars = 0
        self._dialect = dialect
        self._market = market
        self._faults = faults
        self._rng = rng
        self._revise = revise
        self._behind: list[Event] = []
        self._acts: dict[str, Callable[[Fault, str, list[Event]], None]] = {
            "close": self._close,
            "no_greeting": lambda *_: None,
            "auth_failed": lambda *_: self._write([dialect.auth_failed]),
            "max_connections": self._max_connections,
            "silence": lambda fault, *_: self.wire.silence(fault.seconds),
            "stall": self._stall,
            "duplicate": self._duplicate,
            "late": self._late,
            "out_of_order": self._out_of_order,
            "corrupt": self._corrupt,
            "revised": self._revised,
            "drop": lambda _, __, events: self._write(self._without(events, self._pick(events))),
            "split_frame": lambda _, __, events: self._write(events, fragments=3),
            "big_frame": lambda _, __, events: self._write([*events, {**dialect.unknown, "padding": PADDING}]),
            "unknown_event": lambda _, __, events: self._write([dialect.unknown, *events]),
        }

    def send(self, stage: str, events: list[Event], part: str = "") -> str | None:
        """Send one message of `stage` and return the kind of fault that befell it."""
        where = "/".join(filter(None, (stage, self._market, part)))
        fault = self._faults.draw(self._dialect.channel, where, KINDS[stage])
        behind, self._behind = self._behind, []
        if fault is None:
            self._write(events)
        else:
            self._acts[fault.kind](fault, stage, events)
        self._write(behind)
        return None if fault is None else fault.kind

    def _write(self, events: list[Event], fragments: int = 1) -> None:
        if not events:
            return
        sent = self.wire.send(self._dialect.encode(events), fragments)
        if sent == "sent":
            self.n_bars += sum(event.get(self._dialect.kind) == self._dialect.bar for event in events)
        elif sent == "overflow":
            self.wire.refuse(self._dialect.encode([self._dialect.slow_consumer]), CLOSE_POLICY, "slow_consumer")

    def _pick(self, events: list[Event]) -> int:
        """Choose the event that the fault just drawn falls on, and add its symbol to the log."""
        index = int(self._rng.integers(len(events)))
        self._faults.log[-1]["symbol"] = events[index].get(self._dialect.symbol)
        return index

    @staticmethod
    def _without(events: list[Event], index: int) -> list[Event]:
        return events[:index] + events[index + 1 :]

    def _close(self, fault: Fault, _: str, __: list[Event]) -> None:
        self.wire.close(fault.code, "fault")

    def _max_connections(self, _: Fault, stage: str, __: list[Event]) -> None:
        """Take the place of the answer to a key, without a word more; later on, end the connection as well."""
        self._write([self._dialect.max_connections])
        if stage == "data":
            self.wire.close(CLOSE_POLICY, "max_connections")

    def _stall(self, fault: Fault, _: str, events: list[Event]) -> None:
        self.wire.stall(fault.seconds)
        self._write(events)

    def _duplicate(self, _: Fault, __: str, events: list[Event]) -> None:
        self._write(events)
        self._write([events[self._pick(events)]])

    def _late(self, fault: Fault, _: str, events: list[Event]) -> None:
        index = self._pick(events)
        self._write(self._without(events, index))
        asyncio.get_running_loop().call_later(fault.seconds, self._write, [events[index]])

    def _out_of_order(self, _: Fault, __: str, events: list[Event]) -> None:
        """Send one event after the message that follows."""
        index = self._pick(events)
        self._write(self._without(events, index))
        self._behind = [events[index]]

    def _revised(self, fault: Fault, _: str, events: list[Event]) -> None:
        """Send an earlier report in the place of one event, and later what corrects it."""
        index = self._pick(events)
        early, corrections = self._revise(events[index])
        self._write([*events[:index], early, *events[index + 1 :]])
        asyncio.get_running_loop().call_later(fault.seconds, self._write, corrections)

    def _corrupt(self, _: Fault, __: str, events: list[Event]) -> None:
        """Break the message, or one event in it: a field is missing, is no number, or cannot be a price."""
        index, way = self._pick(events), int(self._rng.integers(4))
        if way == 0:
            self.wire.send(self._dialect.encode(events)[:-2])
            return
        bad = _broken(events[index], way)
        self._write([*events[:index], bad, *events[index + 1 :]])


def _broken(event: Event, way: int) -> Event:
    """Return a copy without its price, with a word for it, or with a price below zero (a bar's high below its low)."""
    key = next((key for key in ("c", "bp", "p", "val") if isinstance(event.get(key), float)), None)
    if key is None:
        return {}
    if way == 1:
        return {name: value for name, value in event.items() if name != key}
    if way == 2:
        return {**event, key: "n/a"}
    return {**event, "h": event["l"] / 2} if "h" in event else {**event, key: -event[key]}
