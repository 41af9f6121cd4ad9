import datetime as dt

import numpy as np
import pytest

from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.features.events import event_minutes

SYMBOLS = ("AAA", "BBB", "SPY", "CCC", "QQQ")


def make_panel(n_sessions=18, symbols=SYMBOLS, bar_minutes=1, seed=5):
    """A random market with half-days, quiet minutes, late first bars, holes at sessions' ends and missing vwaps.

    Both holes begin in the middle of an aggregate of 5 and of 15 minutes. That of BBB ends a day later, in an aggregate
    of the same number as the one that it cuts short.
    """
    rng = np.random.default_rng(seed)
    first = dt.date(2025, 7, 1)
    sessions = tuple(
        Session(first + dt.timedelta(days=i), 29_190_000 + i * 1440, 210 if i % 10 == 2 else 390)
        for i in range(n_sessions)
    )
    grid = SessionGrid(sessions, bar_minutes)
    shape = (grid.n_rows, len(symbols))
    close = np.round(80 * np.exp(np.cumsum(rng.normal(0, 8e-4, shape), axis=0)), 2)
    open_ = np.round(close * np.exp(rng.normal(0, 2e-4, shape)), 2)
    high = np.maximum(open_, close) + np.round(rng.random(shape) * 0.05, 2)
    low = np.minimum(open_, close) - np.round(rng.random(shape) * 0.05, 2)
    volume = rng.integers(1, 9000, shape).astype(float)
    vwap = np.where(rng.random(shape) < 0.5, (high + low + close) / 3, np.nan)
    traded = np.ones(shape, dtype=bool)
    prices = [open_, high, low, close]
    quiet = (rng.random(shape) < 0.05) & (grid.slot_of_row > 0)[:, None]
    for row in np.flatnonzero(quiet.any(axis=1)):
        for price in prices:
            price[row, quiet[row]] = close[row - 1, quiet[row]]
    volume[quiet], traded[quiet], vwap[quiet] = 0.0, False, np.nan
    panel = Panel(grid, symbols, open_, high, low, close, volume, vwap, traded)
    second, third = grid.first_row[[1, min(4, n_sessions)]]
    cut, late = 23 // bar_minutes, 368 // bar_minutes
    for start, stop, column in ((second, second + 7, 0), (second - cut, second, 4), (third - cut, third + late, 1)):
        leave_out(panel, slice(start, stop), column)
    return panel


def leave_out(panel, rows, column):
    """Take the bars of one symbol out of a panel."""
    for values in (panel.open, panel.high, panel.low, panel.close, panel.vwap):
        values[rows, column] = np.nan
    panel.volume[rows, column], panel.traded[rows, column] = 0.0, False


def make_inputs(panel, seed=7):
    """What features know beside the bars: three members of a sector, one of them late, ticks, events."""
    rng = np.random.default_rng(seed)
    ticks = rng.random((*panel.close.shape, 6)) * [4.0, 2.0, 800.0, 2.0, 40.0, 300.0] - [0.0, 1.0, 400.0, 1.0, 0.0, 0.0]
    for part, share in ((slice(0, 3), 0.1), (slice(3, 6), 0.2)):
        ticks[rng.random(panel.close.shape) < share, part] = np.nan
    ticks[:, panel.column("CCC")] = 1.0
    ticks[:, :, [2, 5]] *= np.repeat(panel.share_factor, panel.grid.bars_per_session, axis=0)[:, :, None]
    member = np.tile([True, True, False, True, False], (len(panel.grid.sessions), 1))
    member[:2, 0] = False
    sector = np.where(member[-1], 0, -1)
    peers = Peers(panel.column("SPY"), panel.column("QQQ"), sector, np.full(5, -1), member)
    return {"peers": peers, "ticks": ticks, "events": make_events(panel, rng)}


def make_events(panel, rng):
    """One event a day and symbol, known some days before; of CCC also one before the first bar and one after the last.

    `[row, symbol, 2]`.
    """
    first, ends = panel.grid.minute_of_row[0], panel.grid.minute_of_row + panel.grid.bar_minutes
    columns = []
    for symbol in panel.symbols:
        stamps = first + 1440.0 * (np.arange(len(panel.grid.sessions)) + rng.random(len(panel.grid.sessions)))
        known_at = stamps - rng.integers(-100, 3000, len(stamps))
        if symbol == "CCC":
            stamps, known_at = np.append(stamps, [first - 60.5, ends[-1] + 9e4]), np.append(known_at, [0.0, 0.0])
        columns.append(event_minutes(stamps, known_at, np.full(len(stamps), np.inf), ends))
    return np.stack(columns, axis=1)


@pytest.fixture(scope="session")
def panel():
    return make_panel()


@pytest.fixture(scope="session")
def panel_maker():
    return make_panel


@pytest.fixture(scope="session")
def inputs(panel):
    return make_inputs(panel)


@pytest.fixture(scope="session")
def expected_volume(panel):
    expected = np.random.default_rng(6).random(panel.close.shape) * 4000 + 500
    expected[: panel.grid.first_row[1]] = np.nan
    return expected
