"""A random market with calm, busy and violent sessions, for the tests of the regime."""

import datetime as dt

import numpy as np

from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid

SYMBOLS = ("AAA", "BBB", "CCC", "GLD", "QQQ", "SPY", "TLT")
STOCKS = ("AAA", "BBB", "CCC")
N_SLOTS = 120


def frames(seed: int = 1, n_sessions: int = 12, symbols: tuple[str, ...] = SYMBOLS) -> Frames:
    """Return sessions whose volatility rises through three levels, with some unknown minutes."""
    rng = np.random.default_rng(seed)
    first = dt.date(2025, 11, 3)
    sessions = tuple(Session(first + dt.timedelta(days=k), 29_370_000 + 1440 * k, N_SLOTS) for k in range(n_sessions))
    grid = SessionGrid(sessions)
    level = np.repeat(0.0003 * 3.0 ** (np.arange(n_sessions) * 3 // n_sessions), N_SLOTS)[:, None]
    market = rng.standard_normal((grid.n_rows, 1))
    walk = np.cumsum(level * (0.7 * market + 0.7 * rng.standard_normal((grid.n_rows, len(symbols)))), axis=0)
    close = 100 * np.exp(walk)
    close[grid.slot_of_row < 2, 0] = np.nan
    volume = np.full(close.shape, 1000.0)
    panel = Panel(grid, symbols, close, close, close, close, volume, close, np.isfinite(close))
    nothing = np.zeros_like(close)
    features = FeatureMatrix(("none",), np.zeros((*close.shape, 1), np.float32), nothing, nothing, nothing)
    known = np.ones((n_sessions, len(symbols)))
    return Frames(panel, features, known, known, volume)


def cut(whole: Frames, start: int, stop: int) -> Panel:
    """Return the bars of sessions `start` to `stop - 1`."""
    return whole.panel.part(start, stop)
