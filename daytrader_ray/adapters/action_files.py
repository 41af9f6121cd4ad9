"""Splits and dividends of imported bars from the user's own CSV files, judged row by row."""

import csv
import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.input_files import find_files, opened, spelled
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.errors import DataError

COLUMNS = ("symbol", "date", "split_from", "split_to", "cash_amount")
_HINT = "expected SYMBOL,2024-06-10,1,10, for a split, or SYMBOL,2024-06-10,,,0.25 for a dividend in USD a share"


@dataclass(frozen=True)
class ActionReport:
    """What an import of corporate actions did."""

    files: int
    splits: int
    dividends: int
    symbols: tuple[str, ...]


def import_actions(store: ParquetStore, paths: Sequence[str]) -> ActionReport:
    """Bring the splits and dividends of all files into the store; `DataError` names the first row that is neither.

    All files are read before anything is stored. Of a symbol's splits (dividends) in the store those of the same days
    are replaced, all others stay; a split from 1 to 1 undoes one that was wrong.
    """
    files = find_files(paths, lambda name: name.lower().endswith((".csv", ".csv.gz")), "CSV files of actions")
    found: dict[tuple[Kind, str], dict[dt.date, tuple[float, ...]]] = {}
    for path in files:
        for source, kind, symbol, day, values in _rows(path):
            days = found.setdefault((kind, symbol), {})
            if day in days:
                raise DataError(f"{source}: a second {kind.name.lower()[:-1]} of {symbol} on {day}")
            days[day] = values
            store.place(kind, symbol, "")
    for (kind, symbol), days in found.items():
        _write(store, kind, symbol, days)
    numbers = {kind: sum(len(days) for (one, _), days in found.items() if one is kind) for kind, _ in found}
    symbols = tuple(sorted({symbol for _, symbol in found}))
    return ActionReport(len(files), numbers.get(Kind.SPLITS, 0), numbers.get(Kind.DIVIDENDS, 0), symbols)


def _write(store: ParquetStore, kind: Kind, symbol: str, days: dict[dt.date, tuple[float, ...]]) -> None:
    names = COLUMNS[2:4] if kind is Kind.SPLITS else COLUMNS[4:]
    columns = zip(names, zip(*days.values(), strict=True), strict=True)
    known = {kind.schema.names[0]: list(days), **{name: list(values) for name, values in columns}}
    nothing = [None] * len(days)
    new = pa.table({name: known.get(name, nothing) for name in kind.schema.names}, schema=kind.schema)
    old = store.read_table(kind, symbol, kind.name_format)
    if old is not None:
        same_day = pc.is_in(old[kind.schema.names[0]], pa.array(list(days), pa.date32()))
        new = pa.concat_tables([old.filter(pc.invert(same_day)), new])
    store.write_table(kind, symbol, kind.name_format, new)


def _rows(path: str) -> Iterator[tuple[str, Kind, str, dt.date, tuple[float, ...]]]:
    """Yield place, kind, symbol, date, and the ratio or the amount of each row of a file."""
    with opened(path) as file:
        lines = file.read().decode("utf-8-sig").splitlines()
    try:
        header, *rows = list(csv.reader(lines)) or [[]]
    except csv.Error as error:
        raise DataError(f"{path}: {error}", _HINT) from None
    names = [name.strip().lower() for name in header]
    if sorted(names) != sorted(COLUMNS):
        raise DataError(f"{path}: expected the columns {', '.join(COLUMNS)}; found {spelled(names)}")
    for number, cells in enumerate(rows, start=1):
        source = f"{path}: data row {number}"
        if len(cells) != len(names):
            raise DataError(f"{source}: expected {len(names)} cells, found {len(cells)}", _HINT)
        yield source, *_action(dict(zip(names, map(str.strip, cells), strict=True)), source)


def _action(row: dict[str, str], source: str) -> tuple[Kind, str, dt.date, tuple[float, ...]]:
    try:
        day = dt.date.fromisoformat(row["date"])
        ratio, amount = [float(row[name]) for name in COLUMNS[2:4] if row[name]], row["cash_amount"]
        values = (*ratio, *([float(amount)] if amount else []))
    except ValueError as error:
        raise DataError(f"{source}: {error}", _HINT) from None
    is_split, is_dividend = len(ratio) == 2 and not amount, not ratio and bool(amount)
    if not (is_split or is_dividend) or not all(0 < value < math.inf for value in values):
        raise DataError(f"{source}: neither a split nor a dividend with amounts above 0", _HINT)
    return Kind.SPLITS if is_split else Kind.DIVIDENDS, row["symbol"].upper(), day, values
