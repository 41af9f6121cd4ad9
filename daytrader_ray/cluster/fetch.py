"""One item of a download: what is fetched of one symbol, judged and stored, in a worker of the cluster."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow.compute as pc

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.polygon_reference import daily_bars, details, dividends, splits
from daytrader_ray.adapters.polygon_rest import NotDeliveredError, UnknownSymbolError, Vendor, client, minute_bars
from daytrader_ray.adapters.polygon_ticks import quote_bars, trade_bars
from daytrader_ray.adapters.screening import context_before, screen
from daytrader_ray.adapters.store import BAR_SCHEMA, ParquetStore
from daytrader_ray.adapters.table_store import Span
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster.limits import SharedPace


@dataclass(frozen=True)
class Access:
    """Where the data come from and go to; `limiter` is the actor that all requests of the cluster ask."""

    base_url: str
    api_key: str = field(repr=False)
    root: str
    requests_per_minute: float | None
    limiter: Any


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
    """What became of an item: rows by kind of table, minute bars by verdict, and what is missing."""

    item: Item
    rows: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    missing: list[Missing] = field(default_factory=list)
    is_unknown: bool = False
    """The vendor knows no such symbol in any of the months asked for: nothing else was asked."""


def fetch(access: Access, item: Item) -> Outcome:
    """Do an item in a worker of the cluster, with the connection that it keeps from item to item."""
    return done(item, _vendor(access), ParquetStore(access.root))


def done(item: Item, vendor: Vendor, store: ParquetStore) -> Outcome:
    """Fetch and store an item; what the vendor does not deliver is named in the outcome.

    Days are marked complete when their rows are safe. `FeedError` where nothing can be had at all (no connection, a
    wrong key).
    """
    desk = Desk(vendor, store, item.symbol, Outcome(item))
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
        for name, _, _ in wanted.kind.parts(first, last):
            of_year = table.filter(pc.equal(pc.year(table["date"]), int(name)))
            desk.store.write_table(wanted.kind, desk.symbol, name, of_year)
        desk.store.mark(wanted.kind, desk.symbol, first, last)
        rows += table.num_rows
    return rows


def _minutes(desk: Desk, wanted: Wanted) -> int:
    """Store minute bars, judged by the daily bars before them and by the splits."""
    store, symbol, rows = desk.store, desk.symbol, 0
    for first, last in wanted.spans:
        has_sessions = bool(session_grid(first, last).sessions)
        table = minute_bars(desk.vendor, symbol, first, last) if has_sessions else BAR_SCHEMA.empty_table()
        screened = screen(table, context_before(store, symbol, first), store.splits(symbol))
        store.quarantine(f"download-{first}-{last}", screened.quarantined, symbol)
        store.write_bars(symbol, f"{first:%Y-%m}", screened.accepted, (first, last), counts=screened.counts)
        desk.outcome.verdicts.update(screened.counts)
        rows += table.num_rows
    return rows


def _ticks(desk: Desk, wanted: Wanted) -> int:
    """Store the minutes of quotes or trades, session by session, so that no day is read twice."""
    read = quote_bars if wanted.kind is Kind.QUOTE_BARS else trade_bars
    rows = 0
    for first, last in wanted.spans:
        for session in session_grid(first, last).sessions:
            table = read(desk.vendor, desk.symbol, session)
            desk.store.write_table(wanted.kind, desk.symbol, f"{first:{wanted.kind.name_format}}", table)
            desk.store.mark(wanted.kind, desk.symbol, session.date, session.date)
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


def _joined(spans: tuple[Span, ...]) -> list[Span]:
    """Join spans in order where one begins the day after another ends."""
    joined: list[Span] = []
    for first, last in spans:
        if joined and first == joined[-1][1] + dt.timedelta(days=1):
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return joined
