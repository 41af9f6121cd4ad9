"""Versions of minute bars: what was known of a bar, and since when.

A bar is known at its end, unless whoever brings it says otherwise. The month's file holds the newest version of every
bar; all versions of those that were revised, or known later than their end, lie in the file of revisions beside it.
"""

import datetime as dt

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.tables import MINUTE, UTC
from daytrader_ray.domain.sessions import US_PER_MINUTE, Int64

REVISIONS = MINUTE.append(pa.field("known_at", UTC))
"""Columns of a file of revisions, sorted by start and then by `known_at`."""

_NEVER = np.iinfo(np.int64).max
_VALUES = tuple(MINUTE.names[1:])
_OPEN = ("vwap", "trades")
"""What some sources do not tell."""


def merged(
    newest: pa.Table, revisions: pa.Table, new: pa.Table, bar_minutes: int, revised_at: dt.datetime | None
) -> tuple[pa.Table, pa.Table]:
    """Return the month's file and its revisions after `new` rows (MINUTE, or REVISIONS with null for "at its end").

    A row without a time of its own that says what the newest version says changes nothing; one that differs is known
    since `revised_at`, or since its end without it, where it yields to a stored version: nothing says which came later.
    Else of two versions known since the same time the later row stays. A version known since its end gives way to an
    equal one that came later: the end is only assumed. What one version leaves open (a null of `vwap` or `trades`)
    and an otherwise equal one knows is no difference: the stored version takes it on.
    """
    stored = _versions(newest, revisions, bar_minutes)
    arrived = _arrivals(stored, new.combine_chunks(), bar_minutes, revised_at)
    table = pa.concat_tables([stored, arrived]).combine_chunks()
    if not table.num_rows:
        return newest, revisions
    table = table.take(pa.array(_in_order(_us(table, "timestamp"), _us(table, "known_at"))))
    table = table.filter(pa.array(~_assumed(table, bar_minutes)))
    stamps = _us(table, "timestamp")
    last = np.append(stamps[1:] != stamps[:-1], True)
    first = np.append(True, last[:-1])
    plain = first & last & (_us(table, "known_at") <= _ends(stamps, bar_minutes))
    return table.filter(pa.array(last)).select(MINUTE.names), table.filter(pa.array(~plain))


def known(newest: pa.Table, revisions: pa.Table, known_at: dt.datetime, bar_minutes: int) -> pa.Table:
    """Return the bars (MINUTE) as they were known at a time."""
    table = _versions(newest, revisions, bar_minutes)
    table = table.filter(pc.less_equal(table["known_at"], pa.scalar(known_at, UTC))).combine_chunks()
    order = _in_order(_us(table, "timestamp"), _us(table, "known_at"))
    stamps = _us(table, "timestamp")[order]
    last = np.append(stamps[1:] != stamps[:-1], True)[: len(stamps)]
    return table.take(pa.array(order[last])).select(MINUTE.names)


def _versions(newest: pa.Table, revisions: pa.Table, bar_minutes: int) -> pa.Table:
    """Return all versions of all bars (REVISIONS); where the two files disagree, the revisions hold."""
    if revisions.num_rows:
        newest = newest.filter(pc.invert(pc.is_in(newest["timestamp"], revisions["timestamp"].combine_chunks())))
    ends = _stamps(_ends(_us(newest, "timestamp"), bar_minutes))
    return pa.concat_tables([newest.append_column("known_at", ends), revisions])


