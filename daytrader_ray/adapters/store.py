"""The bar store: Parquet files under one root, one per symbol and month, and what is known to be complete.

::

    <root>/historical/market.json                                the market of all these bars, and their length
    <root>/historical/minute_bars/symbol=AAPL/2025-03.parquet    bars, sorted by start, without the symbol column
    <root>/historical/minute_bars/symbol=AAPL/2025-03.revisions.parquet   all versions of bars that were revised or late
    <root>/historical/minute_bars/symbol=AAPL/_2025-03.json      days whose download is complete, rows by fate
    <root>/historical/<other kinds>/...                          see `adapters.tables`
    <root>/quarantine/symbol=AAPL/2025-03.<source>.parquet       rows that were not accepted, with their reason
    <root>/.locks/                                               empty files: see `Folder.locked`

A session inside a completed download is known minute by minute: no bar means no trade. Every other session in the
store is an imported one: nothing is known outside its first and last bar.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.actions import back_adjusted, factors_of
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.revisions import REVISIONS, known, merged
from daytrader_ray.adapters.table_store import Span, TableStore, aware, union
from daytrader_ray.adapters.tables import MINUTE, Kind
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import US_PER_MINUTE
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel

FILE_SCHEMA = MINUTE
"""Columns of a bar file."""

BAR_SCHEMA = FILE_SCHEMA.insert(0, pa.field("symbol", pa.string()))
"""Columns of a table of bars: those of the file after the symbol."""

_PANEL_SCHEMA = pa.schema([FILE_SCHEMA.field(name) for name in FILE_SCHEMA.names if name != "trades"])

MARKET = "historical/market.json"
IMPORTED = "imported"
"""The market of bars from the user's own files."""

_CONTENTS = (
    (Kind.MINUTE, "????-??.parquet"),
    (Kind.MINUTE, "_*.json"),
    (Kind.SPLITS, "*.parquet"),
    (Kind.DAILY, "*.parquet"),
)
"""All of a symbol that a panel reads; splits and dividends share a folder."""
_NO_BARS = "run `daytrader download` or `daytrader import` first"


