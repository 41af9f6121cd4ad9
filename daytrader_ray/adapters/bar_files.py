"""Bars from the user's own files: CSV and Parquet, any order, one or many symbols a file."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from daytrader_ray.adapters.input_files import find_files, name_of, opened, spelled
from daytrader_ray.adapters.screening import Screened, context_before, first_day, screen
from daytrader_ray.adapters.stamps import check_zone, to_utc
from daytrader_ray.adapters.store import BAR_SCHEMA, IMPORTED, ParquetStore
from daytrader_ray.adapters.tables import UTC, Kind
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.sessions import US_PER_MINUTE

SUFFIXES = (".parquet", ".csv", ".csv.gz")
REQUIRED = ("timestamp", "open", "high", "low", "close", "volume")
ALIASES = {"symbol": "ticker", "timestamp": "window_start", "trades": "transactions"}
"""The vendor's flat files call three columns differently."""
TIME = "time of day"
"""The column beside `timestamp` where stamps are in two."""
LONGEST_HEADER = 1 << 16
LEAST_STEPS = 5
"""So many steps between bars, or days of one bar, tell how long the bars of a file are."""
MINUTES_OF_DAY = 1440


@dataclass(frozen=True)
class BarFormat:
    """How the files are to be read.

    `columns` are names in the files by ours, where they differ (`date+time` for stamps in two columns); `zone` is that
    of stamps without one; `stamp_format` (of strptime) that of stamps that are not ISO; `at_end` where a stamp names a
    bar's end; `bar_minutes` is the length of a bar.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    zone: str | None = None
    stamp_format: str | None = None
    at_end: bool = False
    bar_minutes: int = 1

    def __post_init__(self) -> None:
        check_zone(self.zone)
        unknown = sorted(set(self.columns) - set(BAR_SCHEMA.names))
        if unknown:
            raise ConfigError(f"no column of a bar: {', '.join(unknown)}", f"expected {', '.join(BAR_SCHEMA.names)}")


@dataclass(frozen=True)
class ImportReport:
    """What an import did: `symbols` are those of accepted rows, `reasons` count the rows in quarantine.

    `files` were read, and of `complete` flat files the store had the day already.
    """

    files: int
    accepted: int
    extended_hours: int
    reasons: Mapping[str, int]
    symbols: tuple[str, ...]
    complete: int = 0

    @classmethod
    def of(cls, files: int, counts: Sequence[tuple[str, Mapping[str, int]]], complete: int = 0) -> "ImportReport":
        """Sum up what became of the rows of each symbol, by the names of `Verdict`."""
        total: Counter[str] = Counter()
        for _, count in counts:
            total.update(count)
        symbols = sorted({symbol for symbol, count in counts if count.get("accepted")})
        return cls(
            files, total.pop("accepted", 0), total.pop("extended_hours", 0), dict(total), tuple(symbols), complete
        )

    @property
    def quarantined(self) -> int:
        """Rows in quarantine."""
        return sum(self.reasons.values())

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return self.accepted + self.extended_hours + self.quarantined


def import_files(
    store: ParquetStore,
    paths: Sequence[str],
    bar_format: BarFormat,
    revised_at: dt.datetime,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Bring the bars of all files (folders are searched) into the store; `DataError` names the first unusable file.

    Every file is read before anything is stored of it. Running it again changes nothing; bars that differ from stored
    ones are known since `revised_at`. `progress` is told (done, all) files.
    """
    files = find_files(paths, lambda name: name.lower().endswith(SUFFIXES), "files of bars: .parquet, .csv or .csv.gz")
    counts: list[tuple[str, Mapping[str, int]]] = []
    for done, path in enumerate(files, start=1):
        tables = by_symbol(read_bars(path, bar_format), path)
        for symbol in tables:
            store.place(Kind.MINUTE, symbol, "")
        _check_length(tables.values(), bar_format.bar_minutes, path)
        store.claim(IMPORTED, bar_format.bar_minutes)
        bad = [BAR_SCHEMA.empty_table()]
        for symbol, table in tables.items():
            screened = screen_for(store, symbol, table, bar_format.bar_minutes)
            for month, bars in screened.months().items():
                store.write_bars(symbol, month, bars, downloaded=None, revised_at=revised_at)
            counts.append((symbol, screened.counts))
            bad.append(screened.quarantined)
        store.quarantine(f"import-{_label(path)}", pa.concat_tables(bad, promote_options="default"))
        if progress is not None:
            progress(done, len(files))
    return ImportReport.of(len(files), counts)


