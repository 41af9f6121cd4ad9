"""Small tables of bars for the tests of the store."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from daytrader_ray.adapters.store import BAR_SCHEMA

DAY = dt.date(2025, 11, 26)
HALF_DAY = dt.date(2025, 11, 28)
OPEN = dt.datetime(2025, 11, 26, 14, 30, tzinfo=dt.UTC)


def table(rows: Sequence[tuple[dt.datetime, float, float]], symbol: str = "AAPL") -> pa.Table:
    """Bars of (start, price, volume)."""
    columns = {name: [price for _, price, _ in rows] for name in ("open", "high", "low", "close")}
    columns |= {"symbol": [symbol] * len(rows), "timestamp": [start for start, _, _ in rows]}
    columns |= {"volume": [volume for _, _, volume in rows], "vwap": [None] * len(rows), "trades": [None] * len(rows)}
    return pa.table({name: columns[name] for name in BAR_SCHEMA.names}, schema=BAR_SCHEMA)


def minute(slot: int, day: int = 0) -> dt.datetime:
    return OPEN + dt.timedelta(days=day, minutes=slot)


def files(root: Path) -> dict[str, bytes]:
    """Return the content of every file; the store's locks hold none."""
    found = (path for path in sorted(root.rglob("*")) if path.is_file() and path.parent.name != ".locks")
    return {str(path.relative_to(root)): path.read_bytes() for path in found}
