"""From the buffer of a live session into the store: every bar received, with the time since when it was known."""

import datetime as dt
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from daytrader_ray.adapters.bar_buffer import buffer_folder, leftovers, read, remove
from daytrader_ray.adapters.bar_table import Offer
from daytrader_ray.adapters.screening import context_before, screen
from daytrader_ray.adapters.store import BAR_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import UTC, Kind
from daytrader_ray.domain.sessions import US_PER_MINUTE

_VERSIONS = BAR_SCHEMA.append(pa.field("known_at", UTC))
_FURTHEST = 1 << 27
"""Epoch minutes up to which a stamp is believed (the year 2225); what lies beyond is quarantined without one."""
_VALUES, _PRICES, _VWAP, _TRADES, _KNOWN_AT, _OFFER = slice(2, 8), slice(2, 7), 7, 8, 9, 11
_NOT_USED = (Offer.INVALID.value, Offer.OTHER.value)
"""What no price is taken from: impossible bars, and what the second source said beside the first."""
Row = list[Any]
"""Symbol, epoch minute, open, high, low, close, volume, vwap, trades, known at (us), source, offer."""


def compact(store: ParquetStore, root: Path, name: str, session: dt.date) -> int:
    """Bring a session's buffer into the store and remove it; return the number of bars stored.

    Bars that were late or revised keep every version and since when it was known. Only a download makes a day
    complete; where it came first, its bars stay the newest versions. Doing it again after a crash changes nothing.
    """
    folder = buffer_folder(root, name, session)
    rows: dict[str, list[Row]] = defaultdict(list)
    ticks: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in read(folder):
        for row in record.get("rows", ()):
            rows[row[0]].append(row)
        if record["kind"] in _TICKS:
            ticks[record["kind"], record["symbol"]].append(record["columns"])
    stored = sum(_store_bars(store, session, symbol, found) for symbol, found in sorted(rows.items()))
    for (kind, symbol), parts in sorted(ticks.items()):
        _store_ticks(store, _TICKS[kind], symbol, f"{session:%Y-%m}", parts)
    remove(folder)
    return stored


def compact_leftovers(store: ParquetStore, root: Path, name: str, before: dt.date) -> list[dt.date]:
    """Bring the buffers of all sessions before a day into the store; return those sessions."""
    found = [session for session in leftovers(root, name) if session < before]
    for session in found:
        compact(store, root, name, session)
    return found


_TICKS = {"quote_bars": Kind.QUOTE_BARS, "trade_bars": Kind.TRADE_BARS}


def _store_bars(store: ParquetStore, session: dt.date, symbol: str, rows: list[Row]) -> int:
    """Judge and store the bars of one symbol; of a bar with several versions the newest one is judged."""
    versions = _versions([row for row in rows if row[_OFFER] not in _NOT_USED])
    if store.is_downloaded(symbol, session, session):
        _follow_history(versions, store.bars(symbol, session, session), session)
    impossible = [row for row in rows if row[_OFFER] == Offer.INVALID.value]
    before, splits = context_before(store, symbol, session), store.splits(symbol)
    screened = screen(_table([found[-1] for found in versions.values()]), before, splits)
    kept = set(_epoch_minutes(screened.accepted).to_pylist())
    older = _table([row for minute, found in versions.items() if minute in kept for row in found[:-1]])
    bad = pa.concat_tables([screened.quarantined, screen(_table(impossible)).quarantined])
    store.quarantine(f"live-{session}", bad.drop_columns(["known_at"]), symbol)
    store.write_bars(symbol, f"{session:%Y-%m}", pa.concat_tables([older, screened.accepted]), None)
    return len(kept)


def _follow_history(versions: dict[int, list[Row]], history: pa.Table, session: dt.date) -> None:
    """Make what a download has brought the newest version of each minute, known once the day is over."""
    over = int(dt.datetime.combine(session, dt.time.max, dt.UTC).timestamp() * 1e6)
    rows = {row["timestamp"]: row for row in history.set_column(1, "timestamp", _epoch_minutes(history)).to_pylist()}
    for minute in list(versions):
        if minute not in rows:
            del versions[minute]
            continue
        for row in versions[minute]:
            row[_KNOWN_AT] = row[_KNOWN_AT] or (minute + 1) * US_PER_MINUTE  # said, it holds against the history
        newest, values = versions[minute][-1], list(rows[minute].values())
        if newest[_PRICES] != values[_PRICES] or newest[_VWAP] not in (None, values[_VWAP]):
            versions[minute].append([*values, max(over, newest[_KNOWN_AT]), "history", Offer.REVISED.value])


def _epoch_minutes(table: pa.Table) -> pa.Array:
    return pa.array(table["timestamp"].cast(pa.int64()).to_numpy() // US_PER_MINUTE)


def _versions(rows: list[Row]) -> dict[int, list[Row]]:
    """Return the versions of each minute in the order of their arrival; one that repeats the last brings its trades."""
    found: dict[int, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row[1]):
        versions = found[row[1]]
        if versions and versions[-1][_VALUES] == row[_VALUES]:
            versions[-1][_TRADES] = row[_TRADES] if row[_TRADES] is not None else versions[-1][_TRADES]
        else:
            versions.append(row)
    return found


def _table(rows: list[Row]) -> pa.Table:
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) if rows else [()] * 12
    columns[1] = tuple(minute * US_PER_MINUTE if 0 <= minute < _FURTHEST else None for minute in columns[1])
    arrays = [pa.array(list(column)).cast(field.type) for column, field in zip(columns[:10], _VERSIONS, strict=True)]
    return pa.table(arrays, schema=_VERSIONS)


def _store_ticks(store: ParquetStore, kind: Kind, symbol: str, month: str, parts: list[dict[str, Any]]) -> None:
    """Store minutes of quotes or trades; values that are not a number became null on the way."""
    columns = {name: [value for part in parts for value in part[name]] for name in kind.schema.names}
    store.write_table(kind, symbol, month, pa.table(columns).cast(kind.schema))
