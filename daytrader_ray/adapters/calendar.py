"""Trading sessions of the New York Stock Exchange, from `exchange_calendars` (XNYS, regular hours, half-days)."""

import datetime as dt
import warnings
from functools import lru_cache
from typing import Any

import exchange_calendars

from daytrader_ray.domain.sessions import NS_PER_MINUTE, Session, SessionGrid


@lru_cache(maxsize=256)
def session_grid(start: dt.date, end: dt.date, bar_minutes: int = 1) -> SessionGrid:
    """Return the grid of all regular sessions from `start` to `end`, both included.

    >>> grid = session_grid(dt.date(2025, 11, 27), dt.date(2025, 12, 1))
    >>> [(str(s.date), s.n_minutes) for s in grid.sessions]
    [('2025-11-28', 210), ('2025-12-01', 390)]
    """
    days = _calendar(start.year, end.year).schedule.loc[start.isoformat() : end.isoformat()]
    opens = _minutes(days["open"])
    closes = _minutes(days["close"])
    dates = [stamp.date() for stamp in days.index]
    sessions = (Session(d, o, c - o) for d, o, c in zip(dates, opens, closes, strict=True))
    return SessionGrid(tuple(sessions), bar_minutes)


@lru_cache(maxsize=16)
def _calendar(first_year: int, last_year: int) -> Any:
    with warnings.catch_warnings():
        # exchange_calendars 4.13 reads tz-aware columns by `Series.values`, which pandas 3.1 announces to change.
        warnings.filterwarnings("ignore", message="Series.values", category=DeprecationWarning)
        return exchange_calendars.get_calendar("XNYS", start=f"{first_year}-01-01", end=f"{last_year}-12-31")


def _minutes(stamps: Any) -> list[int]:
    return [int(stamp.as_unit("ns").value) // NS_PER_MINUTE for stamp in stamps]