def _arrivals(stored: pa.Table, new: pa.Table, bar_minutes: int, revised_at: dt.datetime | None) -> pa.Table:
    """Return the new rows that say something, each with the time since when it is known (REVISIONS)."""
    if "known_at" not in new.column_names:
        new = new.append_column("known_at", pa.nulls(new.num_rows, UTC))
    stamps = _us(new, "timestamp")
    given = new["known_at"].cast(pa.int64()).fill_null(_NEVER).to_numpy()
    plain = given == _NEVER
    at = _newest_rows(stored, stamps)
    there = at >= 0
    newest = stored.take(pa.array(at, mask=~there))
    agrees = there & _equal(new, newest, _OPEN)
    for name in _OPEN:
        told = pc.if_else(pa.array(agrees), pc.coalesce(new[name], newest[name]), new[name])
        new = new.set_column(new.schema.get_field_index(name), MINUTE.field(name), told)
    same = agrees & _equal(new, newest)
    ends = _ends(stamps, bar_minutes)
    late = ends if revised_at is None else np.maximum(ends, int(revised_at.timestamp() * 1e6))
    since = np.where(plain, np.where(there, late, ends), np.maximum(given, ends))
    since = np.where(plain & agrees, newest["known_at"].cast(pa.int64()).fill_null(0).to_numpy(), since)
    new = new.set_column(new.num_columns - 1, "known_at", _stamps(since))
    yields = ~agrees & (since == ends) & np.isin(stamps, _stamps_at_end(stored, bar_minutes))
    return new.filter(pa.array(~(plain & (same | yields)) & ~_superseded(stamps, plain)))


def _stamps_at_end(table: pa.Table, bar_minutes: int) -> Int64:
    """Return the stamps of the versions that are known since their end."""
    stamps = _us(table, "timestamp")
    return np.asarray(stamps[_us(table, "known_at") == _ends(stamps, bar_minutes)])


def _newest_rows(stored: pa.Table, stamps: Int64) -> Int64:
    """Return the row of the newest stored version of each stamp `[n]`; -1 where none is stored."""
    if not stored.num_rows:
        return np.full(len(stamps), -1, dtype=np.int64)
    have = _us(stored, "timestamp")
    order = np.lexsort((_us(stored, "known_at"), have))
    at = np.searchsorted(have[order], stamps, side="right") - 1
    rows = order[np.maximum(at, 0)]
    return np.where((at >= 0) & (have[rows] == stamps), rows, -1).astype(np.int64)


def _superseded(stamps: Int64, plain: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which plain rows are followed by another plain row of the same stamp."""
    out = np.zeros(len(stamps), dtype=np.bool_)
    rows = np.flatnonzero(plain)
    order = rows[np.argsort(stamps[rows], kind="stable")]
    out[order[:-1]] = stamps[order[1:]] == stamps[order[:-1]]
    return out


def _in_order(stamps: Int64, since: Int64) -> npt.NDArray[np.intp]:
    """Return the rows sorted by start and time known; of rows with the same two the last one."""
    order = np.lexsort((since, stamps))
    same = (stamps[order][1:] == stamps[order][:-1]) & (since[order][1:] == since[order][:-1])
    last: npt.NDArray[np.intp] = order[np.append(~same, True)[: len(order)]]
    return last


def _assumed(table: pa.Table, bar_minutes: int) -> npt.NDArray[np.bool_]:
    """Return which rows are known since their end and followed by an equal version of the same bar."""
    stamps = _us(table, "timestamp")
    out = np.zeros(len(stamps), dtype=np.bool_)
    at_end = _us(table, "known_at")[:-1] == _ends(stamps[:-1], bar_minutes)
    rows = np.flatnonzero(at_end & (stamps[1:] == stamps[:-1]))
    out[rows] = _equal(table.take(pa.array(rows)), table.take(pa.array(rows + 1)), _OPEN)
    return out


def _equal(one: pa.Table, other: pa.Table, left_open: tuple[str, ...] = ()) -> npt.NDArray[np.bool_]:
    """Return which rows of two tables hold the same values; null equals null, and anything in columns `left_open`."""
    out = np.ones(one.num_rows, dtype=np.bool_)
    for name in _VALUES:
        a, b = (table[name].cast(pa.float64()).fill_null(np.nan).to_numpy() for table in (one, other))
        unknown = np.isnan(a) | np.isnan(b) if name in left_open else np.isnan(a) & np.isnan(b)
        out &= (a == b) | unknown
    return out


def _us(table: pa.Table, column: str) -> Int64:
    return np.asarray(table[column].cast(pa.int64()).to_numpy(), dtype=np.int64)


def _ends(stamps: Int64, bar_minutes: int) -> Int64:
    return stamps + bar_minutes * US_PER_MINUTE


def _stamps(us: Int64) -> pa.Array:
    return pa.array(us).cast(UTC)
