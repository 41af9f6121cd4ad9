"""The bar store: Parquet files under one root, one per symbol and month, and what is known to be complete.

::

    <root>/historical/market.json                                the market that all these bars come from
    <root>/historical/minute_bars/symbol=AAPL/2025-03.parquet    bars, sorted by start, without the symbol column
    <root>/historical/minute_bars/symbol=AAPL/_2025-03.json      days whose download is complete
    <root>/quarantine/<name>.parquet                             rows that were not accepted, with their reason

A session inside a completed download is known minute by minute: no bar means no trade. Every other session in the
store is an imported one: nothing is known outside its first and last bar.
"""

import datetime as dt
import io
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from daytrader_ray.adapters.atomic import atomic_write_bytes, atomic_write_json
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.panel import Panel
from daytrader_ray.market_data.bars import US_PER_MINUTE, SymbolBars
from daytrader_ray.market_data.panel import build_panel

FILE_SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", "UTC")),
        *(pa.field(name, pa.float64()) for name in ("open", "high", "low", "close", "volume", "vwap")),
        pa.field("trades", pa.int32()),
    ]
)
"""Columns of a bar file; `vwap` and `trades` are null where the vendor gives none."""

BAR_SCHEMA = FILE_SCHEMA.insert(0, pa.field("symbol", pa.string()))
"""Columns of a table of bars: those of the file after the symbol."""

BARS = "historical/minute_bars"
MARKET = "historical/market.json"
IMPORTED = "imported"
"""The market of bars from the user's own files."""

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:\-]{0,20}")


