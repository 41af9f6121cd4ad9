"""The market-data port in real time and in rehearsals: all sources together, one bar a symbol and minute.

Every socket has a supervisor and only fills the inbox of one reader. What a stream may not have told is asked for by
REST before the next decision.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Self

import numpy as np
import structlog

from daytrader_ray.adapters.alpaca_bars import AlpacaLink
from daytrader_ray.adapters.bar_buffer import BarBuffer
from daytrader_ray.adapters.bar_table import BarTable
from daytrader_ray.adapters.live_config import FeedConfig
from daytrader_ray.adapters.live_ticks import LiveTicks
from daytrader_ray.adapters.messages import SeenBar
from daytrader_ray.adapters.polygon_stream import PolygonLink, indices_url
from daytrader_ray.adapters.receiver import Receiver, Source
from daytrader_ray.adapters.rest_bars import RestBars
from daytrader_ray.adapters.waiting import finished
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.ports import LiveBar
from daytrader_ray.domain.sessions import Session
from daytrader_ray.market_data.guard import Judgement, PriceGuard

log = structlog.get_logger(__name__)

HALT_MINUTES = 30
"""Longer than the trading halt of a circuit breaker (15 minutes) and its reopening."""

_ALARMS = {
    "polygon breaks": "Polygon's stream had a gap",
    "alpaca breaks": "Alpaca's stream had a gap",
    "indices breaks": "the indices' stream had a gap",
    "polygon pushed out": "another connection with the same key took the place of Polygon's",
    "indices pushed out": "another connection with the same key took the place of the indices'",
    "corrupt": "a message could not be read",
    "invalid": "a bar had impossible values",
    "other": "the two sources differed",
    "future": "a bar came before its minute had begun",
    "late": "a bar came after its minute had been decided",
    "price suspect": "a price jumped and was withheld",
    "dropped": "a frame found no room",
    "slow": "the reader fell behind",
    "ticks future": "a quote or trade was stamped ahead of time",
    "tick minutes lost": "a gap left a minute of quotes or trades out",
}


class LiveFeed:
    """Bars of one session: `async with LiveFeed(config, session, symbols, buffer, rng, now) as feed`.

    `rng` draws the pauses between connections, `now` tells the time (seconds since 1970) at which a late bar became
    known. Each call of `bars` closes one minute, from the first of the session on. `previous` are the stocks' last
    prices before the session (USD as this session counts: after its splits), by which the first bars are judged.
    """

    def __init__(
        self,
        config: FeedConfig,
        session: Session,
        symbols: Sequence[str],
        buffer: BarBuffer,
        rng: np.random.Generator,
        now: Callable[[], float],
        previous: Mapping[str, float] | None = None,
    ) -> None:
        rules = config.rules
        self._config = config
        self._table = BarTable(session, symbols)
        self._ticks = LiveTicks(rules.quotes, rules.trades, session)
        self._receiver = Receiver(self._table, buffer, self._ticks, now)
        self._arrivals = self._receiver.arrivals
        self._rest = RestBars(config.url, config.key, rules.backfill_seconds, self._receiver.answered)
        self._stocks = _stock_sources(config, self._table, self._receiver, rng)
        self._indices = _index_sources(config, self._table, self._receiver, rng)
        self._guard = PriceGuard(previous)
        self._frozen: dict[str, str] = {}
        self._minute_ticks: Mapping[str, Sequence[float]] = {}
        self._is_counting = True
        self._dark = self._late_at_dark = 0
        self._reader: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect; a `FeedError` where no source of stocks' bars can be had; of any other that is refused an alarm."""
        if len(self._stocks) == 1:
            log.info("without a second stream only halts of stocks listed on NASDAQ are told")
        self._reader = asyncio.create_task(self._receiver.run(), name="bar reader")
        sources = [*self._stocks, *self._indices]
        for source in sources:
            await self._stack.enter_async_context(source)
        with suppress(TimeoutError):
            await self._arrivals.until(
                lambda: all(source.up or source.refused for source in sources),
                self._config.ready_seconds,
            )
        if not any(source.up for source in self._stocks):
            refused = [source for source in self._stocks if source.refused]
            await self.close()
            raise FeedError(_failure((refused or self._stocks)[0]), "check the stream's URL and the key")
        for words in self._refusals():
            log.warning("going on without a stream", stream=words)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections within a few seconds; what has arrived is in the buffer."""
        await self._stack.aclose()
        self._rest.close()
        if self._reader is not None:
            self._reader.cancel()
            await finished(self._reader, 1.0)
            self._reader = None

    async def bars(self, n_bars: int | None) -> Sequence[LiveBar]:
        """Close the next minute and return the bars not yet returned.

        With `n_bars` (a rehearsal) wait until that many were announced in all; else whoever calls has waited for
        `is_complete` or the deadline. What the streams may have missed is asked for by REST, for a limited time.
        """
        slot = self._receiver.closed
        announced = n_bars is not None and await self._all_announced(n_bars)
        self._drain()
        breaks = [source.breaks for source in self._sources]
        for sources, index in ((self._stocks, False), (self._indices, True)):
            if any((announced or source.is_whole) and source.latest >= slot for source in sources):
                self._table.cover(slot, index)
        if n_bars is not None:
            self._table.told = slot  # the exchange that holds the clock has all of this minute
        await self._backfill(slot)
        self._drain()
        stale = self._table.stale(slot)
        self._watch_darkness(slot, stale)
        bars = self._close_minute(slot, stale)
        for source, checked in zip(self._sources, breaks, strict=True):
            source.checked = checked
        return bars

    def ticks(self) -> Mapping[str, Sequence[float]]:
        """Return what quotes and trades say of the minute just closed, by symbol: what is in the buffer."""
        return self._minute_ticks

    def frozen(self) -> Mapping[str, str]:
        """Return why no entry may be made in a symbol: `halt`, `suspect price` or `stale`."""
        return self._frozen

    def is_complete(self, slot: int) -> bool:
        """Return whether every stock has reported that minute, and the stream of quotes and trades is past it.

        Its bar of the minute comes behind the minute's ticks; a second stream's may come before them.
        """
        rules, stream = self._config.rules, self._stocks[0]
        follows = bool(rules.quotes or rules.trades) and stream.up
        return self._table.is_complete(slot) and (stream.latest >= slot or not follows)

    async def wake(self, seconds: float) -> None:
        """Sleep until something arrives, at most `seconds`."""
        await self._arrivals.next(seconds)

    @property
    def counts(self) -> dict[str, int]:
        """Return what happened how often: bars by fate, frames that were corrupt or dropped, breaks by stream."""
        breaks = {f"{source.name} breaks": source.breaks for source in self._sources}
        rivals = {f"{source.name} pushed out": source.pushed_out for source in self._sources}
        counts = {**self._receiver.counts, "slow": self._receiver.slow, **breaks, **rivals, **self._ticks.counts}
        return {name: n for name, n in sorted(counts.items()) if n}

    def alarms(self) -> list[str]:
        """Return in words what should not have happened."""
        counts = self.counts
        counted = [f"live bars: {words} {counts[name]} times" for name, words in _ALARMS.items() if counts.get(name)]
        return [*self._refusals(), *counted, *self._ticks.alarms()]

    def _refusals(self) -> list[str]:
        return [_failure(source) for source in self._sources if source.refused]

    async def reconcile(self) -> None:
        """Ask the vendor's history for the whole session, after its close and for a limited time.

        What differs from a bar received live is a revision known now; what is missing is added. History may lag: the
        day is complete only once it is downloaded.
        """
        for symbol in self._table.symbols:
            self._rest.ask(symbol, self._table.minute(0), self._table.minute(len(self._table.known) - 1))
        await self._answered(self._config.rules.reconcile_seconds)
        self._drain()

    async def _all_announced(self, n_bars: int) -> bool:
        """Wait until so many bars have come; False once a stream has broken: from then on the count says nothing."""
        limit = self._config.bar_seconds
        try:
            await self._arrivals.until(lambda: self._is_broken() or self._n_bars >= n_bars, limit)
            self._is_counting = not self._is_broken()
            await self._arrivals.until(lambda: any(source.up for source in self._stocks), limit)
        except TimeoutError:
            why = _failure(self._stocks[0]) if self._is_broken() else f"{self._n_bars} have arrived"
            raise FeedError(f"waited {limit:g} s for bar {n_bars}; {why}") from None
        return self._is_counting

    @property
    def _n_bars(self) -> int:
        return sum(source.n_bars for source in self._sources)

    def _is_broken(self) -> bool:
        return not self._is_counting or any(source.breaks > source.checked for source in self._sources)

    @property
    def _sources(self) -> tuple[Source, ...]:
        return (*self._stocks, *self._indices)

    def _drain(self) -> None:
        """Read all that has arrived; `FeedError` where reading has failed."""
        if self._receiver.failure is not None:
            raise self._receiver.failure
        self._receiver.drain()

    async def _backfill(self, slot: int) -> None:
        """Ask for all that is not known up to `slot`, and wait for the answers for a limited time."""
        self._table.forget_answers()
        unknown = self._table.unknown(slot)
        for symbol, first in unknown.items():
            self._rest.ask(symbol, self._table.minute(first), self._table.minute(slot))
        if unknown:
            await self._answered(self._config.rules.backfill_seconds)
            self._table.settle()

    async def _answered(self, seconds: float) -> None:
        try:
            await self._arrivals.until(lambda: not self._rest.asked, seconds)
        except TimeoutError:
            self._rest.give_up()

    def _watch_darkness(self, slot: int, stale: Sequence[str]) -> None:
        """Count the minutes without any bar in time, unless it is known why: no trade, or a halt.

        A connected stream that brings nothing, late bars neither, may stand in a halt of the whole market that nobody
        has told of: it is waited for longer than such a halt lasts, while nothing is opened.
        """
        is_dark = self._table.is_silent(slot) and bool(set(stale) - self._receiver.halted.keys())
        self._dark = self._dark + 1 if is_dark else 0
        late = self._receiver.counts["late"]
        self._late_at_dark = self._late_at_dark if is_dark else late
        is_lost = late > self._late_at_dark or not any(source.up for source in self._stocks)
        least = self._config.rules.dark_minutes
        if self._dark >= (least if is_lost else max(least, HALT_MINUTES)):
            raise FeedError(f"no bar in time for {self._dark} minutes; {_failure(self._stocks[0])}")

    def _close_minute(self, slot: int, stale: Sequence[str]) -> list[LiveBar]:
        receiver = self._receiver
        receiver.closed = slot + 1
        receiver.keep_ticks(self._table.minute(slot + 1), self._stocks[0].is_whole)
        self._minute_ticks = receiver.ticks(self._table.minute(slot))
        sound = [LiveBar(*bar[:8]) for bar in receiver.take(slot) if self._is_sound(bar)]
        self._frozen = (
            dict.fromkeys(stale, "stale")
            | dict.fromkeys(sorted(self._guard.suspects), "suspect price")
            | dict.fromkeys(sorted(receiver.halted), "halt")
        )
        return sound

    def _is_sound(self, bar: SeenBar) -> bool:
        """Return whether a bar may be used now; one whose price jumps waits for the next to confirm it."""
        if is_index(bar.symbol):
            return True
        judgement = self._guard.judge(bar.symbol, bar.high, bar.low, bar.close)
        self._receiver.counts[f"price {judgement.name.lower()}"] += judgement is not Judgement.ACCEPTED
        return judgement is not Judgement.SUSPECT


def _stock_sources(
    config: FeedConfig, table: BarTable, receiver: Receiver, rng: np.random.Generator
) -> tuple[Source, ...]:
    stocks, rules = [symbol for symbol in table.symbols if not is_index(symbol)], config.rules
    wanted = (("LULD", stocks), ("Q", rules.quotes), ("T", rules.trades))
    extras = [f"{kind}.{symbol}" for kind, symbols in wanted for symbol in symbols]
    link = PolygonLink(config.stream_url, config.key, [f"AM.{symbol}" for symbol in stocks], extras)
    sources = [Source("polygon", link, rules.reconnect, rng, receiver)]
    if rules.second_stream_url:
        second = AlpacaLink(rules.second_stream_url, config.second_key, config.second_secret, stocks)
        sources.append(Source("alpaca", second, rules.reconnect, rng, receiver))
    return tuple(sources)


def _index_sources(
    config: FeedConfig, table: BarTable, receiver: Receiver, rng: np.random.Generator
) -> tuple[Source, ...]:
    channels = [f"AM.{symbol}" for symbol in table.symbols if is_index(symbol)]
    if not channels:
        return ()
    link = PolygonLink(indices_url(config.stream_url), config.key, channels)
    return (Source("indices", link, config.rules.reconnect, rng, receiver),)


def _failure(source: Source) -> str:
    why = (
        "connected, but what comes is late or nothing: is this machine's clock right?" if source.up else source.failure
    )
    return f"{source.name} stream: {why or 'not connected yet'}"
