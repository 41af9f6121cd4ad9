"""Random markets for the engine's tests: made from a generator, without any code under test."""

import datetime as dt

import numpy as np

from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid


def frames(seed: int, n_sessions: int = 2, n_slots: int = 60, n_symbols: int = 4, minute_vol: float = 0.001) -> Frames:
    """Return sessions of a random walk with untraded minutes, whole-share volumes and prices in cents."""
    rng = np.random.default_rng(seed)
    first = dt.date(2025, 11, 3)
    sessions = tuple(Session(first + dt.timedelta(days=k), 29_370_000 + 1440 * k, n_slots) for k in range(n_sessions))
    grid = SessionGrid(sessions)
    n = grid.n_rows
    walk = np.exp(np.cumsum(rng.normal(0, minute_vol, (n, n_symbols)), 0))
    close = np.round(rng.uniform(20, 300, n_symbols) * walk, 2)
    open_ = np.vstack([close[:1], close[:-1]])
    open_ = np.round(open_ * np.exp(rng.normal(0, minute_vol / 3, open_.shape)), 2)
    spread = np.abs(rng.normal(0, minute_vol, close.shape)) * close
    high = np.round(np.maximum(open_, close) + spread, 2)
    low = np.round(np.minimum(open_, close) - spread, 2)
    volume = np.floor(rng.lognormal(8, 1, close.shape))
    traded = rng.random(close.shape) > 0.05
    for t in range(n):
        quiet = ~traded[t]
        for prices in (open_, high, low, close):
            prices[t, quiet] = np.nan if t % n_slots == 0 else close[t - 1, quiet]
    volume[~traded] = 0.0
    symbols = tuple(f"S{k:02d}" for k in range(n_symbols))
    panel = Panel(grid, symbols, open_, high, low, close, volume, np.full_like(close, np.nan), traded)
    atr = np.round(3 * minute_vol * np.nan_to_num(close, nan=100.0), 4)
    nothing = np.zeros_like(close)
    features = FeatureMatrix(("none",), np.zeros((n, n_symbols, 1), np.float32), atr, nothing, nothing)
    adv = np.full((n_sessions, n_symbols), 2e6)
    sigma = np.full((n_sessions, n_symbols), 0.02)
    return Frames(panel, features, adv, sigma, np.full_like(close, 5000.0))
