"""Download as a Ray Data pipeline: one item per symbol and month, each fetched, judged and stored on its own.

What is known of a symbol beside its minutes (details, splits, dividends, daily bars) comes first, in one item per
symbol: minutes are judged by it.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from daytrader_ray.adapters.rate_limit import window_of
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.table_store import Span
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster.fetch import DAY, Access, Item, Missing, Outcome, Wanted, fetch
from daytrader_ray.cluster.limits import limiter
from daytrader_ray.cluster.pipeline import mapped
from daytrader_ray.domain.errors import ConfigError, FeedError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.sandbox.process import options

Progress = Callable[[int, int, int], None]
"""Told (done, all, rows so far); done and all count about the requests."""

REFERENCE = (Kind.FUNDAMENTALS, Kind.SPLITS, Kind.DIVIDENDS, Kind.DAILY)
INDEX_REFERENCE = (Kind.DAILY,)
"""What there is of an index."""
TICKS = (Kind.QUOTE_BARS, Kind.TRADE_BARS)
WITH_BARS = (Kind.MINUTE, Kind.DAILY)
ITEMS_PER_BLOCK = 8
"""Results come block by block: few enough for a progress that moves, enough that blocks cost little."""
SLOW_SECONDS = 1.0
"""A vendor that allows one request in this time gets an item a block: progress may not wait for several."""


@dataclass(frozen=True)
class DownloadRequest:
    """What to fetch into the store at `root`: `symbols` from `start` to `end`, and ticks of some of them.

    `end` is a day whose bars are all there (before today). `requests_per_minute` None is an unlimited plan. `now` is
    since when bars are known that differ from stored ones (None: their end), and what tells recent sessions.
    """

    base_url: str
    api_key: str = field(repr=False)
    root: str
    symbols: Collection[str]
    start: dt.date
    end: dt.date
    quotes: Collection[str] = ()
    trades: Collection[str] = ()
    requests_per_minute: float | None = None
    now: dt.datetime | None = None


@dataclass(frozen=True)
class DownloadReport:
    """What a download did; rows are minute bars of the months fetched now, `accepted`, `quarantined` or off-hours.

    `silent_sessions` have no minute bar (the symbol was not listed, or halted) and are complete all the same; those
    that may yet come are `missing`. `ticks_left_out` had no stamp, no sound values, or came after their minute.
    """

    symbols: int
    months: int
    months_fetched: int
    rows: int
    accepted: int
    quarantined: int
    extended_hours: int
    daily_bars: int
    quote_minutes: int
    trade_minutes: int
    ticks_left_out: int
    silent_sessions: int
    missing: tuple[Missing, ...]


def download(request: DownloadRequest, progress: Progress | None = None) -> DownloadReport:
    """Fetch what the store does not have yet; Ray must be running.

    Days that are complete in the store are not asked for again, so the same request resumes after any interruption. A
    429 slows everybody down and ends nothing; what the vendor does not deliver (a symbol it does not know, data not
    in the plan) is named in the report. `FeedError` where the vendor cannot be reached, refuses the key, or delivers
    nothing at all; what came before stays. `DataError` where the store has bars of another market.
    """
    store = ParquetStore(request.root)
    store.claim(market_at(request.base_url))
    reference, months = plan(store, request)
    run = _Run(request, sum(_size(item) for item in reference + months), progress)
    run.all_of(reference)
    run.all_of([item for item in months if item.symbol not in run.unknown])
    report = run.report()
    if report.missing and not any(store.tables(kind, symbol) for symbol in request.symbols for kind in WITH_BARS):
        raise FeedError(f"nothing came: {report.missing[0].reason}", "check the symbols, the key and the plan")
    return report


def plan(store: ParquetStore, request: DownloadRequest) -> tuple[list[Item], list[Item]]:
    """Return what is not complete in the store: an item per symbol beside its bars, then one per symbol and month."""
    symbols = sorted(set(request.symbols))
    reference = [item for symbol in symbols if (item := _reference(store, request, symbol)).wanted]
    return reference, [item for symbol in symbols for item in _months(store, request, symbol)]


RENAMED = {"api.massive.com": "api.polygon.io"}
"""The vendor has two names and one market."""


def market_at(base_url: str) -> str:
    """Return which market an address serves: a vendor is known by its host, the built-in exchange by its options."""
    address = urlsplit(base_url)
    if address.scheme == "http":
        try:
            sandbox = options(base_url)
        except (OSError, ValueError, ConfigError):
            pass  # no exchange of ours; whether a vendor answers there is for the download to find out
        else:
            return sandbox.market_name
    host = address.hostname or base_url
    return RENAMED.get(host, host)


def months_later(day: dt.date, months: int) -> dt.date:
    """Return the same day `months` later (earlier if negative), or the last one of that month.

    >>> str(months_later(dt.date(2025, 3, 31), -1)), str(months_later(dt.date(2024, 2, 29), 24))
    ('2025-02-28', '2026-02-28')
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first = dt.date(year, month + 1, 1)
    month_end = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    return first.replace(day=min(day.day, month_end.day))


