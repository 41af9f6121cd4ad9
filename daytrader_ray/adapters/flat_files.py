"""Polygon's flat files: one CSV a day with the minute bars of the whole market, of which the universe is kept.

Files are `.../2025/03/2025-03-03.csv.gz` with the columns ticker, volume, open, close, high, low, window_start (ns),
transactions, as in the vendor's bucket `us_stocks_sip/minute_aggs_v1`. A file is the whole truth about its day: a
minute without a row had no trade, which the store's manifest records, and by which an import goes on where it stopped.
"""

import datetime as dt
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from daytrader_ray.adapters.bar_files import ImportReport, by_symbol, screen_for
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.input_files import find_files, name_of, opened, spelled
from daytrader_ray.adapters.screening import quarantine
from daytrader_ray.adapters.stamps import to_utc
from daytrader_ray.adapters.store import BAR_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import UTC, Kind
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.indices import is_index

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)\.csv(\.gz)?")
_OURS = {
    "ticker": "symbol",
    "volume": "volume",
    "open": "open",
    "close": "close",
    "high": "high",
    "low": "low",
    "window_start": "timestamp",
    "transactions": "trades",
}
_TYPES = {name: pa.float64() for name in _OURS} | {
    "ticker": pa.string(),
    "window_start": pa.int64(),
    "transactions": pa.int32(),
}
_NOBODY = "no symbol of the universe in these files"
_BLOCK = 4 << 20


