"""The optional calendar of events (earnings, FDA dates ...) from the user's own CSV files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from daytrader_ray.adapters.bar_files import by_symbol
from daytrader_ray.adapters.input_files import find_files, opened, spelled
from daytrader_ray.adapters.stamps import check_zone, to_utc
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.table_store import last_of_each
from daytrader_ray.adapters.tables import EVENTS, Kind
from daytrader_ray.domain.errors import DataError

REQUIRED = ("symbol", "timestamp", "kind")
STAMPS = ("timestamp", "known_at", "withdrawn_at")
COLUMNS = (*REQUIRED, "known_at", "note", "withdrawn_at")
Row = dict[str, Any]


@dataclass(frozen=True)
class EventReport:
    """What an import of events did.

    `unannounced` of the events are known only when they happen; `unmatched` withdrawals name no event that was there.
    """

    files: int
    events: int
    unannounced: int
    unmatched: int
    symbols: tuple[str, ...]


def import_events(store: ParquetStore, paths: Sequence[str], zone: str | None = None) -> EventReport:
    """Bring the events of all files into the store; `DataError` names the first file and row that cannot be used.

    All files are read before anything is stored, in any order. The same event again changes nothing; with another
    `known_at` or `note` it is another event. A row with `withdrawn_at` takes back what was known by then of its symbol,
    timestamp and kind: that counts until then, and only the same row again changes the time. Where there is no such
    event it is kept as one. What was moved is a row of its own. Times without a zone are of `zone`, and an error where
    there is none.
    """
    check_zone(zone)
    files = find_files(paths, lambda name: name.lower().endswith((".csv", ".csv.gz")), "CSV files of events")
    tables = [read_events(path, zone) for path in files]
    rows = pa.concat_tables(tables)
    announced = pc.fill_null(pc.less(rows["known_at"], rows["timestamp"]), False)
    unannounced = pc.sum(pc.and_not(rows["withdrawn_at"].is_null(), announced)).as_py() or 0
    unmatched = 0
    found = by_symbol(rows, "events")
    for symbol in found:
        store.place(Kind.EVENTS, symbol, "")
    for symbol, table in found.items():
        target = store.place(Kind.EVENTS, symbol, f"{Kind.EVENTS.name_format}.parquet")
        with store.locked(target):
            old = store.read_parquet(target, EVENTS).to_pylist()
            merged, alone = _merged(old, table.select(EVENTS.names).to_pylist())
            store.write_parquet(target, last_of_each(pa.Table.from_pylist(merged, EVENTS), Kind.EVENTS.key))
        unmatched += alone
    return EventReport(len(files), rows.num_rows, unannounced, unmatched, tuple(found))


def read_events(path: str, zone: str | None) -> pa.Table:
    """Return the rows of one CSV file: `symbol` and the columns of `EVENTS`; what is left out is null."""
    with opened(path) as file:
        names = [name.strip().lower() for name in pyarrow.csv.open_csv(file).schema.names]
    unusable = [name for name in COLUMNS if names.count(name) > 1 or (name in REQUIRED and name not in names)]
    if unusable:
        hint = f"need {', '.join(REQUIRED)}; known_at, note and withdrawn_at if there are any"
        raise DataError(f"{path}: no column, or more than one: {', '.join(unusable)}; found {spelled(names)}", hint)
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    read = pyarrow.csv.ReadOptions(column_names=names, skip_rows=1)
    with opened(path) as file:
        table = pyarrow.csv.read_csv(file, read, convert_options=options)
    for name in COLUMNS:
        if name not in names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    columns = {
        "symbol": pc.utf8_upper(pc.utf8_trim_whitespace(table["symbol"])),
        **{name: to_utc(table[name], zone, f"{path}: column '{name}'") for name in STAMPS},
        "kind": table["kind"],
        "note": table["note"],
    }
    for name in REQUIRED:
        _refuse_empty(columns[name], name, path)
    return pa.table(columns)


def _merged(old: list[Row], new: list[Row]) -> tuple[list[Row], int]:
    """Return the events of one symbol, and how many of the `new` withdrawals match none; `old` has no key twice."""
    events = {_key(row): row for row in [*(row for row in new if not row["withdrawn_at"]), *old]}
    withdrawals = {_key(row): row for row in [*old, *new] if row["withdrawn_at"]}
    events |= {key: row for key, row in withdrawals.items() if key in events}
    alone = {}
    for key, row in sorted(withdrawals.items(), key=lambda item: item[1]["withdrawn_at"]):
        ended = [event for event in events.values() if _ends(row, event)]
        for event in ended:
            event["withdrawn_at"] = event["withdrawn_at"] or row["withdrawn_at"]
        if key not in events and not ended:
            alone[key] = row
    return [*events.values(), *alone.values()], len(alone)


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in Kind.EVENTS.key)


def _ends(row: Row, event: Row) -> bool:
    """Return whether a withdrawal is of an event: known before it, and not gone before the withdrawn one was known."""
    same = (row["timestamp"], row["kind"]) == (event["timestamp"], event["kind"])
    known = event["known_at"] is None or event["known_at"] <= row["withdrawn_at"]
    gone = row["known_at"] and event["withdrawn_at"] and event["withdrawn_at"] <= row["known_at"]
    return same and known and not gone


def _refuse_empty(column: pa.Array | pa.ChunkedArray, name: str, path: str) -> None:
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py()
        raise DataError(
            f"{path}: data row {row + 1}: column '{name}': expected a value, found none",
            "a local time that the clocks skip or show twice is none",
        )
