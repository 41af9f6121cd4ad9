"""Everything that a feature may be made of, and other worlds that are the same up to some minute."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import Int64, SessionGrid

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
PRICES = ("open", "high", "low", "close")
BAR_FIELDS = (*PRICES, "vwap", "volume", "traded")
FACTORS = ("price_factor", "share_factor")


class Known(NamedTuple):
    """Events of one symbol `[event]`: when each happens, since when it is known and until when it counts.

    In minutes since 1970; infinity: it has not been withdrawn.
    """

    timestamp: Float64
    known_at: Float64
    withdrawn_at: Float64


@dataclass(frozen=True)
class World:
    """Inputs of everything that is computed before a decision.

    Attributes
    ----------
    panel
        Bars and factors.
    ticks
        What quotes and trades tell `[row, symbol, 6]` (`features.bar.TICKS`); None where there are none.
    events
        The calendar, one entry a symbol; None for none.
    peers
        Whom a symbol is compared with; None for no cross-section.
    market_cap
        USD, known before each session `[session, symbol]`; None where unknown.
    expected_volume
        `[row, symbol]`; None where it follows from the panel.
    """

    panel: Panel
    ticks: Float64 | None = None
    events: tuple[Known, ...] | None = None
    peers: Peers | None = None
    market_cap: Float64 | None = None
    expected_volume: Float64 | None = None

    @property
    def grid(self) -> SessionGrid:
        """The sessions of all inputs."""
        return self.panel.grid

    @property
    def n_sessions(self) -> int:
        """How many sessions there are."""
        return len(self.grid.sessions)

    def part(self, start: int, stop: int) -> "World":
        """Return the sessions `start` to `stop - 1` alone, as if the data began later or ended earlier."""
        rows = slice(int(self.grid.first_row[start]), int(self.grid.first_row[stop]))
        return World(
            panel=self.panel.part(start, stop),
            ticks=None if self.ticks is None else self.ticks[rows],
            events=self.events,
            peers=self.peers and replace(self.peers, member=self.peers.member[start:stop]),
            market_cap=None if self.market_cap is None else self.market_cap[start:stop],
            expected_volume=None if self.expected_volume is None else self.expected_volume[rows],
        )

    def cut_after(self, row: int) -> "World":
        """Return the world as it ends with `row`: no later session, no later bar in its own, nothing that comes out.

        The session keeps its length and its factors: both are known before it opens.
        """
        return self._ended(row, int(self.grid.session_of_row[row]) + 1)

    def eve_of(self, session: int) -> "World":
        """Return what is known before a session opens: no bar of it, but all that is fixed by session."""
        return self._ended(int(self.grid.first_row[session]) - 1, session + 1)

    def _ended(self, row: int, n_sessions: int) -> "World":
        short = self.part(0, n_sessions)
        bars = {name: getattr(short.panel, name).copy() for name in BAR_FIELDS}
        _empty(bars, np.arange(short.grid.n_rows) > row)
        ticks = None if short.ticks is None else short.ticks.copy()
        if ticks is not None:
            ticks[row + 1 :] = np.nan
        return replace(short, panel=replace(short.panel, **bars), ticks=ticks, events=self._events_until(row))

    def changed_after(self, row: int, rng: np.random.Generator) -> "World":
        """Return a world that is the same up to `row` and another one after it.

        Prices jump (half of them five-fold or to a fifth: a leak may show only then), move otherwise and are missing
        elsewhere; volumes, ticks, events that come out, later factors,
        memberships and market caps are others. What is fixed by session is known before it opens, so that of a session
        which begins after `row` stays.
        """
        later = int(np.searchsorted(self.grid.first_row[:-1], row + 1, side="right"))
        known = self._events_until(row)
        end = self.grid.minute_of_row[row] + self.grid.bar_minutes
        return replace(
            self,
            panel=self._changed_panel(row, later, rng),
            ticks=_changed(self.ticks, row + 1, rng),
            events=known and tuple(_with_news(one, float(end), rng) for one in known),
            peers=self.peers and replace(self.peers, member=_drawn(self.peers.member, later, rng)),
            market_cap=_changed(self.market_cap, later, rng),
        )

    def _events_until(self, row: int) -> tuple[Known, ...] | None:
        end = self.grid.minute_of_row[row] + self.grid.bar_minutes
        return self.events and tuple(_known_until(one, end) for one in self.events)

    def _changed_panel(self, row: int, later: int, rng: np.random.Generator) -> Panel:
        panel, after = self.panel, slice(row + 1, None)
        shape = panel.close[after].shape
        bars = {name: getattr(panel, name).copy() for name in BAR_FIELDS}
        size = np.where(rng.random(shape[1]) < 0.5, rng.uniform(0.1, 0.4, shape[1]), rng.uniform(1.4, 1.8, shape[1]))
        jump = rng.choice([-1.0, 1.0], shape[1]) * size
        factor = np.exp(jump + rng.normal(0.0, 0.01, shape).cumsum(axis=0))
        for name in (*PRICES, "vwap"):
            bars[name][after] *= factor
        bars["high"][after] *= 1.0 + rng.uniform(0.0, 0.02, shape)
        bars["low"][after] *= 1.0 - rng.uniform(0.0, 0.02, shape)
        bars["volume"][after] = np.ceil(bars["volume"][after] * rng.choice([0.0, 0.2, 0.7, 5.0], shape))
        bars["traded"][after] &= bars["volume"][after] > 0.0
        bars["vwap"][after][~bars["traded"][after]] = np.nan
        _empty(bars, self._holes(row, rng))
        factors = {name: getattr(panel, name).copy() for name in FACTORS}
        for values in factors.values():
            values[later:] *= rng.uniform(0.2, 5.0, values[later:].shape)
        return replace(panel, **bars, **factors)

    def _holes(self, row: int, rng: np.random.Generator) -> Bool:
        """Return `[row, symbol]`: rows after `row` that lose their bar, as if a symbol began its session late."""
        grid, shape = self.grid, self.panel.close.shape
        missing = rng.integers(0, grid.bars_per_session[:, None] // 2 + 1, (len(grid.sessions), shape[1]))
        missing[rng.random(missing.shape) < 0.7] = 0
        late = grid.slot_of_row[:, None] < missing[grid.session_of_row]
        session = grid.session_of_row == grid.session_of_row[row]
        return np.asarray(late & (np.arange(shape[0]) > row)[:, None] & ~session[:, None], dtype=np.bool_)


def moments(panel: Panel, n: int, rng: np.random.Generator) -> Int64:
    """Return rows after which to change everything: `n` random ones, and those where looking ahead would pay.

    The random ones are spread over the minutes of the day, each in another session while there are enough. The others
    are early rows (values filled backwards over the warm-up), ends of sessions and rows shortly before and after them,
    rows in which a symbol has no bar or no trade before its next one, and the eves of splits.
    """
    grid = panel.grid
    last = grid.n_rows - 2
    ends = grid.first_row[1:-1] - 1
    eves = ends[(np.diff(panel.price_factor, axis=0) != 0.0).any(axis=1)]
    missing = np.isnan(panel.close)
    waiting = np.flatnonzero((missing[:-1] & ~missing[1:]).any(axis=1))
    quiet = np.flatnonzero((~panel.traded[:-1] & panel.traded[1:] & ~missing[:-1]).any(axis=1))
    days = np.resize(rng.permutation(len(grid.sessions)), n)
    slots = (np.arange(n) + rng.random(n)) / n * grid.bars_per_session[days]
    rows = [grid.first_row[days] + slots.astype(np.int64), np.array([0, 3, 40])]
    near = (ends, ends - 2, ends - 8, ends + 1, ends + 2, ends + 3, ends + 5, eves, waiting, quiet)
    rows += [rng.choice(found, min(2, len(found)), replace=False) for found in near]
    return np.unique(np.clip(np.concatenate(rows), 0, last)).astype(np.int64)


def _empty(bars: dict[str, npt.NDArray[Any]], where: Bool) -> None:
    """Take the bars of some rows `[row]` or `[row, symbol]` out, by the panel's rules."""
    for name in (*PRICES, "vwap"):
        bars[name][where] = np.nan
    bars["volume"][where] = 0.0
    bars["traded"][where] = False


