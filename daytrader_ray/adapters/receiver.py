"""The one reader of all sources: judges each bar, writes it to the buffer, keeps it for the next decision."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import structlog

from daytrader_ray.adapters.bar_buffer import BarBuffer
from daytrader_ray.adapters.bar_table import REST, BarTable, Offer
from daytrader_ray.adapters.inbox import Inbox
from daytrader_ray.adapters.live_config import ReconnectConfig
from daytrader_ray.adapters.live_ticks import LiveTicks
from daytrader_ray.adapters.messages import Decoded, SeenBar
from daytrader_ray.adapters.rest_bars import Answer
from daytrader_ray.adapters.supervisor import Link, Supervisor
from daytrader_ray.adapters.waiting import Arrivals

BATCH = 200
"""Frames that are read before the event loop gets a turn."""
_US = 1_000_000
_KEPT = (Offer.REVISED, Offer.INVALID)

log = structlog.get_logger(__name__)


class BarLink(Link, Protocol):
    """A connection whose frames can be read."""

    def decode(self, raw: Any) -> Decoded:
        """Read one frame; what cannot be understood is counted, never raised."""
        ...


class Source(Supervisor):
    """One stream of bars: `latest` is the newest slot it has told of, `n_bars` counts its bars.

    `checked` is how often it had broken when a minute was last closed.
    """

    def __init__(
        self, name: str, link: BarLink, config: ReconnectConfig, rng: np.random.Generator, receiver: "Receiver"
    ) -> None:
        super().__init__(name, link, config, rng, partial(receiver.put, self), receiver.arrivals.announce)
        self.decode = link.decode
        self.latest = -1
        self.n_bars = 0
        self.checked = 0

    @property
    def is_whole(self) -> bool:
        """Return whether it is connected and has missed nothing since a minute was last closed."""
        return self.up and self.breaks == self.checked


class Receiver:
    """Fills table and buffer.

    `fresh` holds the bars that no decision has seen yet, `halted` the symbols that stand still and since which minute,
    `counts` what happened how often.
    `closed` is told from outside: the number of minutes that have been decided. What comes for those is late.
    """

    def __init__(self, table: BarTable, buffer: BarBuffer, ticks: LiveTicks, now: Callable[[], float]) -> None:
        self.arrivals = Arrivals()
        self.counts: Counter[str] = Counter()
        self.fresh: list[SeenBar] = []
        self.halted: dict[str, int] = {}
        self.closed = 0
        self.failure = ""
        self._table, self._buffer, self._ticks, self._now = table, buffer, ticks, now
        self._inbox = Inbox(asyncio.get_running_loop().time)
        self._wanted = asyncio.Event()

    @property
    def slow(self) -> int:
        """Return how often the reader fell behind the sockets."""
        return self._inbox.slow

    def put(self, source: Source, raw: Any) -> None:
        """Keep a frame for the reader; never waits."""
        if not self._inbox.put(source, raw):
            source.breaks += 1
            self.counts["dropped"] += 1
        self._wanted.set()

    def answered(self, answer: Answer) -> None:
        """Take an answer by REST."""
        if answer.failure:
            self.counts["unanswered"] += 1
        else:
            self.counts["answered"] += 1
            self._keep(REST, answer.bars)
            first, last = self._table.slot(answer.first), self._table.slot(answer.last)
            self._table.answer(answer.symbol, first, last)
            if first == 0 and last + 1 == self.closed == len(self._table.known):
                self._buffer.append({"kind": "day", "complete": [answer.symbol]})
        self.arrivals.announce()

    async def run(self) -> None:
        """Read until cancelled; a buffer that cannot be written ends it and is told in `failure`."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._inbox:
                    self.read(BATCH)
                    await asyncio.sleep(0)
        except OSError as error:
            self.failure = f"the buffer of live bars cannot be written: {error.strerror}"
            self.arrivals.announce()

    def read(self, n_frames: int) -> None:
        """Read up to so many frames."""
        for _ in range(min(n_frames, len(self._inbox))):
            source, raw = self._inbox.take()
            self._frame(source, source.decode(raw))
        self.arrivals.announce()

    def drain(self) -> None:
        """Read all that lies in the inbox."""
        self.read(len(self._inbox))

    def keep_ticks(self, before_minute: int) -> None:
        """Write the minutes of quotes and trades that are finished."""
        for kind, symbol, columns in self._ticks.take(before_minute):
            self._buffer.append({"kind": kind, "symbol": symbol, "columns": columns})

    def _frame(self, source: Source, found: Decoded) -> None:
        if found.corrupt:
            source.breaks += 1
            self.counts["corrupt"] += found.corrupt
        self.counts["unknown"] += found.unknown
        if found.bars:
            source.n_bars += len(found.bars)
            source.latest = max(source.latest, self._table.slot(max(bar.minute for bar in found.bars)))
            source.breaks += self._keep(source.name, found.bars) > 0
        if found.quotes or found.trades:
            self._ticks.add(found.quotes, found.trades)
        for symbol, halted, minute in found.halts:
            self._halt(symbol, halted, minute)

    def _keep(self, source: str, bars: list[SeenBar]) -> int:
        """Judge bars and write those that say something new, then let them be used; return how many were impossible."""
        arrived, closed, first = int(self._now() * _US), self.closed, self._table.minute(0)
        rows, new = [], []
        others: Counter[Offer] = Counter()
        for bar in bars:
            offer = self._table.offer(bar, source)
            if offer is Offer.NEW:
                new.append(bar)
                late = bar.minute - first < closed
                self.counts["late"] += late
                rows.append([*bar[:9], arrived if late else None, source, offer.value])
                continue
            others[offer] += 1
            if offer in _KEPT or (source == REST and offer is Offer.SAME):
                rows.append([*bar[:9], arrived if offer is Offer.REVISED else None, source, offer.value])
            elif offer is Offer.OTHER:
                log.info("sources differ", symbol=bar.symbol, minute=bar.minute, source=source)
        if rows:
            self._buffer.append({"kind": "bars", "rows": rows})
        self._use(new)
        self.counts[Offer.NEW.value] += len(new)
        for offer, n in others.items():
            self.counts[offer.value] += n
        return others[Offer.INVALID]

    def _use(self, bars: list[SeenBar]) -> None:
        self.fresh += [bar for bar in bars if self._table.slot(bar.minute) >= self.closed]
        for bar in bars if self.halted else ():
            if bar.minute > self.halted.get(bar.symbol, bar.minute):
                del self.halted[bar.symbol]  # it trades: the news of its resumption was missed

    def _halt(self, symbol: str, halted: bool, minute: int) -> None:
        self.counts["halts"] += halted and symbol not in self.halted
        if halted:
            self.halted[symbol] = minute
        else:
            self.halted.pop(symbol, None)
