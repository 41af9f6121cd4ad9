"""One item of a download: what is fetched of one symbol, judged and stored, in a worker of the cluster."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.polygon_reference import daily_bars, details, dividends, splits
from daytrader_ray.adapters.polygon_rest import NotDeliveredError, UnknownSymbolError, Vendor, client, minute_bars
from daytrader_ray.adapters.polygon_ticks import quote_bars, trade_bars
from daytrader_ray.adapters.screening import context_before, quarantine, screen
from daytrader_ray.adapters.store import BAR_SCHEMA, ParquetStore
from daytrader_ray.adapters.table_store import Span
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster.limits import SharedPace
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.sessions import US_PER_MINUTE

DAY = dt.timedelta(days=1)
SETTLED = dt.timedelta(days=7)
"""After this time a session without a bar is one in which nobody traded."""
FINAL = dt.timedelta(days=30)
"""After this time a session without a minute bar is one in which nobody traded by the minute, whatever its day says."""
NO_ANSWER = 10
"""An answer without a minute bar of so many sessions that have daily bars is none, however old they are."""
MANY_SESSIONS = 20
"""An answer without one daily bar of so many sessions is no answer where the vendor lists the symbol."""


@dataclass(frozen=True)
class Access:
    """Where the data come from and go to; `limiter` is the actor that all requests of the cluster ask.

    `now` is when the download began (None: long after all days asked for).
    """

    base_url: str
    api_key: str = field(repr=False)
    root: str
    requests_per_minute: float | None
    limiter: Any
    now: dt.datetime | None


@dataclass(frozen=True)
class Wanted:
    """Days of one kind of table, each span inside one of its files; of minutes and ticks all inside the same one."""

    kind: Kind
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Item:
    """What one task fetches of one symbol, in this order."""

    symbol: str
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True)
class Missing:
    """What could not be had, of which days, and why."""

    symbol: str
    what: str
    first: dt.date
    last: dt.date
    reason: str


@dataclass
class Outcome:
    """What became of an item: rows by kind of table, minute bars by verdict, ticks left out, and what is missing."""

    item: Item
    rows: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    ticks_left_out: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    """Sessions without a minute bar that are complete all the same: the symbol did not trade."""
    missing: list[Missing] = field(default_factory=list)
    is_unknown: bool = False
    """The vendor knows no such symbol in any of the months asked for: nothing else was asked."""


def fetch(access: Access, item: Item) -> Outcome:
    """Do an item in a worker of the cluster, with the connection that it keeps from item to item."""
    return done(item, _vendor(access), ParquetStore(access.root), access.now)


def done(item: Item, vendor: Vendor, store: ParquetStore, now: dt.datetime | None = None) -> Outcome:
    """Fetch and store an item; what the vendor does not deliver is named in the outcome.

    Days are marked complete when their rows are safe; a bar that differs from a stored one is known since `now`. A
    session without a bar stays open, to be asked for again, while it may yet come: see `_open`. `FeedError` where
    nothing can be had at all (no connection, a wrong key).
    """
    desk = Desk(vendor, store, item.symbol, now, Outcome(item))
    for wanted in item.wanted:
        try:
            desk.outcome.rows[wanted.kind.name] += _STEPS[wanted.kind](desk, wanted)
        except NotDeliveredError as error:
            desk.outcome.is_unknown = wanted.kind is Kind.FUNDAMENTALS and isinstance(error, UnknownSymbolError)
            what, days = wanted.kind.name.lower(), (wanted.spans[0][0], wanted.spans[-1][1])
            desk.outcome.missing.append(Missing(item.symbol, what, *days, error.message))
        if desk.outcome.is_unknown:
            break
    return desk.outcome


@lru_cache(maxsize=1)
def _vendor(access: Access) -> Vendor:
    """Return the connection of this worker."""
    pace = SharedPace(access.limiter, access.requests_per_minute)
    return client(access.base_url, access.api_key, pace=pace)


@dataclass(frozen=True)
class Desk:
    """What a step works with."""

    vendor: Vendor
    store: ParquetStore
    symbol: str
    now: dt.datetime | None
    outcome: Outcome


def _details(desk: Desk, wanted: Wanted) -> int:
    """Store what was known of the symbol on the last day of each month."""
    store, symbol, kind = desk.store, desk.symbol, wanted.kind
    found = [(span, details(desk.vendor, symbol, span[1])) for span in wanted.spans]
    if not any(table.num_rows for _, table in found) and not store.tables(kind, symbol):
        raise UnknownSymbolError(f"{symbol}: the market data vendor knows no such symbol")
    for (first, last), table in found:
        store.write_table(kind, symbol, f"{first:{kind.name_format}}", table)
        store.mark(kind, symbol, first, last)
    return sum(table.num_rows for _, table in found)


def _actions(desk: Desk, wanted: Wanted) -> int:
    """Store all splits or all dividends: what the vendor has corrected since is corrected here too."""
    read = splits if wanted.kind is Kind.SPLITS else dividends
    table = read(desk.vendor, desk.symbol)
    desk.store.write_table(wanted.kind, desk.symbol, wanted.kind.name_format, table)
    for first, last in wanted.spans:
        desk.store.mark(wanted.kind, desk.symbol, first, last)
    return int(table.num_rows)


def _daily(desk: Desk, wanted: Wanted) -> int:
    """Store daily bars, asked for in one request wherever the years join."""
    rows = 0
    for first, last in _joined(wanted.spans):
        table = daily_bars(desk.vendor, desk.symbol, first, last)
        rows += table.num_rows
        for name, a, b in wanted.kind.parts(first, last):
            of_year = table.filter(pc.equal(pc.year(table["date"]), int(name)))
            desk.store.write_table(wanted.kind, desk.symbol, name, of_year)
            days = set(of_year["date"].to_pylist())
            absent = [day for day in _sessions(a, b) if day not in days]
            still = absent if not days and _is_doubtful(desk, absent) else _open(desk, absent)
            _mark(desk, wanted.kind, (a, b), still)
    return rows


def _minutes(desk: Desk, wanted: Wanted) -> int:
    """Store minute bars, judged by the daily bars before them and by the splits."""
    store, symbol, rows = desk.store, desk.symbol, 0
    for first, last in wanted.spans:
        has_sessions = bool(session_grid(first, last).sessions)
        table = minute_bars(desk.vendor, symbol, first, last) if has_sessions else BAR_SCHEMA.empty_table()
        before = context_before(store, symbol, first)
        screened = screen(table, before, store.splits(symbol))
        if screened.unexplained:  # the vendor may know of the split by now
            with suppress(NotDeliveredError):
                _actions(desk, Wanted(Kind.SPLITS, ()))
            screened = screen(table, before, store.splits(symbol))
        quarantine(store, f"download-{first}-{last}", symbol, screened, first, last)
        store.write_bars(symbol, f"{first:%Y-%m}", screened.accepted, None, desk.now)
        absent = _absent(table, first, last)
        still = _open(desk, absent, set(store.daily_closes(symbol, first, last)))
        _mark(desk, wanted.kind, (first, last), sorted(still + screened.unexplained), screened.settled)
        desk.outcome.silent += len(absent) - len(still)
        desk.outcome.verdicts.update(screened.counts)
        rows += table.num_rows
    return rows


def _ticks(desk: Desk, wanted: Wanted) -> int:
    """Store the minutes of quotes or trades, session by session, so that no day is read twice."""
    read = quote_bars if wanted.kind is Kind.QUOTE_BARS else trade_bars
    rows = 0
    for first, last in wanted.spans:
        for session in session_grid(first, last).sessions:
            table, left_out = read(desk.vendor, desk.symbol, session)
            desk.store.write_table(wanted.kind, desk.symbol, f"{first:{wanted.kind.name_format}}", table)
            desk.store.mark(wanted.kind, desk.symbol, session.date, session.date, left_out or None)
            desk.outcome.ticks_left_out.update(left_out)
            rows += table.num_rows
        desk.store.mark(wanted.kind, desk.symbol, first, last)
    return rows


_STEPS: dict[Kind, Callable[[Desk, Wanted], int]] = {
    Kind.FUNDAMENTALS: _details,
    Kind.SPLITS: _actions,
    Kind.DIVIDENDS: _actions,
    Kind.DAILY: _daily,
    Kind.MINUTE: _minutes,
    Kind.QUOTE_BARS: _ticks,
    Kind.TRADE_BARS: _ticks,
}


def _open(desk: Desk, absent: list[dt.date], traded: Collection[dt.date] = ()) -> list[dt.date]:
    """Return the sessions without a bar that may yet come: the last days', and those with a bar of the whole day.

    All others are over: a symbol that was not listed, or halted all day, must not be asked for ever again. So are,
    after `FINAL`, a few with a bar of the whole day: it may count trades that no minute bar does.
    """
    today = desk.now.date() if desk.now is not None else dt.date.max
    told = [day for day in absent if day in traded]
    expected = told if len(told) >= NO_ANSWER else [day for day in told if day >= today - FINAL]
    return [day for day in absent if day >= today - SETTLED or day in expected]


def _mark(
    desk: Desk, kind: Kind, span: Span, still_open: list[dt.date], counts: Mapping[str, int] | None = None
) -> None:
    """Mark a span but for its open days, and name those; `counts` go with its first complete days.

    Days without a session stay open with their neighbours, so that these are asked for in one request.
    """
    first = span[0]
    for day in [*still_open, span[1] + DAY]:
        if first < day and (not still_open or _sessions(first, day - DAY)):
            desk.store.mark(kind, desk.symbol, first, day - DAY, counts)
            counts = None
        first = day + DAY
    if still_open:
        reason = f"{desk.symbol}: no bar to trust of {len(still_open)} sessions yet: they are asked for again"
        desk.outcome.missing.append(Missing(desk.symbol, kind.name.lower(), still_open[0], still_open[-1], reason))


def _sessions(first: dt.date, last: dt.date) -> list[dt.date]:
    return [session.date for session in session_grid(first, last).sessions]


def _absent(table: pa.Table, first: dt.date, last: dt.date) -> list[dt.date]:
    """Return the sessions of which the vendor sent no minute bar of regular hours."""
    grid = session_grid(first, last)
    stamps = table["timestamp"].drop_null().cast(pa.int64()).to_numpy()
    rows = grid.rows_of_minutes(stamps // US_PER_MINUTE) if grid.n_rows else stamps[:0]
    there = set(grid.session_of_row[rows[rows >= 0]].tolist())
    return [session.date for at, session in enumerate(grid.sessions) if at not in there]


def _is_doubtful(desk: Desk, absent: list[dt.date]) -> bool:
    """Return whether so many sessions cannot be without a bar: the vendor lists the symbol, as it does every index."""
    if len(absent) < MANY_SESSIONS:
        return False
    known = desk.store.fundamentals(desk.symbol, absent[-1])
    return is_index(desk.symbol) or (known is not None and known["as_of"] >= absent[0])


def _joined(spans: tuple[Span, ...]) -> list[Span]:
    """Join spans in order where one begins the day after another ends."""
    joined: list[Span] = []
    for first, last in spans:
        if joined and first == joined[-1][1] + DAY:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return joined
