"""Accept or quarantine: every vendor bar ends in one of the two, with a named reason.

Rows are judged in two passes. The first looks at a row alone (values, stamp, session); the second looks at the rows
that are left, in time order, as a series (repeats, prints that revert, splits that no table explains).
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Bool, Float64
from daytrader_ray.domain.sessions import US_PER_MINUTE, Int64, SessionGrid
from daytrader_ray.market_data.bars import NO_STAMP, CleanInput
from daytrader_ray.market_data.prints import LEAST_MOVE, LONGEST_WICK, is_bad_print, move_limit

PRE_MARKET_MINUTES = 330
"""04:00 to 09:30 New York."""
AFTER_HOURS_MINUTES = 240
"""16:00 to 20:00 New York, after full days only."""
FULL_DAY_MINUTES = 390
OPEN_OF_DAY = 570
"""09:30 New York in minutes of the day."""
MINUTES_OF_DAY = 1440
STALE_FROM = 10
"""The bar of a run of identical bars from which on the feed counts as stale."""
SPLIT_TOLERANCE = 0.02
SPLIT_VOLUME = 2.0
"""From this many times the median dollar volume on, a jump of the price is news: a split moves the shares traded by
its ratio, and the dollars not at all."""
SESSIONS_KEPT = 20
LEAST_SESSIONS = 5
"""With so many earlier sessions of regular hours these alone say what is usual, without days of all hours."""

_RATIOS = np.array([1.5, *range(2, 51), 60, 75, 80, 100, 150, 200])
_LOG_RATIOS = np.log(np.concatenate([_RATIOS, 1.0 / _RATIOS]))


class Verdict(IntEnum):
    """What becomes of a bar; the first reason that applies, in this order."""

    ACCEPTED = 0
    NOT_FINITE = 1
    """A missing stamp, price or volume, or an infinite VWAP."""
    NON_POSITIVE_PRICE = 2
    NEGATIVE_VOLUME = 3
    OHLC_ORDER = 4
    """High below another price, or low above another price."""
    OFF_GRID = 5
    """Does not start where a bar of this length starts."""
    EXTENDED_HOURS = 6
    """Before the open or after the close of a session (of an index at any time of its day): counted, not stored."""
    OUTSIDE_SESSION = 7
    """On no session's day, at night, or after the early close of a half-day."""
    DUPLICATE_STAMP = 8
    """A later row with the stamp of an accepted one."""
    STALE_FEED = 9
    """The tenth or a later one of identical bars in consecutive minutes (prices and a volume above 0)."""
    BAD_PRINT = 10
    """A high or low that jumps away from the bars of the minutes beside it and comes back at once (`prints`)."""
    UNEXPLAINED_SPLIT = 11
    """A session that opens at a split's ratio to the last price on ordinary volume, with no such split in the table."""

    @property
    def reason(self) -> str:
        """The name as the quarantine files spell it."""
        return self.name.lower()


@dataclass(frozen=True)
class Previous:
    """The last session before the first bar, its last price (USD), and dollar volumes up to it `[session]`."""

    date: dt.date
    close: float
    dollar_volume: Float64


@dataclass(frozen=True)
class CleanResult:
    """Verdict of each input row `[n]` (int8, a `Verdict`), and the accepted rows in time order `[accepted]`."""

    verdict: npt.NDArray[np.int8]
    accepted: npt.NDArray[np.intp]

    @property
    def quarantined(self) -> npt.NDArray[np.intp]:
        """Rows that are not accepted and not of extended hours, in input order."""
        return np.flatnonzero((self.verdict != Verdict.ACCEPTED) & (self.verdict != Verdict.EXTENDED_HOURS))

    def reasons(self) -> list[str]:
        """Reason of each quarantined row, in the order of `quarantined`."""
        return [Verdict(code).reason for code in self.verdict[self.quarantined].tolist()]

    def counts(self) -> dict[str, int]:
        """Return how many rows met each verdict that occurs, by its name."""
        codes, numbers = np.unique(self.verdict, return_counts=True)
        return {Verdict(code).reason: number for code, number in zip(codes.tolist(), numbers.tolist(), strict=True)}


