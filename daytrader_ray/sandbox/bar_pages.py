"""One page of bars of any window: what fits into a limit of base bars, whole windows only."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.sandbox.bars import Bars
from daytrader_ray.sandbox.doors import MINUTE_MS
from daytrader_ray.sandbox.visible import Visible
from daytrader_ray.sandbox.windows import Window

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BarQuery:
    """Windows that start in `start` to `end` (ms, both inclusive), made of at most `limit` minutes or days a page."""

    symbol: str
    window: Window
    start: int
    end: int
    limit: int
    descending: bool
    adjusted: bool


@dataclass(frozen=True, slots=True)
class BarPage:
    """Joined bars of a page, ascending, `n_base` bars in them, and whether there are more behind them."""

    bars: Bars
    n_base: int
    more: bool

    @classmethod
    def empty(cls) -> "BarPage":
        """Return the page of a query that finds nothing."""
        return cls(Bars.concatenate([]), 0, more=False)


def bar_page(visible: Visible, query: BarQuery) -> BarPage:
    """Return the first page of a query, or the newest one where it asks for descending order.

    A page holds at least one window, however many base bars that takes.
    """
    parts, windows, n_base = [], [], 0
    last_session = len(visible.sessions) - 1
    for step in range(last_session + 1):
        found = _session(visible, query, last_session - step if query.descending else step)
        if found is None:
            continue
        parts.append(found[0])
        windows.append(found[1])
        n_base += len(found[0])
        if n_base > query.limit and windows[0][0] != windows[-1][-1]:
            break
    if query.descending:
        parts.reverse()
        windows.reverse()
    return _cut(Bars.concatenate(parts), np.concatenate([np.empty(0, dtype=np.int64), *windows]), query)


def _session(visible: Visible, query: BarQuery, session: int) -> tuple[Bars, Int64] | None:
    """Return the base bars of a session inside the range and the window of each; None where there are none."""
    day, window = visible.sessions[session], query.window
    edges = window.starts(day, np.array([day.open_minute, day.close_minute - 1]))
    if edges[1] < query.start or edges[0] > query.end or not visible.n_over(session):
        return None
    read = visible.day if window.of_days else visible.bars
    bars = read(query.symbol, session, adjusted=query.adjusted)
    starts = window.starts(day, bars.start // MINUTE_MS)
    first, stop = np.searchsorted(starts, [query.start, query.end + 1])
    return (bars.part(first, stop), starts[first:stop]) if first < stop else None


def _cut(bars: Bars, windows: Int64, query: BarQuery) -> BarPage:
    """Drop the windows that do not fit whole into the limit, but not the first of the page."""
    if len(bars) <= query.limit:
        return BarPage(bars.joined(windows), len(bars), more=False)
    if query.descending:
        start = int(np.searchsorted(windows, windows[len(bars) - query.limit - 1], side="right"))
        start = min(start, int(np.searchsorted(windows, windows[-1])))
        return BarPage(bars.part(start, len(bars)).joined(windows[start:]), len(bars) - start, more=start > 0)
    stop = int(np.searchsorted(windows, windows[query.limit]))
    stop = max(stop, int(np.searchsorted(windows, windows[0], side="right")))
    return BarPage(bars.part(0, stop).joined(windows[:stop]), stop, more=stop < len(bars))
