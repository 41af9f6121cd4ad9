"""Made-up panels with gaps, a split, a late listing and a delisting, on half-hour bars: small, and all there is."""

import dataclasses
import datetime as dt

import numpy as np

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import SessionGrid

SYMBOLS = ("AAA", "BBB", "CCC", "GONE", "LATE", "QQQ", "SPY", "XLA")
N = 110
SPLIT, LISTED, LAST, HALTED = 40, 35, 70, 50
"""BBB splits 4:1, LATE lists, GONE has its last session, AAA does not trade: numbers of sessions."""


def grid(n: int = N) -> SessionGrid:
    return SessionGrid(session_grid(dt.date(2025, 1, 2), dt.date(2025, 12, 31)).sessions[:n], 30)


def panel(seed: int = 1, n: int = N) -> Panel:
    """Return a panel of SYMBOLS; adjusted prices are a random walk that moves with SPY."""
    rng = np.random.default_rng(seed)
    sessions = grid(n)
    rows, n_symbols = sessions.n_rows, len(SYMBOLS)
    market = rng.normal(0.0, 0.004, rows)
    betas = np.array([1.8, 0.6, 1.2, 1.0, 2.0, 1.1, 1.0, 1.0])
    own = rng.normal(0.0, 0.004, (rows, n_symbols)) * (np.arange(n_symbols) != SYMBOLS.index("SPY"))
    close = 50.0 * np.exp(np.cumsum(market[:, None] * betas + own, axis=0))
    open_ = np.vstack([close[:1], close[:-1]])
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    volume = np.rint(rng.lognormal(13.0, 0.5, (rows, n_symbols)))
    factor = np.ones((n, n_symbols))
    factor[SPLIT:, SYMBOLS.index("BBB")] = 4.0
    by_row = factor[sessions.session_of_row]
    prices, volume = np.stack([open_, high, low, close]) / by_row, volume * by_row
    gone = rng.random((rows, n_symbols)) < 0.05
    volume[gone] = 0.0
    s = sessions.session_of_row
    for symbol, absent in (("LATE", s < LISTED), ("GONE", s > LAST), ("AAA", s == HALTED)):
        prices[:, absent, SYMBOLS.index(symbol)] = np.nan
        volume[absent, SYMBOLS.index(symbol)] = 0.0
    nothing = np.full(volume.shape, np.nan)
    return Panel(sessions, SYMBOLS, *prices, volume, nothing, volume > 0, factor, factor.copy())


def changed_after(given: Panel, session: int, seed: int = 9) -> Panel:
    """Return the panel with other bars from `session` on and other factors after it: that morning's are known."""
    other, row = panel(seed, len(given.grid.sessions)), int(given.grid.first_row[session])
    arrays = {}
    for name in ("open", "high", "low", "close", "volume", "traded"):
        arrays[name] = np.concatenate([getattr(given, name)[:row], getattr(other, name)[row:]])
    for name in ("price_factor", "share_factor"):
        arrays[name] = np.concatenate([getattr(given, name)[: session + 1], 3.0 * getattr(given, name)[session + 1 :]])
    return dataclasses.replace(given, **arrays)


def caps(n: int = N) -> np.ndarray:
    """Return reports of most symbols: a new one every 21 sessions, between 0.1 and 1000 B USD; none of AAA."""
    values = np.random.default_rng(3).uniform(8.0, 12.0, (n // 21 + 1, len(SYMBOLS)))
    found = 10.0 ** np.repeat(values, 21, axis=0)[:n]
    found[:, SYMBOLS.index("AAA")] = np.nan
    return found
