"""Pages of quotes and trades: the minutes of a range in either order, resumed at a place inside a minute."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.sessions import NS_PER_MINUTE
from daytrader_ray.sandbox.source import Quotes, Trades
from daytrader_ray.sandbox.visible import Visible

Int64 = npt.NDArray[np.int64]

MINUTE_TICKS = 100_000
"""Sequence numbers of a minute begin at a multiple of this, counted over the session."""


class Ticks(Protocol):
    """Quotes or trades of one minute."""

    @property
    def stamp_ns(self) -> Int64:
        """Return the epoch ns of each, ascending."""
        ...


Rows = Callable[[str, Any, Int64, Sequence[int]], list[dict[str, Any]]]
"""Writes ticks number `at` of a minute of a symbol as JSON objects; the last argument numbers them in the session."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One kind of tick: how a minute of it is read and how a vendor writes it."""

    quotes: bool
    rows: Rows

    def minute(self, visible: Visible, symbol: str, session: int, slot: int) -> Quotes | Trades:
        """Return the ticks of one minute."""
        read = visible.market.quotes if self.quotes else visible.market.trades
        return read(symbol, session, slot)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page goes on: behind tick `sequence` of session `session` (-1: at its beginning)."""

    session: int
    sequence: int


@dataclass(frozen=True, slots=True)
class TickQuery:
    """Ticks with a stamp from `start` to `end` (epoch ns, both inclusive), `limit` a page, after `place`."""

    symbol: str
    start: int
    end: int
    limit: int
    descending: bool
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class TickPage:
    """Rows of one page, and where the next one goes on; None where nothing is left."""

    rows: list[dict[str, Any]]
    following: Place | None


def tick_page(visible: Visible, query: TickQuery, feed: Feed) -> TickPage:
    """Return the ticks of a query that are over, up to its limit."""
    rows: list[dict[str, Any]] = []
    places: list[Place] = []
    for session, slot in _minutes(visible, query):
        ticks = feed.minute(visible, query.symbol, session, slot)
        at = _chosen(ticks, query, session, slot)[: query.limit + 1 - len(rows)]
        if len(at):
            sequence = (slot * MINUTE_TICKS + at).tolist()
            rows += feed.rows(query.symbol, ticks, at, sequence)
            places += [Place(session, number) for number in (sequence[-2:])]
        if len(rows) > query.limit:
            return TickPage(rows[: query.limit], places[-2])
    return TickPage(rows, None)


def _minutes(visible: Visible, query: TickQuery) -> Iterator[tuple[int, int]]:
    """Yield (session, slot) of every minute that is over and touches the range, in the order of the query."""
    width = visible.market.grid.bar_minutes * NS_PER_MINUTE
    sessions = range(len(visible.sessions))
    for session in reversed(sessions) if query.descending else sessions:
        opens = visible.sessions[session].open_minute * NS_PER_MINUTE
        first = max((query.start - opens) // width, 0)
        stop = min((query.end - opens) // width + 1, visible.n_over(session))
        slots = range(first, stop)
        if query.place is not None:
            if (session > query.place.session) if query.descending else (session < query.place.session):
                continue
            if session == query.place.session:
                slot = query.place.sequence // MINUTE_TICKS
                slots = range(first, min(stop, slot + 1)) if query.descending else range(max(first, slot), stop)
        for slot in reversed(slots) if query.descending else slots:
            yield session, slot


def _chosen(ticks: Ticks, query: TickQuery, session: int, slot: int) -> Int64:
    """Return the numbers of the ticks of a minute that belong to the page, in its order."""
    first, stop = np.searchsorted(ticks.stamp_ns, [query.start, query.end + 1])
    at = np.arange(first, stop, dtype=np.int64)
    place = query.place
    if place is not None and place.session == session and place.sequence // MINUTE_TICKS == slot:
        reached = place.sequence % MINUTE_TICKS
        at = at[at < reached] if query.descending else at[at > reached]
    return at[::-1] if query.descending else at
