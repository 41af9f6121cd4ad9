"""Windows that bars are joined into: which one a minute or a day belongs to, all in the time of New York."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.sessions import Session
from daytrader_ray.sandbox.doors import MINUTE_MS, midnight_ms

Int64 = npt.NDArray[np.int64]

_MINUTES = {"minute": 1, "hour": 60}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
SPANS = (*_MINUTES, *_DAYS, *_MONTHS)
SUNDAY, MONDAY = 3, 4
"""Days from 1970-01-01 to the first Sunday and to the first Monday."""


@dataclass(frozen=True, slots=True)
class Window:
    """`multiplier` times a span of `SPANS`.

    Windows of minutes and hours are counted from each midnight, those of days and months from 1970, those of weeks
    from the day that begins a week (`week_start`).
    """

    multiplier: int
    span: str
    week_start: int = SUNDAY

    @property
    def of_days(self) -> bool:
        """Return whether it is made of whole days."""
        return self.span not in _MINUTES

    def starts(self, session: Session, minutes: Int64) -> Int64:
        """Return the start in ms of the window of each epoch minute `[n]` of a session."""
        if self.of_days:
            return np.full(len(minutes), self.start_of_day(session.date), dtype=np.int64)
        midnight = midnight_ms(session.date) // MINUTE_MS
        width = self.multiplier * _MINUTES[self.span]
        out: Int64 = (midnight + (minutes - midnight) // width * width) * MINUTE_MS
        return out

    def start_of_day(self, date: dt.date) -> int:
        """Return the start in ms of the window that a day begins in."""
        if self.span in _MONTHS:
            width = self.multiplier * _MONTHS[self.span]
            month = (date.year * 12 + date.month - 1) // width * width
            return midnight_ms(dt.date(month // 12, month % 12 + 1, 1))
        width, shift = self.multiplier * _DAYS.get(self.span, 1), self.week_start if self.span == "week" else 0
        if not self.of_days:
            return midnight_ms(date)
        day = (date - dt.date(1970, 1, 1)).days - shift
        return midnight_ms(dt.date(1970, 1, 1) + dt.timedelta(days=day // width * width + shift))
