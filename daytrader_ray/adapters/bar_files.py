"""Bars from the user's own files: CSV and Parquet, any order, one or many symbols a file."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from daytrader_ray.adapters.screening import screen
from daytrader_ray.adapters.store import BAR_SCHEMA, IMPORTED, ParquetStore
from daytrader_ray.domain.errors import DataError

SUFFIXES = (".parquet", ".csv", ".csv.gz")
REQUIRED = ("timestamp", "open", "high", "low", "close", "volume")
ALIASES = {"ticker": "symbol", "window_start": "timestamp", "transactions": "trades"}
"""The vendor's flat files call three columns differently."""

_EPOCH_US = ((1e17, 1e-3), (1e14, 1.0), (1e11, 1e3), (0.0, 1e6))
"""Epoch stamps by size: nanoseconds, microseconds, milliseconds, seconds, each with its microseconds."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did; rows = accepted + quarantined + extended hours, `symbols` are those of accepted rows."""

    files: int
    rows: int
    accepted: int
    quarantined: int
    extended_hours: int
    symbols: tuple[str, ...]


def import_files(
    store: ParquetStore, paths: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> ImportReport:
    """Bring the bars of all files (folders are searched) into the store; `DataError` names the first unusable file.

    Every file is read before anything is stored of it. Running it again changes nothing. `progress` is told (done,
    all) files.
    """
    files = find_files(paths)
    symbols: set[str] = set()
    accepted = quarantined = extended = 0
    for done, path in enumerate(files, start=1):
        bad = []
        rows = read_bars(path)
        store.claim(IMPORTED)
        for symbol, table in by_symbol(rows).items():
            screened = screen(table)
            for month, bars in screened.months().items():
                store.write_bars(symbol, month, bars, downloaded=None)
            if screened.accepted.num_rows:
                symbols.add(symbol)
            accepted += screened.accepted.num_rows
            extended += screened.counts.get("extended_hours", 0)
            bad.append(screened.quarantined)
        rejected = pa.concat_tables(bad) if bad else BAR_SCHEMA.empty_table()
        quarantined += rejected.num_rows
        store.quarantine(f"import/{_name(path)}", rejected)
        if progress is not None:
            progress(done, len(files))
    rows = accepted + quarantined + extended
    return ImportReport(len(files), rows, accepted, quarantined, extended, tuple(sorted(symbols)))


def find_files(paths: Sequence[str]) -> list[Path]:
    """Return the files meant by `paths`, each once, folders searched; `DataError` where there is none."""
    found: dict[Path, None] = {}
    for text in paths:
        path = Path(text)
        inside = sorted(filter(_is_bar_file, path.rglob("*"))) if path.is_dir() else [path]
        if not inside or not (path.is_dir() or path.is_file()):
            raise DataError(f"{text}: no such file, or a folder without any", "expected .parquet or .csv files of bars")
        found.update(dict.fromkeys(inside))
    return list(found)


def read_bars(path: Path) -> pa.Table:
    """Return the rows of one file with the columns of `BAR_SCHEMA`, in the file's order; missing numbers are null.

    Columns `timestamp` (the bar's START: ISO, without a zone UTC, or epoch s, ms, us, ns), open, high, low, close,
    volume; optional vwap, trades, and symbol (default: the file's name before its first dot). Symbols are upper case.
    """
    raw = _read(path)
    names = [ALIASES.get(name.strip().lower(), name.strip().lower()) for name in raw.column_names]
    table = raw.rename_columns(names).combine_chunks()
    for name in REQUIRED:
        if names.count(name) != 1:
            count = "no" if name not in names else "more than one"
            raise DataError(f"{path}: {count} column '{name}'; found {', '.join(names)}", f"need {', '.join(REQUIRED)}")
    columns = {
        "symbol": _symbols(table, path),
        "timestamp": _stamps(table["timestamp"], path),
        **{name: _numbers(table, name, path) for name in BAR_SCHEMA.names[2:]},
    }
    return pa.table(columns, schema=BAR_SCHEMA)


def by_symbol(table: pa.Table) -> dict[str, pa.Table]:
    """Return the rows of each symbol, in order of the symbols."""
    symbols = sorted(pc.unique(table["symbol"]).to_pylist())
    return {symbol: table.filter(pc.equal(table["symbol"], symbol)) for symbol in symbols}


def _is_bar_file(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def _read(path: Path) -> pa.Table:
    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            return pq.ParquetFile(path).read()
        if name.endswith((".csv", ".csv.gz")):
            return pyarrow.csv.read_csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    raise DataError(f"{path}: unknown kind of file", f"expected one of {', '.join(SUFFIXES)}")


def _symbols(table: pa.Table, path: Path) -> pa.Array:
    if "symbol" not in table.column_names:
        return pa.array([path.name.split(".")[0].upper()] * table.num_rows, pa.string())
    column = table["symbol"].cast(pa.string())
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py()
        raise DataError(f"{path}: data row {row + 1}: expected a symbol, found nothing")
    return pc.utf8_upper(pc.utf8_trim_whitespace(column))


def _stamps(column: pa.ChunkedArray, path: Path) -> pa.ChunkedArray:
    kind = pa.timestamp("us", "UTC")
    try:
        if pa.types.is_timestamp(column.type):
            return (
                pc.assume_timezone(column, "UTC").cast(kind, safe=False)
                if column.type.tz is None
                else column.cast(kind, safe=False)
            )
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            return _epoch(column).cast(kind)
        return column.cast(pa.string()).cast(pa.timestamp("ns", "UTC")).cast(kind, safe=False)
    except pa.ArrowException as error:
        raise DataError(
            f"{path}: column 'timestamp': {str(error).splitlines()[0]}",
            "expected ISO times such as 2025-03-03T14:30:00Z, or epoch s, ms, us or ns",
        ) from None


def _epoch(column: pa.ChunkedArray) -> pa.ChunkedArray:
    size = pc.max(pc.abs(column)).as_py() or 0
    factor = next(factor for least, factor in _EPOCH_US if size >= least)
    if pa.types.is_floating(column.type):
        return pc.round(pc.multiply(column, factor)).cast(pa.int64())
    whole = column.cast(pa.int64())
    return pc.divide(whole, 1000) if factor < 1 else pc.multiply(whole, int(factor))


def _numbers(table: pa.Table, name: str, path: Path) -> pa.Array | pa.ChunkedArray:
    kind = BAR_SCHEMA.field(name).type
    if name not in table.column_names:
        return pa.nulls(table.num_rows, kind)
    column = table[name]
    try:
        return column.cast(kind, safe=False)
    except pa.ArrowException:
        row, value = _first_bad(column)
        raise DataError(f"{path}: data row {row}: column '{name}': expected a number, found {value!r}") from None


def _first_bad(column: pa.ChunkedArray) -> tuple[int, str]:
    for row, value in enumerate(column.to_pylist(), start=1):
        try:
            float(value if value is not None else 0)
        except (TypeError, ValueError):
            return row, str(value)
    return 0, str(column.type)


def _name(path: Path) -> str:
    """Return a name for the file's quarantine that stays the same and that no other file has."""
    place = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]
    return f"{path.name.split('.')[0]}-{place}"