def _changed(values: Float64 | None, start: int, rng: np.random.Generator) -> Float64 | None:
    """Scale what begins with `start`, and take half of it away."""
    if values is None:
        return None
    result = values.copy()
    later = result[start:]
    later *= rng.uniform(0.2, 5.0, later.shape)
    later[rng.random(later.shape) < 0.5] = np.nan
    return result


def _drawn(member: Bool, start: int, rng: np.random.Generator) -> Bool:
    result = member.copy()
    result[start:] = rng.random(result[start:].shape) < 0.5
    return result


def _known_until(known: Known, end: float) -> Known:
    """Leave out the events, and what is withdrawn, that come out after `end`."""
    timestamp, known_at, withdrawn_at = (field[known.known_at <= end] for field in known)
    return Known(timestamp, known_at, np.where(withdrawn_at <= end, withdrawn_at, np.inf))


def _with_news(known: Known, end: float, rng: np.random.Generator) -> Known:
    """Add events that come out within a week after `end`: of the past, of the next hours and of later days.

    What still counts at `end` is withdrawn soon after.
    """
    news = end + rng.uniform(-10_000.0, 10_000.0, 8)
    out = end + np.append(1.0, rng.uniform(1.0, 10_000.0, 7))
    gone = np.minimum(known.withdrawn_at, end + 2.0)
    return Known(np.append(known.timestamp, news), np.append(known.known_at, out), np.append(gone, np.full(8, np.inf)))