def clean(
    table: CleanInput,
    grid: SessionGrid,
    previous: Previous | None = None,
    splits: Mapping[dt.date, float] | None = None,
    *,
    of_index: bool = False,
) -> CleanResult:
    """Judge every bar of one symbol against the session grid that spans them (and the session before them).

    `splits` are new shares per old one by execution date; `previous` is None where nothing earlier is known. A volume
    of 0 is accepted (a price without a trade); a missing `vwap` is no fault. An index is computed nearly around the
    clock: with `of_index` all of a session's day is extended hours.
    """
    verdict = np.zeros(len(table.stamp_us), dtype=np.int8)
    for code, bad in _faults(table, grid, of_index):
        verdict[(verdict == Verdict.ACCEPTED) & bad] = code
    series = _Series(table, grid, np.flatnonzero(verdict == Verdict.ACCEPTED))
    series.drop(Verdict.DUPLICATE_STAMP, series.repeated(), verdict)
    series.drop(Verdict.STALE_FEED, series.stale(), verdict)
    series.drop(Verdict.BAD_PRINT, series.bad_prints(), verdict)
    series.drop(Verdict.UNEXPLAINED_SPLIT, series.unexplained(previous, splits or {}), verdict)
    return CleanResult(verdict, series.rows)


def _faults(table: CleanInput, grid: SessionGrid, of_index: bool) -> list[tuple[Verdict, Bool]]:
    prices = np.stack([table.open, table.high, table.low, table.close])
    finite = np.isfinite(prices).all(axis=0) & np.isfinite(table.volume) & ~np.isinf(table.vwap)
    minutes, rest = np.divmod(table.stamp_us, US_PER_MINUTE)
    extended, outside = _outside(minutes, grid, of_index)
    return [
        (Verdict.NOT_FINITE, ~finite | (table.stamp_us == NO_STAMP)),
        (Verdict.NON_POSITIVE_PRICE, (prices <= 0).any(axis=0) | (table.vwap <= 0)),
        (Verdict.NEGATIVE_VOLUME, table.volume < 0),
        (Verdict.OHLC_ORDER, (prices > table.high).any(axis=0) | (prices < table.low).any(axis=0)),
        (Verdict.OFF_GRID, (rest != 0) | (minutes % grid.bar_minutes != 0)),
        (Verdict.EXTENDED_HOURS, extended),
        (Verdict.OUTSIDE_SESSION, outside),
    ]


def _outside(minutes: Int64, grid: SessionGrid, of_index: bool) -> tuple[Bool, Bool]:
    """Return which minutes are extended hours, and which are neither these nor regular hours."""
    if not grid.sessions:
        return np.zeros(len(minutes), dtype=np.bool_), np.ones(len(minutes), dtype=np.bool_)
    opens = np.array([s.open_minute for s in grid.sessions], dtype=np.int64)
    lengths = np.array([s.n_minutes for s in grid.sessions], dtype=np.int64)
    if of_index:
        before, end = OPEN_OF_DAY, np.full(len(opens), MINUTES_OF_DAY - OPEN_OF_DAY)
    else:
        before, end = PRE_MARKET_MINUTES, lengths + np.where(lengths == FULL_DAY_MINUTES, AFTER_HOURS_MINUTES, 0)
    at = np.maximum(np.searchsorted(opens - before, minutes, side="right") - 1, 0)
    since_open = minutes - opens[at]
    regular = (since_open >= 0) & (since_open < lengths[at])
    extended = (since_open >= -before) & (since_open < end[at]) & ~regular
    return extended, ~regular & ~extended