class ParquetStore:
    """Minute bars under `root`: a local folder or any fsspec URL."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/") if "://" in root else str(Path(root).absolute())
        self._fs, self._base = fsspec.core.url_to_fs(self.root)

    def path(self, *parts: str) -> str:
        """Return the path (or URL) of something under the root."""
        return "/".join([self.root, *parts])

    def market(self) -> str:
        """Return the market that the bars come from, as `claim` was told; `unknown` where nobody said."""
        path = f"{self._base}/{MARKET}"
        return str(json.loads(self._fs.cat_file(path))["market"]) if self._fs.exists(path) else "unknown"

    def claim(self, market: str) -> None:
        """Say which market the next bars come from; `DataError` where the store has bars of another one."""
        known = self.market()
        if known != market and self._fs.exists(f"{self._base}/{BARS}"):
            raise DataError(f"{self.root} holds bars of another market: {known}, not {market}", "use another --data")
        if known != market:
            atomic_write_json(self.path(MARKET), {"market": market})

    def write_bars(self, symbol: str, month: str, table: pa.Table, downloaded: tuple[dt.date, dt.date] | None) -> None:
        """Merge bars of one symbol and month (`2025-03`) into its file: by start, the new row wins.

        `downloaded` names the first and last day that the table covers completely (recorded after the bars are
        safe, so that a crash in between is only a download to repeat); None for imported bars. The same content is
        always the same bytes.
        """
        target = self._relative(symbol, f"{month}.parquet")
        merged = _merge(self._read(target), table.select(FILE_SCHEMA.names).cast(FILE_SCHEMA))
        if merged.num_rows:
            atomic_write_bytes(self.path(target), _parquet(merged))
        if downloaded is not None:
            known = [*self._downloaded(symbol, month), downloaded]
            spans = [[first.isoformat(), last.isoformat()] for first, last in _union(known)]
            atomic_write_json(self.path(self._relative(symbol, f"_{month}.json")), {"downloaded": spans})

    def is_downloaded(self, symbol: str, first: dt.date, last: dt.date) -> bool:
        """Return whether one completed download of the month of `first` covers `first` to `last`."""
        return any(a <= first and last <= b for a, b in self._downloaded(symbol, f"{first:%Y-%m}"))

    def bars(self, symbol: str, start: dt.date | None = None, end: dt.date | None = None) -> pa.Table:
        """Return the bars of `symbol` that start on the UTC days `start` to `end`, sorted (`BAR_SCHEMA`)."""
        months = [m for m in self._months(symbol) if _overlaps(m, start, end)]
        tables = [self._read(self._relative(symbol, f"{month}.parquet")) for month in months]
        table = pa.concat_tables([FILE_SCHEMA.empty_table(), *tables]).combine_chunks()
        if start is not None:
            table = table.filter(pc.greater_equal(table["timestamp"], _midnight(start)))
        if end is not None:
            table = table.filter(pc.less(table["timestamp"], _midnight(end + dt.timedelta(days=1))))
        return table.add_column(0, BAR_SCHEMA.field(0), pa.repeat(pa.scalar(symbol, pa.string()), table.num_rows))

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols that have bars, sorted."""
        found = self._glob(f"{BARS}/symbol=*/*.parquet")
        return tuple(sorted({path.split("/")[-2].removeprefix("symbol=") for path in found}))

    def contents(self, symbol: str) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of all that is stored of a symbol: its bars and which days of them are complete."""
        bars, days = (self._glob(self._relative(symbol, pattern)) for pattern in ("*.parquet", "_*.json"))
        for path in sorted(bars + days):
            yield path.removeprefix(self._base), self._fs.cat_file(path)

    def span(self, symbols: Collection[str] | None = None) -> tuple[dt.date, dt.date]:
        """Return the UTC days of the first and the last bar of all (or these) symbols; `DataError` if none."""
        ends = [day for symbol in symbols or self.symbols() for day in self._span(symbol)]
        if not ends:
            raise DataError(f"no bars in {self.root}", "run `daytrader download` or `daytrader import` first")
        return min(ends), max(ends)

    def panel(
        self,
        symbols: Collection[str],
        start: dt.date | None = None,
        end: dt.date | None = None,
        bar_minutes: int = 1,
    ) -> Panel:
        """Return the panel of `symbols` over the sessions from `start` to `end` (default: all there are)."""
        missing = sorted(set(symbols) - set(self.symbols()))
        if missing:
            raise DataError(
                f"no bars of {', '.join(missing)} in {self.root}", "run `daytrader download` or `daytrader import`"
            )
        first, last = self.span(symbols)
        grid = session_grid(start or first, end or last, bar_minutes)
        columns = {symbol: _symbol_bars(self.bars(symbol, start, end)) for symbol in symbols}
        downloads = {s: [span for month in self._months(s) for span in self._downloaded(s, month)] for s in symbols}
        return build_panel(columns, grid, lambda symbol, day: not _covers(downloads[symbol], day))

    def quarantine(self, name: str, table: pa.Table) -> None:
        """Keep rows that were not accepted as `quarantine/<name>.parquet`; an empty table removes an old one."""
        target = f"quarantine/{name}.parquet"
        if table.num_rows:
            atomic_write_bytes(self.path(target), _parquet(table))
        elif self._fs.exists(f"{self._base}/{target}"):
            self._fs.rm_file(f"{self._base}/{target}")

    def _relative(self, symbol: str, name: str) -> str:
        if not _SYMBOL.fullmatch(symbol):
            raise DataError(f"'{symbol}' is no symbol: expected letters, digits and . : -")
        return f"{BARS}/symbol={symbol}/{name}"

    def _read(self, relative: str) -> pa.Table:
        path = f"{self._base}/{relative}"
        if not self._fs.exists(path):
            return FILE_SCHEMA.empty_table()
        try:
            return pq.read_table(io.BytesIO(self._fs.cat_file(path)), schema=FILE_SCHEMA)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.path(relative)}: not a bar file: {str(error).splitlines()[0]}") from None

    def _months(self, symbol: str) -> list[str]:
        found = self._glob(self._relative(symbol, "*.parquet"))
        return sorted(path.split("/")[-1].removesuffix(".parquet") for path in found)

    def _glob(self, pattern: str) -> list[str]:
        """Return what matches, without hidden files: those are leftovers of a crash or of another program."""
        found: list[str] = self._fs.glob(f"{self._base}/{pattern}")
        return [path for path in found if not path.split("/")[-1].startswith(".")]

    def _span(self, symbol: str) -> list[dt.date]:
        months = self._months(symbol)
        return [
            _day(self._read(self._relative(symbol, f"{m}.parquet")), at)
            for m, at in zip(months[:1] + months[-1:], (0, -1), strict=False)
        ]

    def _downloaded(self, symbol: str, month: str) -> list[tuple[dt.date, dt.date]]:
        path = f"{self._base}/{self._relative(symbol, f'_{month}.json')}"
        if not self._fs.exists(path):
            return []
        spans = json.loads(self._fs.cat_file(path))["downloaded"]
        return [(dt.date.fromisoformat(first), dt.date.fromisoformat(last)) for first, last in spans]


def months_between(start: dt.date, end: dt.date) -> list[tuple[str, dt.date, dt.date]]:
    """Return each month from `start` to `end` as (`2025-03`, its first day, its last day), cut to the range.

    >>> [(month, str(a), str(b)) for month, a, b in months_between(dt.date(2025, 1, 30), dt.date(2025, 2, 3))]
    [('2025-01', '2025-01-30', '2025-01-31'), ('2025-02', '2025-02-01', '2025-02-03')]
    """
    found = []
    first = start
    while first <= end:
        following = (first.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        found.append((f"{first:%Y-%m}", first, min(end, following - dt.timedelta(days=1))))
        first = following
    return found


def _merge(old: pa.Table, new: pa.Table) -> pa.Table:
    """Return all rows sorted by start; of rows with the same start the last one."""
    table = pa.concat_tables([old, new]).combine_chunks()
    stamps = table["timestamp"].to_numpy().astype(np.int64)
    order = np.argsort(stamps, kind="stable")
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = stamps[order][1:] != stamps[order][:-1]
    return table.take(pa.array(order[last]))


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table.combine_chunks(), sink, compression="zstd", row_group_size=1 << 20)
    return sink.getvalue()


def _union(spans: list[tuple[dt.date, dt.date]]) -> list[tuple[dt.date, dt.date]]:
    """Join spans of days that overlap or touch."""
    joined: list[tuple[dt.date, dt.date]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + dt.timedelta(days=1):
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined


def _covers(spans: list[tuple[dt.date, dt.date]], day: dt.date) -> bool:
    return any(first <= day <= last for first, last in spans)


def _overlaps(month: str, start: dt.date | None, end: dt.date | None) -> bool:
    return (start is None or month >= f"{start:%Y-%m}") and (end is None or month <= f"{end:%Y-%m}")


def _midnight(day: dt.date) -> Any:
    return pa.scalar(dt.datetime.combine(day, dt.time(), dt.UTC), pa.timestamp("us", "UTC"))


def _day(table: pa.Table, at: int) -> dt.date:
    stamp: dt.datetime = table["timestamp"][at].as_py()
    return stamp.date()


def _symbol_bars(table: pa.Table) -> SymbolBars:
    names = ("open", "high", "low", "close", "volume", "vwap")
    prices = (table[name].to_numpy().astype(np.float64) for name in names)
    return SymbolBars(table["timestamp"].to_numpy().astype(np.int64) // US_PER_MINUTE, *prices)