def import_flat_files(
    store: ParquetStore,
    paths: Sequence[str],
    symbols: Collection[str],
    market: str,
    revised_at: dt.datetime,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Bring the bars of `symbols` from all day files under `paths` (folders, files, URLs) into the store.

    Days that the store has of every symbol are not read again; of the others the symbols that lack them are read in
    one pass each, and stored by runs of consecutive sessions of a month: memory holds one run of these symbols. Bars
    that differ from stored ones are known since `revised_at`. Indices (`I:...`) are not in these files. `progress` is
    told (done, all) files; `DataError` names the first file that cannot be used, and files without any of `symbols`.
    """
    stocks = sorted(symbol for symbol in symbols if not is_index(symbol))
    files = _days(paths)
    if not stocks:
        raise DataError(f"{paths[0]}: {_NOBODY}", "the profile's universe has only indices")
    missing = _lacking(store, stocks, files)
    runs = _runs(missing)
    complete = len(files) - sum(map(len, runs))
    read = 0
    counts: list[tuple[str, Mapping[str, int]]] = []
    store.claim(market)
    for run in runs:
        wanted = sorted(missing[run[0]])
        tables = []
        for day in run:
            tables.append(_read_day(files[day], day, wanted))
            read += 1
            if progress is not None:
                progress(complete + read, len(files))
        if wanted != stocks or any(table.num_rows for table in tables):
            counts += _store(store, run, wanted, pa.concat_tables(tables), revised_at)
    if read and not counts:
        raise DataError(f"{paths[0]}: {_NOBODY}", "look at `universe` in the profile, and at the files")
    return ImportReport.of(read, counts, complete)


def _store(
    store: ParquetStore, run: list[dt.date], wanted: list[str], table: pa.Table, revised_at: dt.datetime
) -> list[tuple[str, Mapping[str, int]]]:
    """Store one run of days of each wanted symbol; return the symbols with what became of their rows.

    Sessions at the ratio of an unknown split stay open: the same import brings them once the split is known.
    """
    found = by_symbol(table, "flat files")
    counts: list[tuple[str, Mapping[str, int]]] = []
    for symbol in wanted:
        screened = screen_for(store, symbol, found.get(symbol, BAR_SCHEMA.empty_table()))
        quarantine(store, f"flat-{run[0]}-{run[-1]}", symbol, screened, run[0], run[-1])
        store.write_bars(symbol, f"{run[0]:%Y-%m}", screened.accepted, None, revised_at)
        parts = [list(part) for is_open, part in groupby(run, screened.unexplained.__contains__) if not is_open]
        for at, part in enumerate(parts):
            store.mark(Kind.MINUTE, symbol, part[0], part[-1], None if at else screened.settled)
        counts.append((symbol, screened.counts))
    return counts


def _days(paths: Sequence[str]) -> dict[dt.date, str]:
    """Return the file of each day, in order of the days."""
    found: dict[dt.date, str] = {}
    for file in find_files(paths, lambda name: _NAME.fullmatch(name) is not None, "files such as 2025-03-03.csv.gz"):
        match = _NAME.fullmatch(name_of(file))
        try:
            day = dt.date.fromisoformat(match[1] if match else "")
        except ValueError:
            raise DataError(f"{file}: no day in its name", "expected a name such as 2025-03-03.csv.gz") from None
        if day in found:
            raise DataError(f"{file}: a second file of {day}, beside {found[day]}")
        found[day] = file
    return dict(sorted(found.items()))


def _lacking(store: ParquetStore, symbols: list[str], days: Collection[dt.date]) -> dict[dt.date, set[str]]:
    """Return for each day the symbols whose day is not complete in the store."""
    lacking: dict[dt.date, set[str]] = {day: set() for day in days}
    for month in sorted({f"{day:%Y-%m}" for day in days}):
        inside = [day for day in days if f"{day:%Y-%m}" == month]
        for symbol in symbols:
            spans = store.downloaded(Kind.MINUTE, symbol, month)
            for day in inside:
                if not any(first <= day <= last for first, last in spans):
                    lacking[day].add(symbol)
    return lacking


def _runs(missing: Mapping[dt.date, set[str]]) -> list[list[dt.date]]:
    """Return the sessions that some symbols lack, by runs that the same symbols lack, inside a month."""
    if not missing:
        return []
    sessions = [session.date for session in session_grid(min(missing), max(missing)).sessions]
    groups = groupby(sessions, lambda day: (day.month, sorted(missing.get(day, ()))))
    return [list(run) for (_, lacking), run in groups if lacking]


def _read_day(path: str, day: dt.date, wanted: list[str]) -> pa.Table:
    """Return the rows of the wanted symbols of one file (`BAR_SCHEMA`), block by block."""
    with opened(path) as file:
        names = pyarrow.csv.open_csv(file).schema.names
    missing = [name for name in _OURS if names.count(name) != 1]
    if missing:
        raise DataError(f"{path}: expected each of the columns {', '.join(_OURS)} once; found {spelled(names)}")
    kept, rows = [], 0
    chosen = pa.array(wanted, pa.string())
    options = pyarrow.csv.ConvertOptions(column_types=_TYPES, include_columns=list(_OURS))
    with opened(path) as file:
        reader = pyarrow.csv.open_csv(file, pyarrow.csv.ReadOptions(block_size=_BLOCK), convert_options=options)
        for block in reader:
            rows += block.num_rows
            kept.append(block.filter(pc.is_in(block["ticker"], chosen)))
        table = pa.Table.from_batches(kept, reader.schema).rename_columns(list(_OURS.values()))
    if not rows:
        raise DataError(f"{path}: no row: the market traded on {day}", "fetch the file again")
    stamps = to_utc(table["timestamp"], "UTC", f"{path}: column 'timestamp'")
    _check_day(stamps, day, path)
    table = table.set_column(table.schema.get_field_index("timestamp"), "timestamp", stamps)
    return table.append_column("vwap", pa.nulls(table.num_rows, pa.float64())).select(BAR_SCHEMA.names).cast(BAR_SCHEMA)


def _check_day(stamps: pa.Array, day: dt.date, path: str) -> None:
    """Raise `DataError` where a stamp is not of New York's `day`: the file would not be the truth about its day."""
    midnight = dt.datetime.combine(day, dt.time(), ZoneInfo("America/New_York"))
    ends = [pa.scalar(stamp, UTC) for stamp in (midnight, midnight + dt.timedelta(days=1))]
    outside = pc.or_(pc.less(stamps, ends[0]), pc.greater_equal(stamps, ends[1]))
    if pc.any(outside).as_py():
        first = stamps.filter(outside)[0].cast(pa.string()).as_py()
        raise DataError(f"{path}: a bar of another day: {first}")
