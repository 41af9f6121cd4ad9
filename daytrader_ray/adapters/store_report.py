"""The state of a store for `daytrader doctor --data`: what is there, what is missing, what was not accepted."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.actions import closes_before
from daytrader_ray.adapters.bar_buffer import leftovers
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.folder import local_root
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import MINUTE, UTC, Kind
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.sessions import US_PER_MINUTE, SessionGrid
from daytrader_ray.market_data.adjust import unpriced

_STAMPS = pa.schema([MINUTE.field("timestamp")])
_REASON = pa.schema([pa.field("reason", pa.string())])
_KNOWN = pa.schema([MINUTE.field("timestamp"), pa.field("known_at", UTC)])


@dataclass(frozen=True)
class MonthReport:
    """Minute bars of one symbol in one month.

    `sessions` of the exchange in the month (cut to the days asked for), `present` of them with a bar, `gaps` those
    without; `minutes` is the share of the sessions' bars that is there (quiet minutes have none); `complete` says
    that a download covers all the sessions; `revised` bars have more than one version or came late; `quarantined`
    rows by reason; `extended_hours` rows that a download left out.
    """

    month: str
    sessions: int
    present: int
    gaps: tuple[dt.date, ...]
    minutes: float
    complete: bool
    revised: int
    quarantined: Mapping[str, int]
    extended_hours: int


@dataclass(frozen=True)
class SymbolReport:
    """One symbol: its months and the numbers of what lies beside the bars.

    `daily` bars, `splits`, `dividends`, and of these `unpriced` ones, which the adjustment of these days leaves out
    because no close before their ex-date is stored; months of `fundamentals`, `quote_bars` and `trade_bars`; `events`.
    """

    symbol: str
    months: tuple[MonthReport, ...]
    daily: int
    splits: int
    dividends: int
    unpriced: tuple[dt.date, ...]
    fundamentals: int
    quote_bars: int
    trade_bars: int
    events: int

    @property
    def is_index(self) -> bool:
        """Whether it is an index (`I:VIX`)."""
        return is_index(self.symbol)

    @property
    def gaps(self) -> tuple[dt.date, ...]:
        """Sessions without a bar."""
        return tuple(day for month in self.months for day in month.gaps)

    @property
    def coverage(self) -> float:
        """Share of the sessions that have a bar; NaN without a session."""
        sessions = sum(month.sessions for month in self.months)
        return sum(month.present for month in self.months) / sessions if sessions else float("nan")


@dataclass(frozen=True)
class StoreReport:
    """All that is known about a store.

    `symbols` in order; `missing` were asked for and have no bars; `first` and `last` day looked at (None in an empty
    store); `elsewhere` rows in quarantine by reason outside these months, or of what has no bars or is no symbol;
    `pending` live sessions whose buffer is not yet in the store.
    """

    root: str
    market: str
    bar_minutes: int
    first: dt.date | None
    last: dt.date | None
    symbols: tuple[SymbolReport, ...]
    missing: tuple[str, ...]
    elsewhere: Mapping[str, int]
    pending: tuple[str, ...]

    @property
    def quarantined(self) -> dict[str, int]:
        """Rows in quarantine by reason."""
        months = (month.quarantined for symbol in self.symbols for month in symbol.months)
        return dict(sorted(sum((Counter(reasons) for reasons in months), Counter(self.elsewhere)).items()))


def report(
    root: str,
    symbols: Collection[str] | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> StoreReport:
    """Read the state of the store at `root`: of all symbols or these, from `start` to `end` (default: all bars)."""
    store = ParquetStore(root)
    stored = set(store.symbols())
    wanted = sorted(stored if symbols is None else set(symbols))
    there = [symbol for symbol in wanted if symbol in stored]
    span = store.span(there) if there else (None, None)
    first, last = start or span[0], end or span[1]
    reports = [_symbol(store, symbol, first, last) for symbol in there] if first and last else []
    return StoreReport(
        root=store.root,
        market=store.market(),
        bar_minutes=store.bar_minutes,
        first=first,
        last=last,
        symbols=tuple(reports),
        missing=tuple(symbol for symbol in wanted if symbol not in stored),
        elsewhere=_elsewhere(store, reports, None if symbols is None else set(symbols)),
        pending=tuple(day.isoformat() for day in leftovers(local_root(root), "buffer")),
    )


def _symbol(store: ParquetStore, symbol: str, first: dt.date, last: dt.date) -> SymbolReport:
    dividends = store.dividends(symbol)
    left_out = unpriced(dividends, closes_before(store, symbol, dividends))
    events = store.read_table(Kind.EVENTS, symbol, "events")
    return SymbolReport(
        symbol=symbol,
        months=tuple(_month(store, symbol, *part) for part in Kind.MINUTE.parts(first, last)),
        daily=store.daily(symbol, first, last).num_rows,
        splits=len(store.splits(symbol)),
        dividends=len(dividends),
        unpriced=tuple(dividend.date for dividend in left_out if first < dividend.date <= last),
        fundamentals=len(store.tables(Kind.FUNDAMENTALS, symbol)),
        quote_bars=len(store.tables(Kind.QUOTE_BARS, symbol)),
        trade_bars=len(store.tables(Kind.TRADE_BARS, symbol)),
        events=events.num_rows if events else 0,
    )


def _month(store: ParquetStore, symbol: str, month: str, first: dt.date, last: dt.date) -> MonthReport:
    grid = session_grid(first, last, store.bar_minutes)
    bars = _bars_of_sessions(store, symbol, month, grid)
    spans = store.downloaded(Kind.MINUTE, symbol, month)
    dates = [session.date for session in grid.sessions]
    revisions = store.read_parquet(store.place(Kind.MINUTE, symbol, f"{month}.revisions.parquet"), _KNOWN)
    return MonthReport(
        month=month,
        sessions=len(dates),
        present=int(np.count_nonzero(bars)),
        gaps=tuple(day for day, n in zip(dates, bars, strict=True) if n == 0),
        minutes=float(bars.sum() / grid.n_rows) if grid.n_rows else float("nan"),
        complete=all(any(a <= day <= b for a, b in spans) for day in dates),
        revised=len(pc.unique(revisions["timestamp"])),
        quarantined=_reasons(store, store.find(f"quarantine/symbol={symbol}/{month}.*.parquet")),
        extended_hours=store.counts(symbol, month).get("extended_hours", 0),
    )


def _bars_of_sessions(
    store: ParquetStore, symbol: str, month: str, grid: SessionGrid
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the number of bars in each session `[session]`."""
    table = store.read_parquet(store.place(Kind.MINUTE, symbol, f"{month}.parquet"), _STAMPS)
    if not grid.n_rows or not table.num_rows:
        return np.zeros(len(grid.sessions), dtype=np.int64)
    rows = grid.rows_of_minutes(table["timestamp"].cast(pa.int64()).to_numpy() // US_PER_MINUTE)
    return np.bincount(grid.session_of_row[rows[rows >= 0]], minlength=len(grid.sessions)).astype(np.int64)


def _elsewhere(store: ParquetStore, reports: Collection[SymbolReport], wanted: set[str] | None) -> dict[str, int]:
    """Return the quarantined rows by reason that no month of `reports` counts."""
    counted = {(symbol.symbol, month.month) for symbol in reports for month in symbol.months}
    left = []
    for path in store.find("quarantine/symbol=*/*.parquet"):
        _, folder, name = path.split("/")
        symbol, month = folder.removeprefix("symbol="), name.partition(".")[0]
        if (symbol, month) not in counted and (wanted is None or symbol in wanted):
            left.append(path)
    return _reasons(store, left)


def _reasons(store: ParquetStore, paths: Collection[str]) -> dict[str, int]:
    """Return the rows of quarantine files by reason."""
    found: Counter[str] = Counter()
    for path in paths:
        found.update(store.read_parquet(path, _REASON)["reason"].to_pylist())
    return dict(sorted(found.items()))
