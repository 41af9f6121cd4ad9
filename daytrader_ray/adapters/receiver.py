"""The one reader of all sources: judges each bar, writes it to the buffer, keeps it for the next decision."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.indices import is_index

BATCH = 200
"""Frames that are read before the event loop gets a turn."""
_US = 1_000_000
_NEWS = (Offer.NEW, Offer.REVISED)
_KEPT = (*_NEWS, Offer.INVALID, Offer.OTHER)
_OURS = (Offer.NEW, Offer.SAME, Offer.OTHER, Offer.REVISED)

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
        on_frame, on_change = partial(receiver.put, self), receiver.arrivals.announce
        super().__init__(name, link, config, rng, on_frame, on_change, receiver.expects)
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

    `halted` holds the symbols that stand still and since which minute, `counts` what happened how often, `failure` why
    nothing more can be received.
    `closed` is told from outside: the number of minutes that have been decided. What comes for those is late.
    """

    def __init__(self, table: BarTable, buffer: BarBuffer, ticks: LiveTicks, now: Callable[[], float]) -> None:
        self.arrivals = Arrivals()
        self.counts: Counter[str] = Counter()
        self.halted: dict[str, int] = {}
        self.closed = 0
        self.failure: FeedError | None = None
        self._table, self._buffer, self._ticks, self._now = table, buffer, ticks, now
        self._inbox = Inbox(asyncio.get_running_loop().time)
        self._fresh: dict[tuple[str, int], SeenBar] = {}
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

    def expects(self) -> bool:
        """Return whether streams must have something to say: during the session, unless every stock is halted."""
        table, minute = self._table, self._now() / 60.0
        is_open = table.minute(0) <= minute < table.minute(len(table.known))
        return is_open and not self.halted.keys() >= {symbol for symbol in table.symbols if not is_index(symbol)}

    def answered(self, answer: Answer) -> None:
        """Take an answer by REST."""
        try:
            if answer.failure:
                self.counts["unanswered"] += 1
            else:
                self.counts["answered"] += 1
                self._keep(REST, answer.bars)
                self._table.answer(answer.symbol, self._table.slot(answer.first), self._table.slot(answer.last))
        except FeedError as error:
            self.failure = error
        self.arrivals.announce()

    def take(self, slot: int) -> list[SeenBar]:
        """Return the bars up to a slot that no decision has seen yet."""
        last = self._table.minute(slot)
        return [self._fresh.pop(key) for key in list(self._fresh) if key[1] <= last]

    async def run(self) -> None:
        """Read until cancelled; whatever else ends it is told in `failure`."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._inbox:
                    self.read(BATCH)
                    await asyncio.sleep(0)
        except FeedError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - a session must not go on without its reader
            self.failure = FeedError(f"the reader of bars has ended ({type(error).__name__}: {error})")
        self.arrivals.announce()

    def read(self, n_frames: int) -> None:
        """Read up to so many frames; one that cannot be read is a gap, `FeedError` where the buffer is not written."""
        for _ in range(min(n_frames, len(self._inbox))):
            source, raw = self._inbox.take()
            try:
                self._frame(source, source.decode(raw))
            except FeedError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a frame holds, the next one is read
                log.warning("a frame could not be read", stream=source.name, error=f"{type(error).__name__}: {error}")
                source.breaks += 1
                self.counts["corrupt"] += 1
        self.arrivals.announce()

    def drain(self) -> None:
        """Read all that lies in the inbox."""
        self.read(len(self._inbox))

    def keep_ticks(self, before_minute: int, is_whole: bool) -> None:
        """Write the minutes of quotes and trades that are finished; without gaps unless `is_whole` is false."""
        for kind, symbol, columns in self._ticks.take(before_minute, is_whole):
            self._buffer.append({"kind": kind, "symbol": symbol, "columns": columns})

    def ticks(self, minute: int) -> Mapping[str, Sequence[float]]:
        """Return what quotes and trades say of an epoch minute whose ticks are kept, by symbol."""
        return self._ticks.minute(minute)

    def _frame(self, source: Source, found: Decoded) -> None:
        if found.corrupt:
            source.breaks += 1
            self.counts["corrupt"] += found.corrupt
        self.counts["unknown"] += found.unknown
        if found.bars:
            source.n_bars += len(found.bars)
            wrong, latest = self._keep(source.name, found.bars)
            source.latest = max(source.latest, latest)
            source.breaks += wrong > 0
        if found.quotes or found.trades:
            self._ticks.add(found.quotes, found.trades, int(self._now() // 60.0) + 1)
        for symbol, halted, minute in found.halts:
            self._halt(symbol, halted, minute)

    def _keep(self, source: str, bars: list[SeenBar]) -> tuple[int, int]:
        """Judge bars and write those that say something new, then let them be used.

        Returns how many were impossible, of a minute that has not begun or of values that no bar has, and the newest
        slot of the others that belong here (negative for none).
        """
        now, table = self._now(), self._table
        arrived, running, decided, latest = int(now * _US), now // 60.0, table.minute(self.closed), 0
        rows, news = [], []
        offers: Counter[Offer] = Counter()
        future = late = 0
        for bar in bars:
            if bar.minute > running:
                future += 1
                continue
            offer = table.offer(bar, source)
            offers[offer] += 1
            is_late = offer is Offer.NEW and bar.minute < decided
            late += is_late
            if offer in _OURS:
                latest = max(latest, bar.minute)
            if offer in _KEPT or (source == REST and offer is Offer.SAME):
                known_at = arrived if is_late or offer is Offer.REVISED else None
                rows.append([*bar[:9], known_at, source, offer])
            if offer in _NEWS:
                news.append(bar)
        if rows:
            self._buffer.append({"kind": "bars", "rows": rows})
        self._use(news, decided)
        self.counts.update({offer.value: n for offer, n in offers.items()} | {"future": future, "late": late})
        return future + offers[Offer.INVALID], table.slot(latest)

    def _use(self, bars: list[SeenBar], decided: int) -> None:
        """Keep bars for the next decision, a corrected one in the place of the first; one that trades is not halted."""
        self._fresh |= {(bar.symbol, bar.minute): bar for bar in bars if bar.minute >= decided}
        for bar in bars if self.halted else ():
            if bar.minute > self.halted.get(bar.symbol, bar.minute):
                del self.halted[bar.symbol]  # it trades: the news of its resumption was missed

    def _halt(self, symbol: str, halted: bool, minute: int) -> None:
        self.counts["halts"] += halted and symbol not in self.halted
        if halted:
            self.halted[symbol] = minute
        else:
            self.halted.pop(symbol, None)
