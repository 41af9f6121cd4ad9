"""A small market with a planted signal and stand-in members, for tests of the search."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.models.labels import LabelConfig, triple_barrier
from daytrader_ray.walkforward.fit import Market

N_SLOTS = 120


def planted(
    seed: int = 1, n_sessions: int = 14, n_symbols: int = 4, strength: float = 0.0004, n_slots: int = N_SLOTS
) -> Frames:
    """Return sessions whose minute returns follow feature 0 by `strength` a minute; feature 1 is noise."""
    rng = np.random.default_rng(seed)
    days = [dt.date(2025, 11, 3) + dt.timedelta(days=k) for k in range(3 * n_sessions)]
    dates = [day for day in days if day.weekday() < 5][:n_sessions]
    grid = SessionGrid(tuple(Session(date, 29_370_000 + 1440 * k, n_slots) for k, date in enumerate(dates)))
    n = grid.n_rows
    drift = np.zeros((n, n_symbols))
    for t in range(1, n):
        drift[t] = 0.98 * drift[t - 1] + rng.normal(0, 0.2, n_symbols)
    moves = rng.normal(0, 0.0004, (n, n_symbols))
    moves[1:] += strength * drift[:-1]
    close = np.round(100.0 * np.exp(np.cumsum(moves, axis=0)), 2)
    open_ = np.vstack([close[:1], close[:-1]])
    wick = np.abs(rng.normal(0, 0.02, close.shape))
    high, low = np.maximum(open_, close) + wick, np.minimum(open_, close) - wick
    volume = np.full(close.shape, 50_000.0)
    symbols = tuple(f"S{k:02d}" for k in range(n_symbols))
    panel = Panel(grid, symbols, open_, high, low, close, volume, close.copy(), volume > 0)
    values = np.stack([drift, rng.normal(size=close.shape)], axis=2).astype(np.float32)
    features = FeatureMatrix(
        ("plant.drift", "plant.noise"),
        values,
        np.full_like(close, 0.3),
        np.zeros_like(close),
        np.full_like(close, 1e-2),
    )
    shape = (n_sessions, n_symbols)
    return Frames(panel, features, np.full(shape, 2e7), np.full(shape, 0.02), np.full_like(close, 50_000.0))


def market(frames: Frames) -> Market:
    """Return the market of all symbols of `frames` with its labels."""
    columns = np.arange(len(frames.panel.symbols), dtype=np.int64)
    return Market(frames, triple_barrier(frames, LabelConfig()), columns)


@dataclass(frozen=True)
class LastRow:
    """A fitted stand-in whose score is the tanh of one feature of a window's last row."""

    feature: int = 0

    def predict(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.round(np.tanh(windows[:, -1, self.feature].astype(np.float64)) * 65536.0) / 65536.0