def downloaded_until(root: str, symbols: Iterable[str]) -> dt.date | None:
    """Return the last day of complete minute bars of any of the symbols; None where there is none."""
    store = ParquetStore(root)
    paths = [(symbol, path) for symbol in symbols for path in store.find(store.place(Kind.MINUTE, symbol, "_*.json"))]
    names = [(symbol, path.rpartition("/_")[2].removesuffix(".json")) for symbol, path in paths]
    return max((span[1] for name in names for span in store.downloaded(Kind.MINUTE, *name)), default=None)


class _Run:
    """One download: runs items and adds up what became of them."""

    def __init__(self, request: DownloadRequest, of: int, progress: Progress | None) -> None:
        self.unknown: set[str] = set()
        self._request = request
        self._rows: Counter[str] = Counter()
        self._verdicts: Counter[str] = Counter()
        self._ticks_left_out, self._silent = 0, 0
        self._missing: list[Missing] = []
        self._months_fetched = 0
        self._done, self._of = 0, of
        self._progress = progress
        access = request.base_url, request.api_key
        self._limiter = limiter(*access, request.requests_per_minute) if of else None

    def all_of(self, items: list[Item]) -> None:
        """Fetch all items; results come in no fixed order."""
        if not items:
            return
        request = self._request
        per_minute = request.requests_per_minute
        access = Access(request.base_url, request.api_key, request.root, per_minute, self._limiter, request.now)
        permits, seconds = window_of(per_minute)
        per_block = 1 if seconds / permits >= SLOW_SECONDS else ITEMS_PER_BLOCK
        for outcome in mapped(items, partial(fetch, access), math.ceil(len(items) / per_block)):
            self._add(outcome)

    def _add(self, outcome: Outcome) -> None:
        self._rows += outcome.rows
        self._verdicts += outcome.verdicts
        self._missing += outcome.missing
        self._ticks_left_out += outcome.ticks_left_out.total()
        self._silent += outcome.silent
        self._months_fetched += any(wanted.kind is Kind.MINUTE for wanted in outcome.item.wanted)
        self._done += _size(outcome.item)
        if outcome.is_unknown:
            self.unknown.add(outcome.item.symbol)
        if self._progress is not None:
            self._progress(self._done, self._of, self._rows.total())

    def report(self) -> DownloadReport:
        """Return what was done."""
        symbols = set(self._request.symbols)
        missing = tuple(sorted(self._missing, key=lambda one: (one.symbol, one.first, one.what)))
        accepted, extended = self._verdicts["accepted"], self._verdicts["extended_hours"]
        rows = self._rows[Kind.MINUTE.name]
        return DownloadReport(
            symbols=len(symbols),
            months=len(symbols) * len(Kind.MINUTE.parts(self._request.start, self._request.end)),
            months_fetched=self._months_fetched,
            rows=rows,
            accepted=accepted,
            quarantined=rows - accepted - extended,
            extended_hours=extended,
            daily_bars=self._rows[Kind.DAILY.name],
            quote_minutes=self._rows[Kind.QUOTE_BARS.name],
            trade_minutes=self._rows[Kind.TRADE_BARS.name],
            ticks_left_out=self._ticks_left_out,
            silent_sessions=self._silent,
            missing=missing,
        )


def _reference(store: ParquetStore, request: DownloadRequest, symbol: str) -> Item:
    """Return what is not complete of a symbol beside its minutes and ticks."""
    kinds = INDEX_REFERENCE if is_index(symbol) else REFERENCE
    wanted = (Wanted(kind, _gaps(store, request, symbol, kind)) for kind in kinds)
    return Item(symbol, tuple(one for one in wanted if one.spans))


def _months(store: ParquetStore, request: DownloadRequest, symbol: str) -> list[Item]:
    """Return an item for each month whose minutes or ticks are not complete."""
    kinds = [Kind.MINUTE]
    kinds += [Kind.QUOTE_BARS] if symbol in request.quotes else []
    kinds += [Kind.TRADE_BARS] if symbol in request.trades else []
    found: dict[tuple[Kind, str], list[Span]] = {}
    for kind in kinds:
        for span in _gaps(store, request, symbol, kind):
            found.setdefault((kind, f"{span[0]:%Y-%m}"), []).append(span)
    return [Item(symbol, (Wanted(kind, tuple(spans)),)) for (kind, _), spans in found.items()]


def _gaps(store: ParquetStore, request: DownloadRequest, symbol: str, kind: Kind) -> tuple[Span, ...]:
    """Return the days that are not complete, each span inside one file."""
    found: list[Span] = []
    for name, first, last in kind.parts(request.start, request.end):
        for a, b in store.downloaded(kind, symbol, name):
            if b < first:
                continue
            if a > first:
                found.append((first, min(a - DAY, last)))
            first = max(first, b + DAY)
            if first > last:
                break
        if first <= last:
            found.append((first, last))
    return tuple(found)


def _size(item: Item) -> int:
    """Return how much of the progress an item is: about its requests."""
    spans = [(wanted.kind, *span) for wanted in item.wanted for span in wanted.spans]
    return sum((last - first).days + 1 if kind in TICKS else 1 for kind, first, last in spans)
