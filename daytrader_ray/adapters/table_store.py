"""The tables of the store beside the minute bars, and which days of every table are known to be complete."""

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.folder import Folder
from daytrader_ray.adapters.tables import (
    DAILY,
    DIVIDENDS,
    EVENTS,
    FUNDAMENTALS,
    QUOTE_BARS,
    SPLITS,
    TRADE_BARS,
    UTC,
    Kind,
)
from daytrader_ray.domain.errors import DataError
from daytrader_ray.market_data.adjust import Dividend, Split

Span = tuple[dt.date, dt.date]
"""First and last day, both included."""

PRUNED = (Kind.MINUTE, Kind.QUOTE_BARS, Kind.TRADE_BARS)
"""Kinds whose old months may go; the others are small, and adjustment and point-in-time answers need their past."""

_DIVIDENDS = pa.schema([DIVIDENDS.field(name) for name in ("ex_date", "cash_amount", "currency")])
_CLOSES = pa.schema([DAILY.field("date"), DAILY.field("close")])
_BROKEN = "remove the file: the next download writes it again"
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:\-]{0,20}")


class TableStore(Folder):
    """Tables under `root` by kind, symbol and name, each with a manifest of the days that are complete."""

    def write_table(self, kind: Kind, symbol: str, name: str, table: pa.Table) -> None:
        """Merge rows into one file (of kind's key the new row wins), or replace it where the kind has no key.

        `DataError` names a missing column or one of another type. The same content is always the same bytes. Minute
        bars have versions and go through `ParquetStore.write_bars`.
        """
        target = self.place(kind, symbol, f"{name}.parquet")
        new = _conformed(table, kind, target)
        with self.locked(target):
            if kind.key:
                new = last_of_each(pa.concat_tables([self.read_parquet(target, kind.schema), new]), kind.key)
            else:
                new = new.sort_by([(column, "ascending") for column in kind.schema.names])
            self.write_parquet(target, new)

    def read_table(self, kind: Kind, symbol: str, name: str) -> pa.Table | None:
        """Return one file; None where there is none."""
        table = self.read_parquet(self.place(kind, symbol, f"{name}.parquet"), kind.schema)
        return table if table.num_rows else None

    def tables(self, kind: Kind, symbol: str) -> list[str]:
        """Return the names of the files of a kind that hold rows of `symbol`, sorted."""
        names = (path.rpartition("/")[2] for path in self.find(self.place(kind, symbol, "*.parquet")))
        found = [name.removesuffix(".parquet") for name in names if name.count(".") == 1]
        return [name for name in found if kind.is_dated or name == kind.name_format]

    def mark(
        self, kind: Kind, symbol: str, first: dt.date, last: dt.date, counts: Mapping[str, int] | None = None
    ) -> None:
        """Record that `first` to `last` are complete; call it when the rows are safe, so that a crash only repeats.

        `counts` (rows by what became of them: `accepted`, `extended_hours`, reasons of quarantine) are kept with the
        days they are of and replace those of days inside them.
        """
        for name, a, b in kind.parts(first, last):
            where = self.place(kind, symbol, f"_{name}.json")
            with self.locked(where):
                values = self.read_json(where)
                spans = self._spans(values, where)
                values["downloaded"] = [[c.isoformat(), d.isoformat()] for c, d in union([*spans, (a, b)])]
                if counts is not None:
                    old = [entry for entry in values.get("counts", []) if not _inside(entry, a, b)]
                    entry = {"first": a.isoformat(), "last": b.isoformat(), "rows": dict(counts)}
                    values["counts"] = sorted([*old, entry], key=lambda e: (e["first"], e["last"]))
                self.write_json(where, values)

    def is_downloaded(self, symbol: str, first: dt.date, last: dt.date, kind: Kind = Kind.MINUTE) -> bool:
        """Return whether completed downloads cover `first` to `last`."""
        return all(
            any(c <= a and b <= d for c, d in self.downloaded(kind, symbol, name))
            for name, a, b in kind.parts(first, last)
        )

    def downloaded(self, kind: Kind, symbol: str, name: str) -> list[Span]:
        """Return the spans of days whose download into one file is complete, in order."""
        where = self.place(kind, symbol, f"_{name}.json")
        return self._spans(self.read_json(where), where)

    def counts(self, symbol: str, month: str) -> dict[str, int]:
        """Return what became of the minute bars downloaded into one month: rows by `accepted`, reason ..."""
        where = self.place(Kind.MINUTE, symbol, f"_{month}.json")
        total: Counter[str] = Counter()
        try:
            for entry in self.read_json(where).get("counts", []):
                total.update({name: int(rows) for name, rows in entry["rows"].items()})
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DataError(f"{self.path(where)}: 'counts' is no list of rows by fate", _BROKEN) from None
        return dict(total)

    def minutes(self, symbol: str, month: str) -> pa.Table:
        """Return the newest version of the bars of one month (`MINUTE`)."""
        return self.read_parquet(self.place(Kind.MINUTE, symbol, f"{month}.parquet"), Kind.MINUTE.schema)

    def splits(self, symbol: str) -> tuple[Split, ...]:
        """Return all splits that are known, by date; without those whose date or ratio makes no sense."""
        rows = [row for row in self._rows(SPLITS, Kind.SPLITS, symbol) if row["execution_date"]]
        sound = [row for row in rows if _positive(row["split_from"]) and _positive(row["split_to"])]
        return tuple(Split(row["execution_date"], row["split_to"] / row["split_from"]) for row in sound)

    def dividends(self, symbol: str) -> tuple[Dividend, ...]:
        """Return all cash dividends in USD that are known, by ex-date; without those that lack date or amount."""
        rows = self.dividend_rows(symbol, _DIVIDENDS)
        return tuple(Dividend(row["ex_date"], row["cash_amount"]) for row in rows)

    def dividend_rows(self, symbol: str, schema: pa.Schema = DIVIDENDS) -> list[dict[str, Any]]:
        """Return the columns of `schema` of the dividends that `dividends` names."""
        in_usd = [row for row in self._rows(schema, Kind.DIVIDENDS, symbol) if row["currency"] in (None, "USD")]
        return [row for row in in_usd if row["ex_date"] and _positive(row["cash_amount"])]

    def daily(self, symbol: str, start: dt.date | None = None, end: dt.date | None = None) -> pa.Table:
        """Return the daily bars from `start` to `end`, both included."""
        return _between(self._all(DAILY, Kind.DAILY, symbol, start, end), "date", start, end)

    def daily_closes(self, symbol: str, start: dt.date, end: dt.date) -> dict[dt.date, float]:
        """Return the raw daily closes by date from `start` to `end`; those that are missing are left out."""
        table = _between(self._all(_CLOSES, Kind.DAILY, symbol, start, end), "date", start, end)
        days, closes = (table[name].to_numpy() for name in ("date", "close"))
        return {day: close for day, close in zip(days.tolist(), closes.tolist(), strict=True) if close == close}

    def fundamentals(self, symbol: str, known_at: dt.date) -> dict[str, Any] | None:
        """Return the newest row of FUNDAMENTALS that was known on a day; None where there was none."""
        table = _between(self._all(FUNDAMENTALS, Kind.FUNDAMENTALS, symbol, None, known_at), "as_of", None, known_at)
        row: dict[str, Any] | None = table.slice(table.num_rows - 1).to_pylist()[0] if table.num_rows else None
        return row

    def events(self, symbol: str, known_at: dt.datetime | None = None) -> pa.Table:
        """Return the events, past and to come, that counted at a time: known by then and not yet withdrawn.

        By default all there ever were, with `withdrawn_at`. `known_at` is never null.
        """
        table = self._all(EVENTS, Kind.EVENTS, symbol)
        since = pc.coalesce(table["known_at"], table["timestamp"])
        table = table.set_column(1, EVENTS.field("known_at"), since)
        if known_at is None:
            return table
        at, withdrawn = pa.scalar(aware(known_at), UTC), table["withdrawn_at"]
        stands = pc.fill_null(pc.greater(withdrawn, at), True)
        return table.filter(pc.and_(pc.less_equal(since, at), stands)).drop_columns("withdrawn_at")

    def quote_bars(self, symbol: str, start: dt.date | None = None, end: dt.date | None = None) -> pa.Table:
        """Return the minutes with quotes on the UTC days `start` to `end`."""
        return _between(self._all(QUOTE_BARS, Kind.QUOTE_BARS, symbol, start, end), "timestamp", start, end)

    def trade_bars(self, symbol: str, start: dt.date | None = None, end: dt.date | None = None) -> pa.Table:
        """Return the minutes with trades on the UTC days `start` to `end`."""
        return _between(self._all(TRADE_BARS, Kind.TRADE_BARS, symbol, start, end), "timestamp", start, end)

    def quarantine(self, source: str, table: pa.Table, symbol: str | None = None) -> None:
        """Keep the rows of one source that were not accepted, by symbol and month; they replace its earlier ones.

        `table` has `symbol`, `timestamp` and `reason` beside what else is known of a row. With `symbol` only that
        symbol's rows of the source are replaced. Rows without a usable symbol or stamp are kept under `unknown`.
        """
        name = source.replace("/", "-")
        parts = _by_symbol_and_month(table)
        stale = set(self.find(f"quarantine/symbol={symbol or '*'}/*.{name}.parquet"))
        for (owner, month), rows in parts.items():
            target = f"quarantine/symbol={owner}/{month}.{name}.parquet"
            self.write_parquet(target, rows)
            stale.discard(target)
        for target in sorted(stale):
            self.remove(target)

    def prune(self, before: dt.date, symbols: Collection[str]) -> list[str]:
        """Remove the months that lie wholly before a day, of minute bars, ticks and quarantine; return what went.

        Only what belongs to `symbols` goes. A month's manifest goes first: a crash in between leaves bars that nothing
        calls complete, never the reverse.
        """
        oldest, names = f"{before:%Y-%m}", ("_*.json", "*.parquet")
        patterns = [self.place(kind, symbol, name) for symbol in symbols for name in names for kind in PRUNED]
        patterns += [f"quarantine/symbol={symbol}/*.parquet" for symbol in symbols]
        found = [path for pattern in patterns for path in self.find(pattern)]
        gone = [path for path in found if path.rpartition("/")[2].lstrip("_")[:7] < oldest]
        for path in gone:
            self.remove(path)
        return gone

    def place(self, kind: Kind, symbol: str, name: str) -> str:
        """Return the relative path of a file of a kind; `DataError` for what cannot be a symbol."""
        if not _SYMBOL.fullmatch(symbol):
            raise DataError(f"'{symbol}' is no symbol: expected letters, digits and . : -")
        return f"historical/{kind.folder}/symbol={symbol}/{name}"

    def _spans(self, values: dict[str, Any], where: str) -> list[Span]:
        """Return the spans of days of a manifest read from `where`."""
        try:
            return [(dt.date.fromisoformat(a), dt.date.fromisoformat(b)) for a, b in values.get("downloaded", [])]
        except (TypeError, ValueError):
            raise DataError(f"{self.path(where)}: 'downloaded' is no list of first and last days", _BROKEN) from None

    def _rows(self, schema: pa.Schema, kind: Kind, symbol: str) -> list[dict[str, Any]]:
        """Return the columns of `schema` of the one file of a kind that has one."""
        table = self.read_parquet(self.place(kind, symbol, f"{kind.name_format}.parquet"), schema)
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    def _all(
        self, schema: pa.Schema, kind: Kind, symbol: str, start: dt.date | None = None, end: dt.date | None = None
    ) -> pa.Table:
        """Return the columns of `schema` of all files of a kind that `start` to `end` touch, in order."""
        low = start.strftime(kind.name_format) if start else ""
        high = end.strftime(kind.name_format) if end else "~"
        names = [name for name in self.tables(kind, symbol) if low <= name <= high]
        tables = [self.read_parquet(self.place(kind, symbol, f"{name}.parquet"), schema) for name in names]
        return pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()


