"""Accept or quarantine: every vendor bar ends in one of the two, with a named reason."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Bool
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.market_data.bars import NO_STAMP, US_PER_MINUTE, CleanInput


class Verdict(IntEnum):
    """What becomes of a bar; the first reason that applies, in this order."""

    ACCEPTED = 0
    NOT_FINITE = 1
    """A missing stamp, price or volume."""
    NON_POSITIVE_PRICE = 2
    NEGATIVE_VOLUME = 3
    OHLC_ORDER = 4
    """High below another price, or low above another price."""
    OFF_GRID = 5
    """Does not start on a whole minute."""
    OUTSIDE_SESSION = 6
    """Not in the regular hours of a session."""
    DUPLICATE_STAMP = 7
    """A later row with the stamp of an accepted one."""

    @property
    def reason(self) -> str:
        """The name as the quarantine files spell it."""
        return self.name.lower()


@dataclass(frozen=True)
class CleanResult:
    """Verdict of each input row `[n]` (int8, a `Verdict`), and the accepted rows in time order `[accepted]`."""

    verdict: npt.NDArray[np.int8]
    accepted: npt.NDArray[np.intp]

    @property
    def quarantined(self) -> npt.NDArray[np.intp]:
        """Rows not accepted, in input order."""
        return np.flatnonzero(self.verdict != Verdict.ACCEPTED)

    def reasons(self) -> list[str]:
        """Reason of each quarantined row, in the order of `quarantined`."""
        return [Verdict(code).reason for code in self.verdict[self.quarantined].tolist()]


def clean(table: CleanInput, grid: SessionGrid) -> CleanResult:
    """Judge every bar of one symbol against the one-minute session grid that spans them.

    A volume of 0 is accepted (a price without a trade); a missing `vwap` is no fault.
    """
    verdict = np.zeros(len(table.stamp_us), dtype=np.int8)
    for code, bad in _faults(table, grid):
        verdict[(verdict == Verdict.ACCEPTED) & bad] = code
    sound = np.flatnonzero(verdict == Verdict.ACCEPTED)
    in_time = sound[np.argsort(table.stamp_us[sound], kind="stable")]
    stamps = table.stamp_us[in_time]
    repeated = np.zeros(len(in_time), dtype=np.bool_)
    repeated[1:] = stamps[1:] == stamps[:-1]
    verdict[in_time[repeated]] = Verdict.DUPLICATE_STAMP
    return CleanResult(verdict, in_time[~repeated])


def _faults(table: CleanInput, grid: SessionGrid) -> list[tuple[Verdict, Bool]]:
    prices = np.stack([table.open, table.high, table.low, table.close])
    finite = np.isfinite(prices).all(axis=0) & np.isfinite(table.volume)
    minutes, rest = np.divmod(table.stamp_us, US_PER_MINUTE)
    return [
        (Verdict.NOT_FINITE, ~finite | (table.stamp_us == NO_STAMP)),
        (Verdict.NON_POSITIVE_PRICE, (prices <= 0).any(axis=0)),
        (Verdict.NEGATIVE_VOLUME, table.volume < 0),
        (Verdict.OHLC_ORDER, (prices > table.high).any(axis=0) | (prices < table.low).any(axis=0)),
        (Verdict.OFF_GRID, rest != 0),
        (Verdict.OUTSIDE_SESSION, _outside(minutes, grid)),
    ]


def _outside(minutes: npt.NDArray[np.int64], grid: SessionGrid) -> Bool:
    if not grid.sessions:
        return np.ones(len(minutes), dtype=np.bool_)
    return grid.rows_of_minutes(minutes) < 0
