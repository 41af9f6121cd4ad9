"""From the buffer of a live session into the store: every bar received, with the time since when it was known."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.bar_buffer import buffer_folder, leftovers, read, remove
from daytrader_ray.adapters.screening import screen
from daytrader_ray.adapters.store import BAR_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import UTC, Kind
from daytrader_ray.domain.errors import DataError

COMPLETE = "complete"
"""A record of this kind says that the vendor's history has confirmed the whole session."""
_US_PER_MINUTE = 60_000_000
_NAMES = ("open", "high", "low", "close", "volume", "vwap")
_VERSIONS = BAR_SCHEMA.append(pa.field("known_at", UTC))
_TICKS = {"quote_bars": Kind.QUOTE_BARS, "trade_bars": Kind.TRADE_BARS}


def compact(store: ParquetStore, root: Path, name: str, session: dt.date) -> int:
    """Bring a session's buffer into the store and remove it; return the number of bars stored.

    Bars that were late or revised keep every version and since when it was known. Doing it again after a crash changes
    nothing.
    """
    folder = buffer_folder(root, name, session)
    rows: dict[str, list[Sequence[Any]]] = defaultdict(list)
    ticks: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    complete = False
    for record in read(folder):
        complete |= record["kind"] == COMPLETE
        for row in record.get("rows", ()):
            rows[row[0]].append(row)
        if record["kind"] in _TICKS:
            ticks[record["kind"], record["symbol"]].append(record["columns"])
    stored = sum(_store_bars(store, session, symbol, found, complete) for symbol, found in sorted(rows.items()))
    for (kind, symbol), parts in sorted(ticks.items()):
        _store_ticks(store, _TICKS[kind], symbol, parts)
    remove(folder)
    return stored


def compact_leftovers(store: ParquetStore, root: Path, name: str, before: dt.date) -> list[dt.date]:
    """Bring the buffers of all sessions before a day into the store; return those sessions."""
    found = [session for session in leftovers(root, name) if session < before]
    for session in found:
        compact(store, root, name, session)
    return found
