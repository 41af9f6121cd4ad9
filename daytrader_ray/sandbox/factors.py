"""What moves many instruments at once: regime, market factor, sector factors and the volatility indices."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.indices import VIX
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.crises import Stress
from daytrader_ray.sandbox.traits import symbol_key

Float64 = npt.NDArray[np.float64]

BPS = 1e-4
FACTOR_BPS = 4.0
"""Standard deviation of one minute of the market factor in a calm, average session."""
SECTOR_BPS = 3.5
VOLATILITY_HALF_LIFE = 90.0
TAIL_DF = 5
OVERNIGHT = 8.0
"""An overnight gap has the standard deviation of this many minutes' square root."""
FULL_SESSION = 390
REGIMES = ("trending", "volatile", "crisis")
REGIME_DRIFT_BPS = np.array([0.02, 0.0, -0.05])
"""Drift of the market factor in each regime, bps a minute."""
REGIME_LOG_VOLATILITY = np.array([-0.1, 0.1, 0.5])
REGIME_CHANGES = np.array([[0.93, 0.06, 0.01], [0.07, 0.87, 0.06], [0.02, 0.18, 0.80]])
"""Chance of each regime tomorrow by the one today."""
YEAR_MINUTES = 252 * FULL_SESSION
VIX_PREMIUM = 1.25
"""An index of implied volatility stands this much above what is realised."""


@dataclass(frozen=True)
class Factor:
    """One session of the market factor: log returns and their standard deviation `[slot]`, gap before it."""

    returns: Float64
    minute_sd: Float64
    gap: float
    log_volatility: float
    regime: int


class Factors:
    """All that symbols share, session by session; a session needs those before it and no later one."""

    def __init__(self, seed: int, grid: SessionGrid) -> None:
        self._seed = seed
        self._grid = grid
        self._made: list[Factor] = []
        self.sector = lru_cache(maxsize=4096)(self._sector)

    def market(self, session: int) -> Factor:
        """Return the market factor of a session; its volatility remembers the sessions before."""
        while len(self._made) <= session:
            self._made.append(self._make(len(self._made)))
        return self._made[session]

    def _make(self, session: int) -> Factor:
        rng = np.random.default_rng((self._seed, symbol_key(""), session))
        n_bars = self._grid.sessions[session].n_minutes
        news, overnight = (float(x) for x in rng.standard_normal(2))
        memory = 0.8 * self._made[-1].log_volatility + 0.24 * news if session else 0.4 * news
        regime = self._regime(session)
        level = np.exp(memory + REGIME_LOG_VOLATILITY[regime])
        wave = 0.25 * ar1(rng.standard_normal(n_bars + 1), VOLATILITY_HALF_LIFE)
        minute_sd = FACTOR_BPS * BPS * day_shape(n_bars, 0.8, 0.4) * level * np.exp(wave)
        gap = FACTOR_BPS * BPS * OVERNIGHT * float(level) * overnight
        returns = REGIME_DRIFT_BPS[regime] * BPS + minute_sd * tails(rng, n_bars)
        return Factor(returns, minute_sd, gap, memory, regime)

    def _regime(self, session: int) -> int:
        draw = float(np.random.default_rng((self._seed, symbol_key("regime"), session)).random())
        if session == 0:
            return int(draw >= 0.6)
        chances = np.cumsum(REGIME_CHANGES[self._made[-1].regime])
        return min(int(np.searchsorted(chances, draw)), len(REGIMES) - 1)

    def _sector(self, name: str, session: int) -> Float64:
        """Return the log returns `[slot]` of a sector beyond the market's."""
        rng = np.random.default_rng((self._seed, symbol_key(f"sector {name}"), session))
        n_bars = self._grid.sessions[session].n_minutes
        return frozen(SECTOR_BPS * BPS * day_shape(n_bars, 1.2, 0.3) * tails(rng, n_bars))

    def volatility_index(self, symbol: str, session: int, stress: Stress | None) -> tuple[float, Float64]:
        """Return value at the open and at the end of each minute `[slot]` of VIX or VIX3M, in points.

        It moves from what yesterday's volatility implies to what today's does, jumps against the market's return of
        the day, and the three-month one feels half of it all.
        """
        today = self.market(session)
        before = self.market(session - 1) if session else today
        n_bars = len(today.returns)
        levels = [f.log_volatility + REGIME_LOG_VOLATILITY[f.regime] for f in (before, today)]
        fall = -np.cumsum(today.returns + (stress.returns if stress else 0.0))
        gap = today.gap + (stress.gap if stress else 0.0)
        rng = np.random.default_rng((self._seed, symbol_key(symbol), session))
        wander = 5e-4 * np.cumsum(rng.standard_normal(n_bars))
        felt = 0.5 * np.linspace(levels[0], levels[1], n_bars + 1) - 5.0 * gap
        felt[1:] += 5.0 * fall + wander
        usual = VIX_PREMIUM * FACTOR_BPS * BPS * np.sqrt(YEAR_MINUTES) * 100.0
        points = usual * np.exp(felt) if symbol == VIX else 1.08 * usual * np.exp(0.5 * felt)
        return float(points[0]), points[1:]


@lru_cache(maxsize=64)
def day_shape(n_bars: int, at_open: float, at_close: float) -> Float64:
    """Return a U over the session `[slot]` with a mean square of 1: high at the open, higher again at the close."""
    slot = np.arange(n_bars)
    shape = 1.0 + at_open * np.exp(-slot / 20.0) + at_close * np.exp(-(n_bars - 1 - slot) / 25.0)
    return frozen(shape / np.sqrt(np.mean(shape * shape)))


@lru_cache(maxsize=16)
def _powers(half_life: float, n: int) -> Float64:
    return 0.5 ** (np.arange(1, n + 1) / half_life)


def ar1(shocks: Float64, half_life: float) -> Float64:
    """Return a stationary AR(1) of unit variance `[n]` from n + 1 standard normal shocks; the first is its start."""
    powers = _powers(half_life, len(shocks) - 1)
    scale = np.sqrt(1.0 - powers[0] ** 2)
    out: Float64 = powers * (shocks[0] + scale * np.cumsum(shocks[1:] / powers))
    return out


def tails(rng: np.random.Generator, n: int) -> Float64:
    """Return Student-t noise of unit variance `[n]`."""
    return rng.standard_t(TAIL_DF, n) * float(np.sqrt((TAIL_DF - 2) / TAIL_DF))


def frozen(array: Float64) -> Float64:
    """Return `array`, made read-only because it is shared."""
    array.flags.writeable = False
    return array
