"""The session grid: which minute of which trading session each row of a panel is."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import DataError

Int64 = npt.NDArray[np.int64]

US_PER_MINUTE = 60_000_000
NS_PER_MINUTE = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Session:
    """One regular trading session of the exchange.

    Attributes
    ----------
    date
        The session's date in New York.
    open_minute
        Start of the first bar, in minutes since 1970-01-01 UTC.
    n_minutes
        Length: 390, or 210 on a half-day.
    """

    date: dt.date
    open_minute: int
    n_minutes: int

    @property
    def close_minute(self) -> int:
        """End of the last bar, in minutes since 1970-01-01 UTC."""
        return self.open_minute + self.n_minutes


@dataclass(frozen=True)
class SessionGrid:
    """Consecutive sessions laid end to end: row `first_row[s] + slot` is bar `slot` of session `s`."""

    sessions: tuple[Session, ...]
    bar_minutes: int = 1

    @cached_property
    def bars_per_session(self) -> Int64:
        """Number of bars of each session [session]."""
        return np.array([s.n_minutes // self.bar_minutes for s in self.sessions], dtype=np.int64)

    @cached_property
    def first_row(self) -> Int64:
        """First row of each session, and the total at the end [session + 1]."""
        return np.concatenate([[0], np.cumsum(self.bars_per_session)]).astype(np.int64)

    @property
    def n_rows(self) -> int:
        """Number of bars of all sessions."""
        return int(self.first_row[-1])

    @cached_property
    def session_of_row(self) -> Int64:
        """Session index of each row [row]."""
        return np.repeat(np.arange(len(self.sessions), dtype=np.int64), self.bars_per_session)

    @cached_property
    def slot_of_row(self) -> Int64:
        """Bar number inside its session of each row [row]."""
        return np.arange(self.n_rows, dtype=np.int64) - self.first_row[self.session_of_row]

    @cached_property
    def minute_of_row(self) -> Int64:
        """Start of each row's bar in minutes since 1970-01-01 UTC [row]."""
        opens = np.array([s.open_minute for s in self.sessions], dtype=np.int64)
        return opens[self.session_of_row] + self.slot_of_row * self.bar_minutes

    def rows_of_minutes(self, minutes: Int64) -> Int64:
        """Row of each bar start (epoch minutes); -1 where no bar of the grid starts [n]."""
        at = np.searchsorted(self.minute_of_row, minutes)
        at = np.minimum(at, self.n_rows - 1)
        return np.where(self.minute_of_row[at] == minutes, at, -1).astype(np.int64)

    def index_of(self, date: dt.date) -> int:
        """Index of the session of `date`; a `DataError` names the range when there is none."""
        for index, session in enumerate(self.sessions):
            if session.date == date:
                return index
        span = f"{self.sessions[0].date} to {self.sessions[-1].date}" if self.sessions else "none"
        raise DataError(f"no session on {date}: the sessions here are {span}")

    def part(self, start: int, stop: int) -> Self:
        """Return the grid of sessions `start` to `stop - 1`."""
        return type(self)(self.sessions[start:stop], self.bar_minutes)