class ParquetStore(TableStore):
    """Minute bars with their versions, and panels of them; the other tables come with `TableStore`."""

    def market(self) -> str:
        """Return the market that the bars come from, as `claim` was told; `unknown` where nobody said."""
        return str(self.read_json(MARKET).get("market", "unknown"))

    @property
    def bar_minutes(self) -> int:
        """Length of the stored bars in minutes; 1 where nobody said."""
        return int(self.read_json(MARKET).get("bar_minutes", 1))

    def claim(self, market: str, bar_minutes: int = 1) -> None:
        """Say which market the next bars come from, and their length; `DataError` where the store has others."""
        with self.locked(MARKET):
            known_market, known_minutes = self.market(), self.bar_minutes
            if (known_market, known_minutes) == (market, bar_minutes):
                return
            if self.find("historical/*/symbol=*/*"):
                if known_market != market:
                    message = f"{self.root} holds data of another market: {known_market}, not {market}"
                else:
                    message = f"{self.root} holds {known_minutes}-minute bars, not {bar_minutes}-minute ones"
                raise DataError(message, "use another --data")
            self.write_json(MARKET, {"market": market, "bar_minutes": bar_minutes})

    def write_bars(
        self,
        symbol: str,
        month: str,
        table: pa.Table,
        downloaded: Span | None,
        revised_at: dt.datetime | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Merge bars of one symbol and month (`2025-03`) into its files; see `revisions.merged` for what wins.

        `table` has the columns of `FILE_SCHEMA` and may have `known_at` (null: at the bar's end); `revised_at` is
        since when rows without one are known that differ from a stored bar. Several processes of one machine may
        write at once (`Folder.locked`). `downloaded` names the first and last day
        that the table covers completely, recorded with `counts` after the bars are safe, so that a crash in between
        is only a download to repeat; None for imported bars. The same bars in any order and any portions are the same
        bytes.
        """
        known_since = ["known_at"] if "known_at" in table.column_names else []
        schema = REVISIONS if known_since else FILE_SCHEMA
        new = _without_nan(table.select(schema.names).cast(schema))
        since = aware(revised_at) if revised_at else None
        target = self.place(Kind.MINUTE, symbol, f"{month}.parquet")
        with self.locked(target):
            old = self.minutes(symbol, month), self._revisions(symbol, month)
            newest, revisions = merged(*old, new, self.bar_minutes, since)
            if not revisions.equals(old[1]):
                self.write_parquet(self.place(Kind.MINUTE, symbol, f"{month}.revisions.parquet"), revisions)
            if not newest.equals(old[0]):
                self.write_parquet(target, newest)
        if downloaded is not None:
            self.mark(Kind.MINUTE, symbol, *downloaded, counts)

    def bars(
        self,
        symbol: str,
        start: dt.date | None = None,
        end: dt.date | None = None,
        *,
        known_at: dt.datetime | None = None,
        as_of: dt.date | None = None,
    ) -> pa.Table:
        """Return the bars of `symbol` that start on the UTC days `start` to `end`, sorted (`BAR_SCHEMA`).

        With `known_at` as they were known at that time; with `as_of` adjusted back for the splits and dividends up to
        that day, else raw.
        """
        months = [month for month in self.tables(Kind.MINUTE, symbol) if _overlaps(month, start, end)]
        tables = [self._month(symbol, month, known_at) for month in months]
        table = pa.concat_tables([FILE_SCHEMA.empty_table(), *tables]).combine_chunks()
        low, high = np.searchsorted(_minutes(table), (_minute(start, 0), _minute(end, 1)))
        table = table.slice(low, max(high - low, 0))
        if as_of is not None:
            table = back_adjusted(self, symbol, table, as_of)
        return table.add_column(0, BAR_SCHEMA.field(0), pa.repeat(pa.scalar(symbol, pa.string()), table.num_rows))

    def symbols(self, kind: Kind = Kind.MINUTE) -> tuple[str, ...]:
        """Return the symbols that have bars, or tables of another kind, sorted."""
        found = self.find(f"historical/{kind.folder}/symbol=*/*.parquet")
        return tuple(sorted({path.split("/")[-2].removeprefix("symbol=") for path in found}))

    def contents(self, symbol: str, more: Collection[Kind] = ()) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of all of a symbol that a panel reads: bars, complete days, actions, daily closes.

        The tables of the kinds `more` follow.
        """
        for kind, pattern in (*_CONTENTS, *((kind, "*.parquet") for kind in more)):
            for path in self.find(self.place(kind, symbol, pattern)):
                yield path, self.read(path) or b""

    def span(self, symbols: Collection[str] | None = None) -> Span:
        """Return the UTC days of the first and the last bar of all (or these) symbols; `DataError` if none."""
        ends = [day for symbol in symbols or self.symbols() for day in self._span(symbol)]
        if not ends:
            raise DataError(f"no bars in {self.root}", _NO_BARS)
        return min(ends), max(ends)

    def panel(
        self,
        symbols: Collection[str],
        start: dt.date | None = None,
        end: dt.date | None = None,
        bar_minutes: int | None = None,
    ) -> Panel:
        """Return the panel of `symbols` over the sessions from `start` to `end` (default: all there are).

        Prices and volumes are raw; the adjustment factors are those of all actions in the store. `bar_minutes` is a
        multiple of the store's own length, and that by default.
        """
        length = self._panel_minutes(bar_minutes)
        months = {symbol: self.tables(Kind.MINUTE, symbol) for symbol in sorted(set(symbols))}
        missing = [symbol for symbol, names in months.items() if not names]
        if missing:
            raise DataError(f"no bars of {', '.join(missing)} in {self.root}", _NO_BARS)
        first, last = (start, end) if start and end else self.span(symbols)
        grid = session_grid(start or first, end or last, length)
        months = {symbol: [m for m in names if _overlaps(m, start, end)] for symbol, names in months.items()}
        columns = {symbol: self._columns(symbol, names) for symbol, names in months.items()}
        days = {s: [span for m in names for span in self.downloaded(Kind.MINUTE, s, m)] for s, names in months.items()}
        spans = {symbol: union(found) for symbol, found in days.items()}
        panel = build_panel(columns, grid, lambda symbol, day: not _covers(spans[symbol], day))
        dates = [session.date for session in grid.sessions]
        pairs = [factors_of(self, symbol, dates) for symbol in panel.symbols]
        price, share = (np.stack([pair[k] for pair in pairs], axis=1) for k in (0, 1))
        return replace(panel, price_factor=price, share_factor=share)

    def _panel_minutes(self, wanted: int | None) -> int:
        own = self.bar_minutes
        if wanted is not None and wanted % own:
            hint = f"set bar_minutes to {own} or a multiple of it"
            raise DataError(f"{self.root} holds {own}-minute bars: no {wanted}-minute bars can be made of them", hint)
        return wanted or own

    def _revisions(self, symbol: str, month: str) -> pa.Table:
        return self.read_parquet(self.place(Kind.MINUTE, symbol, f"{month}.revisions.parquet"), REVISIONS)

    def _month(self, symbol: str, month: str, known_at: dt.datetime | None) -> pa.Table:
        newest = self.minutes(symbol, month)
        if known_at is None:
            return newest
        return known(newest, self._revisions(symbol, month), aware(known_at), self.bar_minutes)

    def _columns(self, symbol: str, months: list[str]) -> SymbolBars:
        paths = (self.place(Kind.MINUTE, symbol, f"{month}.parquet") for month in months)
        tables = [self.read_parquet(path, _PANEL_SCHEMA) for path in paths]
        table = pa.concat_tables(tables) if tables else _PANEL_SCHEMA.empty_table()
        return SymbolBars(_minutes(table), *(table[name].to_numpy() for name in _PANEL_SCHEMA.names[1:]))

    def _span(self, symbol: str) -> list[dt.date]:
        months = self.tables(Kind.MINUTE, symbol)
        ends = zip(months[:1] + months[-1:], (0, -1), strict=False)
        return [self.minutes(symbol, month)["timestamp"][at].as_py().date() for month, at in ends]


def _without_nan(table: pa.Table) -> pa.Table:
    """Return the table with null for a `vwap` that is not a number: one way to say that it is unknown."""
    vwap = table["vwap"]
    clean = pc.if_else(pc.fill_null(pc.is_nan(vwap), False), pa.scalar(None, pa.float64()), vwap)
    return table.set_column(table.schema.get_field_index("vwap"), "vwap", clean)


def _covers(spans: list[Span], day: dt.date) -> bool:
    return any(first <= day <= last for first, last in spans)


def _overlaps(month: str, start: dt.date | None, end: dt.date | None) -> bool:
    return (start is None or month >= f"{start:%Y-%m}") and (end is None or month <= f"{end:%Y-%m}")


def _minutes(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.asarray(table["timestamp"].cast(pa.int64()).to_numpy(), dtype=np.int64) // US_PER_MINUTE


def _minute(day: dt.date | None, days_later: int) -> int:
    """Return the epoch minute at which a UTC day starts, `days_later` added; the end of time without a day."""
    if day is None:
        return days_later * (1 << 40)
    return (day.toordinal() + days_later - dt.date(1970, 1, 1).toordinal()) * 1440
