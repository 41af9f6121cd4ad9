"""Market capitalisations as they were known before each session, from the store's reports."""

import datetime as dt
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import FUNDAMENTALS, Kind
from daytrader_ray.domain.panel import Float64, Panel

_REPORT = pa.schema([FUNDAMENTALS.field(name) for name in ("as_of", "market_cap")])


def market_caps(store: ParquetStore, panel: Panel, stocks: Collection[str]) -> Float64:
    """Return the market capitalisation in USD of each of the panel's columns before each session `[session, symbol]`.

    It is that of the newest report from an earlier day than the session's; NaN where there is none, and for symbols
    that are not among `stocks`. A report is the vendor's value for its day (a month end): nothing says on which day the
    shares outstanding in it were filed, which may be weeks later.
    """
    dates = [session.date for session in panel.grid.sessions]
    found = np.full((len(dates), len(panel.symbols)), np.nan)
    for column, symbol in enumerate(panel.symbols):
        if symbol in stocks:
            found[:, column] = _before(_reports(store, symbol), dates)
    return found


def _reports(store: ParquetStore, symbol: str) -> list[tuple[dt.date, float]]:
    paths = (
        store.place(Kind.FUNDAMENTALS, symbol, f"{name}.parquet") for name in store.tables(Kind.FUNDAMENTALS, symbol)
    )
    rows = (row for path in paths for row in store.read_parquet(path, _REPORT).to_pylist())
    return sorted(
        (row["as_of"], row["market_cap"]) for row in rows if row["as_of"] and (row["market_cap"] or 0.0) > 0.0
    )


def _before(reports: Sequence[tuple[dt.date, float]], dates: Sequence[dt.date]) -> Float64:
    days = [day.toordinal() for day, _ in reports]
    newest = np.searchsorted(days, [date.toordinal() for date in dates], side="left")
    return np.array([np.nan, *(value for _, value in reports)])[newest]