class _Series:
    """The rows that are sound by themselves, in time order; each rule says which of them are not sound as a series."""

    def __init__(self, table: CleanInput, grid: SessionGrid, sound: npt.NDArray[np.intp]) -> None:
        self.table, self.grid = table, grid
        self.rows = sound[np.argsort(table.stamp_us[sound], kind="stable")]

    def drop(self, code: Verdict, bad: Bool, verdict: npt.NDArray[np.int8]) -> None:
        verdict[self.rows[bad]] = code
        self.rows = self.rows[~bad]

    def repeated(self) -> Bool:
        stamps = self.table.stamp_us[self.rows]
        return np.concatenate([np.zeros(min(len(stamps), 1), dtype=np.bool_), stamps[1:] == stamps[:-1]])

    def stale(self) -> Bool:
        n, table = len(self.rows), self.table
        if n < STALE_FROM:
            return np.zeros(n, dtype=np.bool_)
        bars = np.stack([table.open, table.high, table.low, table.close, table.volume])[:, self.rows]
        new = np.ones(n, dtype=np.bool_)
        new[1:] = (bars[:, 1:] != bars[:, :-1]).any(axis=0) | ~self._joined()[1:-1]
        run_start = np.maximum.accumulate(np.where(new, np.arange(n), 0))
        return np.asarray((np.arange(n) - run_start >= STALE_FROM - 1) & (bars[4] > 0), dtype=np.bool_)

    def bad_prints(self) -> Bool:
        bad = np.zeros(len(self.rows), dtype=np.bool_)
        table, session, joined = self.table, self._sessions(), self._joined()
        ends = np.diff(session, prepend=-1, append=-1) != 0
        high, low, first, close = (np.log(x[self.rows]) for x in (table.high, table.low, table.open, table.close))
        for extreme, body in ((high, np.maximum(first, close)), (-low, -np.minimum(first, close))):
            jumps = np.diff(extreme, prepend=0.0) > LEAST_MOVE
            for at in np.flatnonzero(jumps | ends[:-1]).tolist():
                for end in range(at + 1, min(at + LONGEST_WICK, len(bad)) + 1):
                    beside = _beside(extreme, at, end, joined, ends)
                    inner = end == at + 1 and not (ends[at] or ends[end])
                    spike = float(extreme[at:end].min()), -np.inf if inner else float(body[at:end].max()), *beside
                    if is_bad_print(*spike, LEAST_MOVE):
                        bad[at:end] |= is_bad_print(*spike, move_limit(np.diff(close[session == session[at]])))
        return bad

    def unexplained(self, previous: Previous | None, splits: Mapping[dt.date, float]) -> Bool:
        bad = np.zeros(len(self.rows), dtype=np.bool_)
        if not len(self.rows):
            return bad
        close, session = self.table.close[self.rows], self._sessions()
        first = np.flatnonzero(np.diff(session, prepend=-1))
        last = np.append(first[1:], len(session)) - 1
        before = np.append(previous.close if previous else np.nan, close[last[:-1]])
        usual = np.zeros(0) if previous is None else previous.dollar_volume
        traded = np.add.reduceat(close * self.table.volume[self.rows], first)
        shares = _explained([self.grid.sessions[index].date for index in session[first].tolist()], previous, splits)
        for at in np.flatnonzero(_looks_split(self.table.open[self.rows[first]] / before * shares)).tolist():
            known = traded[:at] if at >= LEAST_SESSIONS else np.concatenate([usual, traded[:at]])
            earlier = known[-SESSIONS_KEPT:]
            if len(earlier) and traded[at] < SPLIT_VOLUME * np.median(earlier):
                bad[first[at] : last[at] + 1] = True
        return bad

    def _joined(self) -> Bool:
        """Return for each row and the end whether the row before it is of the minute (the bar's length) before."""
        minutes = self.table.stamp_us[self.rows] // US_PER_MINUTE
        return np.asarray(np.diff(minutes, prepend=0, append=0) == self.grid.bar_minutes, dtype=np.bool_)

    def _sessions(self) -> Int64:
        opens = np.array([s.open_minute for s in self.grid.sessions], dtype=np.int64)
        minutes = self.table.stamp_us[self.rows] // US_PER_MINUTE
        return np.asarray(np.searchsorted(opens, minutes, side="right") - 1, dtype=np.int64)


def _beside(values: Float64, at: int, end: int, joined: Bool, ends: Bool) -> tuple[float, float]:
    """Return the values before and after the rows `at` to `end`; NaN unless all follow each other by the minute.

    At an end of a session the one row beside them stands for both.
    """
    if not joined[at + 1 : end].all():
        return np.nan, np.nan
    before = values[at - 1] if joined[at] else np.nan
    after = values[end] if joined[end] else np.nan
    return float(after if ends[at] else before), float(before if ends[end] else after)


def _explained(days: list[dt.date], previous: Previous | None, splits: Mapping[dt.date, float]) -> Float64:
    """Return new shares per old one of all splits since the session before, for each session of `days`."""
    shares = np.ones(len(days))
    for date, ratio in splits.items():
        at = bisect_left(days, date)
        if at < len(days) and (at or (previous and date > previous.date)):
            shares[at] *= ratio
    return shares


def _looks_split(ratio: Float64) -> Bool:
    """Return which price ratios are within 2 % of a split's; NaN is none."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(np.log(ratio)[:, None] - _LOG_RATIOS).min(axis=1)
        return np.asarray(distance < np.log1p(SPLIT_TOLERANCE), dtype=np.bool_)
