"""The axis of time that equity and exposure share: bars of a short run, session closes of a long one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.measure import number_of
from daytrader_ray.analytics.run import Run

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

LONG = 20
"""Runs of more sessions are drawn by session."""

MINUTES_APART = 5
"""Distance of the points of a shorter one."""

N_TICKS = 5
"""As many dates as fit on a phone."""

MONTHLY = 120
"""Runs of more sessions have months on their axis."""

OPENING_MINUTE = 9 * 60 + 30


@dataclass(frozen=True)
class Timeline:
    """Points of a run: `bars` lines of its curve `[point]`, `closes` the point of each session's last bar `[session]`.

    Nights take no room; what is drawn has one more point in front, the start.
    """

    bars: Int64
    closes: Int64
    labels: list[str]
    places: list[int]
    names: list[str]


def timeline(run: Run) -> Timeline:
    """Return the points at which a run is drawn."""
    session = number_of(run, run.curve.session)
    last = np.append(np.flatnonzero(np.diff(session)), len(session) - 1)
    long = len(run.dates) > LONG
    apart = run.curve.slot * run.manifest.bar_minutes % MINUTES_APART == 0
    bars = last if long else np.union1d(np.flatnonzero(apart), last)
    times = [clock(run, int(run.curve.slot[k])) for k in bars]
    days = run.curve.session[bars].astype(str).tolist()
    labels = days if long else [f"{day} {time}" for day, time in zip(days, times, strict=True)]
    places, names = _hours(times) if len(run.dates) == 1 else _openings(run, bars)
    return Timeline(bars, np.searchsorted(bars, last), ["start", *labels], [place + 1 for place in places], names)


def _openings(run: Run, bars: Int64) -> tuple[list[int], list[str]]:
    """Return where some sessions begin, and their dates."""
    opens = np.searchsorted(run.curve.session[bars], run.dates)
    step = -(-len(opens) // N_TICKS)
    return opens[::step].tolist(), [short(day, run) for day in run.dates[::step]]


def _hours(times: list[str]) -> tuple[list[int], list[str]]:
    """Return where every second full hour begins."""
    places = [k for k, time in enumerate(times) if time.endswith(":00")][::2]
    return places, [times[k] for k in places]


def short(day: np.datetime64, run: Run) -> str:
    """Return a date as short as it may be: five of them stand side by side on a phone."""
    return f"{day.item():%b %y}" if len(run.dates) > MONTHLY else f"{day.item():%d %b}"


def clock(run: Run, slot: int) -> str:
    """Return the time of New York at which a bar of the session starts."""
    minute = OPENING_MINUTE + slot * run.manifest.bar_minutes
    return f"{minute // 60:02d}:{minute % 60:02d}"
