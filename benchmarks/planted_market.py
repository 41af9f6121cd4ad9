"""A market whose only secret is known: what its prices follow, how much of it, and in which features it shows.

Each stock has a state z, the sum of three independent parts, all AR(1) with a half-life of 30 minutes:
z = (a + b + c) / sqrt(3), itself an AR(1) process with variance 1. The log return of the next 5-minute bar is
sigma (strength z + noise). Features show `plant.first` = a, `plant.second` = b and `plant.gated` = sign(a) c: alone the
third says nothing about z or the return (its correlation with both is 0), with the sign of the first it is c. The other
features are noise of the same persistence, and the bar's own return. So the best forecast there is, whatever the
history, is z: the oracle. `strength` sets its rank correlation with the return of the next 30 minutes; without any it
is the null market, of which nothing can be known.
"""

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import SessionGrid

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

PARTS = ("plant.first", "plant.second", "plant.gated")
RETURN = "lag.return_1"
"""The member that looks at returns finds them by the name of the real feature."""
N_NOISE = 16
FEATURES = (*PARTS, RETURN, *(f"noise.{k:02d}" for k in range(N_NOISE)))

FIRST, LAST = dt.date(2024, 1, 2), dt.date(2025, 12, 31)
BAR_MINUTES, HORIZON_MINUTES, HALF_LIFE_MINUTES = 5, 30, 30
HORIZON = HORIZON_MINUTES // BAR_MINUTES
PHI = 0.5 ** (BAR_MINUTES / HALF_LIFE_MINUTES)
SIGMA = 1.5e-3
"""Standard deviation of a bar's log return: 21 % a year."""
VOLUME = 1e6


@dataclass(frozen=True)
class Plant:
    """Which market: its seed, the oracle's rank correlation, and its size."""

    seed: int
    ic: float
    n_stocks: int = 60
    n_sessions: int = 212


def strength(ic: float) -> float:
    """Return the share of z in a bar's return, in standard deviations of the noise, that gives the oracle `ic`.

    Spearman = 6/pi asin(rho/2) of two Gaussians; with S = sum phi^k and V = sum phi^|j-k| over the horizon's H bars,
    the return of the horizon has covariance s S with z and variance H + s^2 V, so s^2 = rho^2 H / (S^2 - rho^2 V).
    """
    rho = 2.0 * math.sin(math.pi * ic / 6.0)
    steps = np.arange(HORIZON)
    covariance = float((PHI**steps).sum())
    variance = float((PHI ** np.abs(np.subtract.outer(steps, steps))).sum())
    return math.sqrt(rho**2 * HORIZON / (covariance**2 - rho**2 * variance))


def made(plant: Plant) -> Frames:
    """Draw the market: bars and features of all stocks, a pure function of `plant`."""
    rng = np.random.default_rng(plant.seed)
    grid = session_grid(FIRST, LAST, BAR_MINUTES).part(0, plant.n_sessions)
    shape = grid.n_rows, plant.n_stocks
    parts = [_ar1(rng, shape) for _ in PARTS]
    drift = strength(plant.ic) * sum(parts) / math.sqrt(len(parts))
    moves = rng.normal(0.0, SIGMA, shape)
    moves[1:] += SIGMA * drift[:-1]
    first, second, third = parts
    values = np.empty((*shape, len(FEATURES)), dtype=np.float32)
    for k, part in enumerate((first, second, np.sign(first) * third, moves)):
        values[:, :, k] = part
    for k in range(len(PARTS) + 1, len(FEATURES)):
        values[:, :, k] = _ar1(rng, shape)
    panel = _panel(rng, grid, moves)
    sessions = (plant.n_sessions, plant.n_stocks)
    n_bars = int(grid.bars_per_session.max())
    return Frames(
        panel,
        _features(grid, panel.close, values),
        adv=np.full(sessions, VOLUME * n_bars),
        sigma_day=np.full(sessions, SIGMA * math.sqrt(n_bars)),
        expected_volume=np.full(shape, VOLUME),
    )


def oracle(frames: Frames) -> Float64:
    """Return z of every bar and stock `[row, symbol]`, from the three features that show it."""
    first, second = (np.asarray(frames.features.values)[:, :, k].astype(np.float64) for k in range(2))
    return np.asarray((first + second + interaction(frames)) / math.sqrt(len(PARTS)))


def interaction(frames: Frames) -> Float64:
    """Return c, the part of z that no sum of functions of single features knows anything of `[row, symbol]`."""
    first, gated = (np.asarray(frames.features.values)[:, :, k].astype(np.float64) for k in (0, 2))
    return np.asarray(np.sign(first) * gated)


def _ar1(rng: np.random.Generator, shape: tuple[int, int]) -> Float64:
    """Return AR(1) processes `[row, symbol]` with variance 1 and autocorrelation PHI, in equilibrium from the start."""
    noise = rng.standard_normal(shape)
    noise[1:] *= math.sqrt(1.0 - PHI**2)
    return np.asarray(lfilter([1.0], [1.0, -PHI], noise, axis=0))


def _panel(rng: np.random.Generator, grid: SessionGrid, moves: Float64) -> Panel:
    """Return bars whose highs and lows are those of a Brownian bridge between open and close."""
    after = np.cumsum(moves, axis=0)
    before = after - moves
    reach = [np.sqrt(moves**2 - 2.0 * SIGMA**2 * np.log(1.0 - rng.random(moves.shape))) for _ in range(2)]
    high, low = (before + after + reach[0]) / 2.0, (before + after - reach[1]) / 2.0
    open_, close, high, low = (100.0 * np.exp(path) for path in (before, after, high, low))
    symbols = tuple(f"P{k:02d}" for k in range(moves.shape[1]))
    volume = np.full(moves.shape, VOLUME)
    return Panel(grid, symbols, open_, high, low, close, volume, close.copy(), volume > 0)


def _features(grid: SessionGrid, close: Float64, values: Float32) -> FeatureMatrix:
    """Return the features with what stands beside them; the range of a bar is that of a Brownian path."""
    return_30 = np.full(close.shape, np.nan)
    return_30[HORIZON:] = np.log(close[HORIZON:] / close[:-HORIZON])
    return_30[grid.slot_of_row < HORIZON] = np.nan
    atr_5 = math.sqrt(8.0 / math.pi) * SIGMA * close
    return FeatureMatrix(FEATURES, values, atr_5, return_30, np.full(close.shape, SIGMA * math.sqrt(HORIZON)))
