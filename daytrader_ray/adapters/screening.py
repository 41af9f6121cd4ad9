"""Arrow tables of vendor bars on their way into the store: accepted rows here, the rest with a reason there."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.sessions import Int64, SessionGrid
from daytrader_ray.market_data.adjust import Split
from daytrader_ray.market_data.bars import NO_STAMP, CleanInput
from daytrader_ray.market_data.clean import SESSIONS_KEPT, Previous, Verdict, clean

LOOK_BACK = dt.timedelta(days=40)
"""How far back the store is read for what was usual: about `SESSIONS_KEPT` sessions, and some that are missing."""

_SPLIT = Verdict.UNEXPLAINED_SPLIT.reason
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

    @property
    def unexplained(self) -> list[dt.date]:
        """Return the sessions at the ratio of a split that nobody has told of: they are not complete."""
        return sorted(set(_days_of(self.quarantined.filter(_of_split(self.quarantined))).to_pylist()))

    @property
    def settled(self) -> dict[str, int]:
        """Return the counts without those of the sessions that are not complete."""
        return {name: rows for name, rows in self.counts.items() if name != _SPLIT}

    def months(self) -> dict[str, pa.Table]:
        """Return the accepted bars by month (`2025-03`), in order."""
        months = self.accepted["timestamp"].to_numpy().astype("datetime64[M]")
        edges = [*np.flatnonzero(np.diff(months.astype(np.int64), prepend=-1)).tolist(), len(months)]
        return {str(months[a]): self.accepted.slice(a, b - a) for a, b in pairwise(edges)}


def screen(
    table: pa.Table, previous: Previous | None = None, splits: Collection[Split] = (), bar_minutes: int = 1
) -> Screened:
    """Judge the bars of one symbol (`BAR_SCHEMA`) against the exchange's sessions.

    `previous` comes from `context_before`, `splits` from `store.splits`.
    """
    table = table.combine_chunks()
    stamps = table["timestamp"].cast(pa.int64()).fill_null(NO_STAMP).to_numpy()
    names = ("open", "high", "low", "close", "volume", "vwap")
    columns = (table[name].to_numpy().astype(np.float64) for name in names)
    of_index = table.num_rows > 0 and is_index(table["symbol"][0].as_py())
    ratios = {split.date: split.ratio for split in splits}
    result = clean(CleanInput(stamps, *columns), _grid(stamps, bar_minutes), previous, ratios, of_index=of_index)
    bad = table.take(pa.array(result.quarantined))
    reasons = pa.array(result.reasons(), pa.string())
    return Screened(table.take(pa.array(result.accepted)), bad.append_column("reason", reasons), result.counts())


def quarantine(
    store: ParquetStore, source: str, symbol: str, screened: Screened, first: dt.date, last: dt.date
) -> None:
    """Keep the rows of one source that were not accepted, which is all there is of the days `first` to `last`.

    Sessions at the ratio of an unknown split have a name each, and are let go when a source accepts them.
    """
    of_split = _of_split(screened.quarantined)
    store.quarantine(source, screened.quarantined.filter(pc.invert(of_split)), symbol)
    paths = store.find(f"quarantine/symbol={symbol}/*.split-????-??-??.parquet")
    earlier = {dt.date.fromisoformat(path.removesuffix(".parquet")[-10:]) for path in paths}
    rows = screened.quarantined.filter(of_split)
    for day in sorted({day for day in earlier if first <= day <= last} | set(screened.unexplained)):
        store.quarantine(f"split-{day}", rows.filter(pc.equal(_days_of(rows), pa.scalar(day))), symbol)


def context_before(store: ParquetStore, symbol: str, day: dt.date) -> Previous | None:
    """Return what the store tells of the sessions before a day; None where it holds none of them.

    The daily bars tell it, unless the minute bars know of a later session.
    """
    start, end = day - LOOK_BACK, day - dt.timedelta(days=1)
    daily = previous_of(store.daily(symbol, start, end), day)
    sessions = session_grid(start, end).sessions
    if daily is not None and sessions and daily.date >= sessions[-1].date:
        return daily
    minutes = previous_of(store.bars(symbol, start, end), day)
    found = [one for one in (daily, minutes) if one is not None]
    return max(found, key=lambda one: one.date, default=None)


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


def _of_split(quarantined: pa.Table) -> pa.ChunkedArray:
    return pc.equal(quarantined["reason"], _SPLIT)


def _days_of(table: pa.Table) -> pa.ChunkedArray:
    return table["timestamp"].cast(pa.date32())


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