def last_of_each(table: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Return the rows sorted by `key`; of rows with the same key the last one."""
    table = table.combine_chunks()
    if not table.num_rows:
        return table
    codes = [pc.rank(table[name], tiebreaker="dense").to_numpy() for name in key]
    order = np.lexsort(codes[::-1])
    changes = np.logical_or.reduce([code[order][1:] != code[order][:-1] for code in codes])
    return table.take(pa.array(order[np.append(changes, True)]))


def aware(stamp: dt.datetime) -> dt.datetime:
    """Return a time with its zone; `DataError` for one without."""
    if stamp.tzinfo is None:
        raise DataError(f"{stamp.isoformat()} has no time zone", "give a UTC time")
    return stamp


def _conformed(table: pa.Table, kind: Kind, target: str) -> pa.Table:
    try:
        return table.select(kind.schema.names).cast(kind.schema)
    except (KeyError, pa.ArrowException) as error:
        columns = ", ".join(kind.schema.names)
        raise DataError(f"{target}: {str(error).splitlines()[0]}", f"expected the columns {columns}") from None


def _between(table: pa.Table, column: str, start: dt.date | None, end: dt.date | None) -> pa.Table:
    """Return the rows whose day lies from `start` to `end`; `table` is sorted by `column`."""
    days = table[column].combine_chunks().to_numpy(zero_copy_only=False).astype("datetime64[D]")
    low = int(np.searchsorted(days, np.datetime64(start), "left")) if start else 0
    high = int(np.searchsorted(days, np.datetime64(end), "right")) if end else len(days)
    return table.slice(low, max(high - low, 0))


def _by_symbol_and_month(table: pa.Table) -> dict[tuple[str, str], pa.Table]:
    """Return the rows by the symbol and month that they are of."""
    if not table.num_rows:
        return {}
    symbols = [name if name and _SYMBOL.fullmatch(name) else "unknown" for name in table["symbol"].to_pylist()]
    months = pc.strftime(table["timestamp"], "%Y-%m").to_pylist()
    rows: dict[tuple[str, str], list[int]] = {}
    for row, (symbol, month) in enumerate(zip(symbols, months, strict=True)):
        rows.setdefault((symbol, month or "unknown"), []).append(row)
    return {key: table.take(pa.array(which)) for key, which in rows.items()}


def _positive(value: float | None) -> bool:
    return value is not None and 0 < value < math.inf


def _inside(entry: dict[str, Any], first: dt.date, last: dt.date) -> bool:
    return first.isoformat() <= str(entry["first"]) and str(entry["last"]) <= last.isoformat()


def union(spans: list[Span]) -> list[Span]:
    """Join spans of days that overlap or touch."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + dt.timedelta(days=1):
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined
