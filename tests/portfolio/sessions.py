"""Sessions of stocks that move with a market, for the slow loop's tests: made from a generator."""

import datetime as dt

import numpy as np

from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import Session, SessionGrid

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "I:VIX", "I:VIX3M", "QQQ", "SPY", "VIXY")
STOCKS = np.array([symbol[0] == symbol[-1] for symbol in SYMBOLS])
SECTOR = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2])
BETAS = np.array([0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 0.0, 0.0, 1.1, 1.0, -3.0])


def panel(seed: int, n_sessions: int = 22, n_slots: int = 120, common: float = 8e-4, own: float = 8e-4) -> Panel:
    """Return a walk of `SYMBOLS`: `common` and `own` are the deviations of a minute's returns, betas are `BETAS`."""
    rng = np.random.default_rng(seed)
    first = dt.date(2025, 9, 1)
    sessions = tuple(Session(first + dt.timedelta(days=k), 29_370_000 + 1440 * k, n_slots) for k in range(n_sessions))
    grid = SessionGrid(sessions)
    market = rng.normal(0, common, (grid.n_rows, 1))
    alone = rng.normal(0, own, (grid.n_rows, len(SYMBOLS)))
    alone[:, SYMBOLS.index("SPY")] = 0.0
    close = 100.0 * np.exp(np.cumsum(market * BETAS + alone, axis=0))
    close[:, SYMBOLS.index("I:VIX")], close[:, SYMBOLS.index("I:VIX3M")] = 18.0, 20.0
    volume = np.full_like(close, 1000.0)
    return Panel(grid, SYMBOLS, close, close, close, close, volume, close, volume > 0)