def screen_for(store: ParquetStore, symbol: str, table: pa.Table, bar_minutes: int = 1) -> Screened:
    """Judge the bars of one symbol by what the store holds of the time before them, and by its splits."""
    before = context_before(store, symbol, first_day(table))
    return screen(table, before, store.splits(symbol), bar_minutes)


def read_bars(path: str, bar_format: BarFormat) -> pa.Table:
    """Return the rows of one file with the columns of `BAR_SCHEMA`, in the file's order; missing numbers are null.

    Columns `timestamp` (see `stamps.to_utc`), open, high, low, close, volume; optional vwap, trades, and symbol
    (default: the file's name before its first dot). Stamps come out as the bar's START, symbols in upper case.
    """
    table = _read(path, bar_format)
    stamps = to_utc(table["timestamp"], bar_format.zone, f"{path}: column 'timestamp'", bar_format.stamp_format)
    if bar_format.at_end:
        stamps = _earlier(stamps, bar_format.bar_minutes, path)
    columns = {
        "symbol": _symbols(table, path),
        "timestamp": stamps,
        **{name: _numbers(table, name, path) for name in BAR_SCHEMA.names[2:-1]},
        "trades": _counts(_numbers(table, "trades", path)),
    }
    return pa.table(columns, schema=BAR_SCHEMA)


def by_symbol(table: pa.Table, source: str) -> dict[str, pa.Table]:
    """Return the rows of each symbol, in order of the symbols; `DataError` where a row has none."""
    codes = table["symbol"].combine_chunks().dictionary_encode()
    if codes.null_count:
        row = pc.index(codes.is_null(), True).as_py()
        raise DataError(f"{source}: data row {row + 1}: expected a symbol, found nothing")
    numbers = codes.indices.to_numpy()
    order = np.argsort(numbers, kind="stable")
    edges = np.searchsorted(numbers[order], np.arange(len(codes.dictionary) + 1))
    names = codes.dictionary.to_pylist()
    return {names[i]: table.take(pa.array(order[edges[i] : edges[i + 1]])) for i in np.argsort(names).tolist()}


