"""Arrow tables of vendor bars on their way into the store: accepted rows here, the rest with a reason there."""

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.sessions import Int64, SessionGrid
from daytrader_ray.market_data.bars import NO_STAMP, CleanInput
from daytrader_ray.market_data.clean import SESSIONS_KEPT, Previous, clean

_US_PER_DAY = 86_400_000_000
_EPOCH = dt.date(1970, 1, 1)
_FIRST, _LAST = (day.toordinal() - _EPOCH.toordinal() for day in (dt.date(1990, 1, 1), dt.date(2099, 12, 31)))
"""Days since the epoch between which a bar can lie; the exchange's calendar is not asked beyond."""


@dataclass(frozen=True)
class Screened:
    """Accepted bars, sorted by start; the others as they came with a column `reason`; and how many met which verdict.

    `counts` has the names of `Verdict`; bars of extended hours are counted there and are in neither table.
    """

    accepted: pa.Table
    quarantined: pa.Table
    counts: dict[str, int]

    def months(self) -> dict[str, pa.Table]:
        """Return the accepted bars by month (`2025-03`), in order."""
        months = self.accepted["timestamp"].to_numpy().astype("datetime64[M]")
        edges = [*np.flatnonzero(np.diff(months.astype(np.int64), prepend=-1)).tolist(), len(months)]
        return {str(months[a]): self.accepted.slice(a, b - a) for a, b in pairwise(edges)}


def screen(
    table: pa.Table, previous: Previous | None = None, splits: pa.Table | None = None, bar_minutes: int = 1
) -> Screened:
    """Judge the bars of one symbol (`BAR_SCHEMA`) against the exchange's sessions.

    `previous` comes from `previous_of`, `splits` is the symbol's table of splits (`tables.SPLITS`).
    """
    table = table.combine_chunks()
    stamps = table["timestamp"].cast(pa.int64()).fill_null(NO_STAMP).to_numpy()
    names = ("open", "high", "low", "close", "volume", "vwap")
    columns = (table[name].to_numpy().astype(np.float64) for name in names)
    result = clean(CleanInput(stamps, *columns), _grid(stamps, bar_minutes), previous, _share_ratios(splits))
    bad = table.take(pa.array(result.quarantined))
    reasons = pa.array(result.reasons(), pa.string())
    return Screened(table.take(pa.array(result.accepted)), bad.append_column("reason", reasons), result.counts())


def previous_of(bars: pa.Table, before: dt.date) -> Previous | None:
    """Return what daily bars (`tables.DAILY`) or bars of a store (`BAR_SCHEMA`) tell of the sessions before a day.

    None where they hold no earlier session. Rows ascend in time.
    """
    days = bars["date"] if "date" in bars.column_names else bars["timestamp"].cast(pa.date32())
    earlier = pc.less(days, pa.scalar(before))
    bars, days = bars.filter(earlier), days.filter(earlier)
    if not bars.num_rows:
        return None
    close, volume = (bars[name].to_numpy() for name in ("close", "volume"))
    first = np.flatnonzero(np.diff(days.cast(pa.int32()).to_numpy(), prepend=-1))
    return Previous(days[-1].as_py(), float(close[-1]), np.add.reduceat(close * volume, first)[-SESSIONS_KEPT:])


def first_day(table: pa.Table) -> dt.date:
    """Return the first UTC day that has bars; 2100-01-01 where none can lie on any session."""
    days = _days(table["timestamp"].cast(pa.int64()).fill_null(NO_STAMP).to_numpy())
    return _EPOCH + dt.timedelta(days=int(days.min()) if len(days) else _LAST + 1)


def _days(stamps: Int64) -> Int64:
    """Return the days since the epoch of the stamps that can lie on a session."""
    days = stamps // _US_PER_DAY
    return days[(days >= _FIRST) & (days <= _LAST)]


def _grid(stamps: Int64, bar_minutes: int) -> SessionGrid:
    """Return the sessions of all months that have bars, from the day before: its evening ends after midnight UTC."""
    days = _days(stamps)
    if not len(days):
        return SessionGrid((), bar_minutes)
    first, last = (_EPOCH + dt.timedelta(days=int(day)) for day in (days.min(), days.max()))
    month_end = (last.replace(day=1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    return session_grid(first.replace(day=1) - dt.timedelta(days=1), month_end, bar_minutes)


def _share_ratios(splits: pa.Table | None) -> dict[dt.date, float]:
    rows: list[dict[str, Any]] = [] if splits is None else splits.to_pylist()
    return {row["execution_date"]: row["split_to"] / row["split_from"] for row in rows}