def _check_length(tables: Collection[pa.Table], bar_minutes: int, path: str) -> None:
    """Raise `DataError` where the bars of a file are longer than `bar_minutes`, by the steps between their stamps.

    All steps have that length as a common divisor, and at least half are that long: those of a stock that seldom
    trades are not.
    """
    steps, days = [], 0
    for table in tables:
        minutes = np.unique(table["timestamp"].drop_null().cast(pa.int64()).to_numpy() // US_PER_MINUTE)
        gaps, same_day = np.diff(minutes), np.diff(minutes // MINUTES_OF_DAY) == 0
        steps.append(gaps[same_day])
        days += len(minutes) - int(same_day.sum())
    inside = np.concatenate([np.zeros(0, dtype=np.int64), *steps])
    length = int(np.gcd.reduce(inside)) if len(inside) else MINUTES_OF_DAY
    known = len(inside) or days
    is_usual = not len(inside) or 2 * np.count_nonzero(inside == length) >= len(inside)
    if known >= LEAST_STEPS and is_usual and length > bar_minutes:
        what = "one a day" if length == MINUTES_OF_DAY else f"{length} minutes apart"
        hint = "try --bar-minutes 5" if length == 5 else "only bars of 1 or 5 minutes can be imported"
        raise DataError(f"{path}: expected {bar_minutes}-minute bars, found bars {what}", hint)


def _read(path: str, bar_format: BarFormat) -> pa.Table:
    """Return the columns that we know under our names."""
    name = path.lower()
    if not name.endswith(SUFFIXES):
        raise DataError(f"{path}: unknown kind of file", f"expected one of {', '.join(SUFFIXES)}")
    if name.endswith(".parquet"):
        with opened(path) as file:
            raw = pq.ParquetFile(file).read()
        places = _places(raw.column_names, bar_format, path)
        table = raw.select(list(places.values())).rename_columns(list(places))
    else:
        table = _read_csv(path, bar_format)
    if TIME not in table.column_names:
        return table
    stamp = (table[column].cast(pa.string()) for column in ("timestamp", TIME))
    joined = pc.binary_join_element_wise(*stamp, " ")
    return table.drop_columns(TIME).set_column(table.schema.get_field_index("timestamp"), "timestamp", joined)


def _read_csv(path: str, bar_format: BarFormat) -> pa.Table:
    with opened(path) as file:
        header = file.readline(LONGEST_HEADER)
    delimiter = ";" if b";" in header and b"," not in header else ","
    parse = pyarrow.csv.ParseOptions(delimiter=delimiter)
    with opened(path) as file:
        names = pyarrow.csv.open_csv(file, parse_options=parse).schema.names
    wanted = {ours: names[at] for ours, at in _places(names, bar_format, path).items()}
    text = {"symbol", "timestamp", TIME} if TIME in wanted or bar_format.stamp_format else {"symbol"}
    try:
        return _csv(path, parse, wanted, text, pa.float64())
    except DataError:
        return _csv(path, parse, wanted, text, pa.string())  # so that `_numbers` can name the row that is no number


def _csv(
    path: str, parse: pyarrow.csv.ParseOptions, wanted: dict[str, str], text: Collection[str], number: pa.DataType
) -> pa.Table:
    types = {theirs: pa.string() if ours in text else number for ours, theirs in wanted.items()}
    if "timestamp" not in text:
        types.pop(wanted["timestamp"])
    convert = pyarrow.csv.ConvertOptions(
        column_types=types, include_columns=list(wanted.values()), strings_can_be_null=number == pa.string()
    )
    with opened(path) as file:
        table = pyarrow.csv.read_csv(file, parse_options=parse, convert_options=convert)
    return table.rename_columns(list(wanted))


def _places(names: Sequence[str], bar_format: BarFormat, path: str) -> dict[str, int]:
    """Return which column of the file holds each of ours; `DataError` for a missing or ambiguous one.

    Where stamps are in two columns the second one is called `TIME`.
    """
    cleaned = [name.strip().lower() for name in names]
    found: dict[str, int] = {}
    for ours, theirs in _asked(bar_format).items():
        wanted = {theirs.strip().lower()} if theirs else {ours, ALIASES.get(ours, ours)}
        places = [at for at, name in enumerate(cleaned) if name in wanted]
        if len(places) == 1:
            found[ours] = places[0]
        elif places or theirs or ours in REQUIRED:
            count = "more than one" if places else "no"
            called = theirs or ours
            hint = f"need {', '.join(REQUIRED)}; name others with --map: close=last, timestamp=date+time"
            raise DataError(f"{path}: {count} column '{called}'; found {spelled(names)}", hint)
    return found


def _asked(bar_format: BarFormat) -> dict[str, str | None]:
    """Return all of our columns with the name that the user gave them."""
    asked = {ours: bar_format.columns.get(ours) for ours in BAR_SCHEMA.names}
    day, plus, time = (asked["timestamp"] or "").partition("+")
    return asked | {"timestamp": day, TIME: time} if plus else asked


def _symbols(table: pa.Table, path: str) -> pa.Array | pa.ChunkedArray:
    if "symbol" not in table.column_names:
        return pa.array([name_of(path).split(".")[0].upper()] * table.num_rows, pa.string())
    try:
        text = pc.utf8_upper(pc.utf8_trim_whitespace(table["symbol"].cast(pa.string())))
    except pa.ArrowException as error:
        raise DataError(f"{path}: column 'symbol': {str(error).splitlines()[0]}", "expected text") from None
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _earlier(stamps: pa.Array, minutes: int, path: str) -> pa.Array:
    try:
        return pc.subtract_checked(stamps.cast(pa.int64()), minutes * US_PER_MINUTE).cast(UTC)
    except pa.ArrowException as error:
        raise DataError(f"{path}: column 'timestamp': {str(error).splitlines()[0]}") from None


def _numbers(table: pa.Table, name: str, path: str) -> pa.Array | pa.ChunkedArray:
    """Return a column as float64; `DataError` names the first row that is no number."""
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.float64())
    column = table[name]
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or pa.types.is_nested(kind):
        raise DataError(f"{path}: column '{name}': expected numbers, found {kind}")
    try:
        return column.cast(pa.float64(), safe=False)
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


def _counts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return numbers of trades as int32; null for what is no such number."""
    values = column.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        whole = (values >= 0) & (values < 2**31) & (values == np.floor(values))
    return pa.array(np.where(whole, values, 0).astype(np.int32), mask=~whole)


def _label(path: str) -> str:
    """Return a name for the file's quarantine that stays the same and that no other file has."""
    whole = path if "://" in path else str(Path(path).absolute())
    return f"{name_of(path).split('.')[0]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
