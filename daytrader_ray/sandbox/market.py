"""The synthetic market: minute bars of any symbol as a pure function of (seed, symbol, session).

One market factor with a volatility that persists within and across sessions; betas; a U-shape of volatility and
volume over the day; Student-t noise; minutes without a trade and thin ones. Planted and tradable, in stocks: a hidden
AR(1) state z with a half-life of 45 minutes, begun anew each session, adds `signal_strength * z` bps a minute to the
return and leaves a footprint in the bars: volume grows with |z| and on minutes that move the way of z, and the VWAP
leans that way. Nothing here looks like any real instrument, and no result on it says anything about one.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.source import SessionBars
from daytrader_ray.sandbox.traits import KNOWN_SYMBOL, Traits, symbol_key, traits_of

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

BPS = 1e-4
FACTOR_BPS = 4.0
"""Standard deviation of one minute of the market factor in a calm, average session."""
SIGNAL_HALF_LIFE = 45.0
VOLATILITY_HALF_LIFE = 90.0
FOOTPRINT_SIZE = 0.25
"""Log volume for each standard deviation of |z|."""
FOOTPRINT_SIDE = 0.6
"""Log volume for each standard deviation of z in a minute that moves its way (less in one that does not)."""
FOOTPRINT_MEAN = 0.42
"""Log of the mean of the whole footprint, taken off so that a stock trades its usual volume."""
TAIL_DF = 5
LEVEL_REVERSION = 0.06
"""Share of the distance to its own level that a price comes back overnight: it stays between 20 and 500 USD."""
OVERNIGHT = 8.0
"""An overnight gap has the standard deviation of this many minutes' square root."""
FULL_SESSION = 390
CACHED_SESSIONS = 2048


class Market:
    """Bars of any symbol in any order; earlier sessions' returns are kept because a session opens where they led.

    Examples
    --------
    >>> import datetime as dt
    >>> from daytrader_ray.domain.sessions import Session
    >>> day = Session(dt.date(2025, 11, 28), open_minute=29_405_670, n_minutes=210)
    >>> Market(SandboxConfig(), SessionGrid((day,))).bars("AAPL", 0).close.shape
    (210,)
    """

    def __init__(self, config: SandboxConfig, grid: SessionGrid) -> None:
        self.config = config
        self.grid = grid
        self._log_opens: dict[str, list[float]] = {}
        self._session = lru_cache(maxsize=CACHED_SESSIONS)(self._make)
        self._factors: list[_Factor] = []
        self._traits = lru_cache(maxsize=None)(lambda symbol: traits_of(config.seed, symbol))

    def traits(self, symbol: str) -> Traits:
        """Return what kind of instrument `symbol` is; a `DataError` where no such symbol can be listed."""
        if not KNOWN_SYMBOL.fullmatch(symbol):
            raise DataError(f"symbol {symbol!r}: expected capital letters and digits like 'AAPL'")
        return self._traits(symbol)

    def bars(self, symbol: str, session: int) -> SessionBars:
        """Return the bars of `symbol` in session number `session` of the grid."""
        if not 0 <= session < len(self.grid.sessions):
            raise DataError(f"session {session}: the market has sessions 0 to {len(self.grid.sessions) - 1}")
        self.traits(symbol)
        return self._session(symbol, session)[0]

    def _make(self, symbol: str, session: int) -> tuple[SessionBars, float]:
        """Return the bars and the session's whole log return."""
        traits, seed = self._traits(symbol), self.config.seed
        rng = np.random.default_rng((seed, symbol_key(symbol), session))
        n_bars = self.grid.sessions[session].n_minutes
        factor = self._factor(session)
        minute_sd = traits.noise_bps * BPS * day_shape(n_bars, 1.2, 0.3)
        state = _ar1(rng.standard_normal(n_bars + 1), SIGNAL_HALF_LIFE)
        if not traits.signal or self.config.signal_strength == 0:
            state = np.zeros(n_bars)
        noise = minute_sd * _tails(rng, n_bars)
        drift = self.config.signal_strength * BPS * state
        returns = traits.beta * factor.returns + noise + drift
        log_close = np.cumsum(returns)
        level = self._log_open(symbol, session)
        sd = np.hypot(minute_sd, traits.beta * factor.minute_sd)
        prices = _prices(rng, level, level + log_close, sd)
        traded = rng.random(n_bars) >= traits.quiet
        volume = np.where(traded, _volume(rng, traits, state, returns), 0.0)
        columns = [np.where(traded, x, np.nan) for x in (*prices, _vwap(rng, prices, state))]
        open_, high, low, close, vwap = (_frozen(x) for x in columns)
        bars = SessionBars(open_, high, low, close, _frozen(volume), vwap, traded)
        return bars, float(log_close[-1])

    def _log_open(self, symbol: str, session: int) -> float:
        """Log price at which a session opens: the close before, a gap, and a pull to the symbol's own level."""
        traits = self._traits(symbol)
        home = float(np.log(traits.price))
        opens = self._log_opens.setdefault(symbol, [home])
        while len(opens) <= session:
            before = len(opens) - 1
            close = opens[before] + self._session(symbol, before)[1]
            rng = np.random.default_rng((self.config.seed, symbol_key(symbol), before, 1))
            own = traits.noise_bps * BPS * OVERNIGHT * float(rng.standard_normal())
            gap = traits.beta * self._factor(before + 1).gap + own
            opens.append(close + gap - LEVEL_REVERSION * (close - home))
        return opens[session]

    def _factor(self, session: int) -> "_Factor":
        """Return the market factor of a session; its volatility remembers the sessions before."""
        while len(self._factors) <= session:
            self._factors.append(self._make_factor(len(self._factors)))
        return self._factors[session]

    def _make_factor(self, session: int) -> "_Factor":
        rng = np.random.default_rng((self.config.seed, symbol_key(""), session))
        n_bars = self.grid.sessions[session].n_minutes
        news, overnight = (float(x) for x in rng.standard_normal(2))
        memory = 0.8 * self._factors[-1].log_volatility + 0.24 * news if session else 0.4 * news
        wave = 0.25 * _ar1(rng.standard_normal(n_bars + 1), VOLATILITY_HALF_LIFE)
        minute_sd = FACTOR_BPS * BPS * day_shape(n_bars, 0.8, 0.4) * np.exp(memory + wave)
        gap = FACTOR_BPS * BPS * OVERNIGHT * float(np.exp(memory)) * overnight
        return _Factor(minute_sd * _tails(rng, n_bars), minute_sd, gap, memory)


@dataclass(frozen=True)
class _Factor:
    """One session of the market factor: log returns and their standard deviation `[slot]`, gap before it."""

    returns: Float64
    minute_sd: Float64
    gap: float
    log_volatility: float


@lru_cache(maxsize=64)
def day_shape(n_bars: int, at_open: float, at_close: float) -> Float64:
    """Return a U over the session `[slot]` with a mean square of 1: high at the open, higher again at the close."""
    slot = np.arange(n_bars)
    shape = 1.0 + at_open * np.exp(-slot / 20.0) + at_close * np.exp(-(n_bars - 1 - slot) / 25.0)
    return _frozen(shape / np.sqrt(np.mean(shape * shape)))


@lru_cache(maxsize=16)
def _powers(half_life: float, n: int) -> Float64:
    return 0.5 ** (np.arange(1, n + 1) / half_life)


def _ar1(shocks: Float64, half_life: float) -> Float64:
    """Return a stationary AR(1) of unit variance `[n]` from n + 1 standard normal shocks; the first is its start."""
    powers = _powers(half_life, len(shocks) - 1)
    scale = np.sqrt(1.0 - powers[0] ** 2)
    out: Float64 = powers * (shocks[0] + scale * np.cumsum(shocks[1:] / powers))
    return out


def _tails(rng: np.random.Generator, n: int) -> Float64:
    """Return Student-t noise of unit variance `[n]`."""
    return rng.standard_t(TAIL_DF, n) * float(np.sqrt((TAIL_DF - 2) / TAIL_DF))


def _prices(
    rng: np.random.Generator, log_open: float, log_close: Float64, sd: Float64
) -> tuple[Float64, Float64, Float64, Float64]:
    """Draw open, high, low, close around a path; highs and lows are extremes of a Brownian bridge (Siegmund 1985)."""
    n = len(log_close)
    before = np.concatenate([[log_open], log_close[:-1]])
    first = before + 0.08 * sd * rng.standard_normal(n)
    move, middle = log_close - first, 0.5 * (first + log_close)
    reach = 0.5 * np.sqrt(move * move - 2.0 * (0.8 * sd) ** 2 * np.log1p(-rng.random((2, n))))
    open_, close = _cents(np.exp(first)), _cents(np.exp(log_close))
    high = np.maximum(_cents(np.exp(middle + reach[0])), np.maximum(open_, close))
    low = np.minimum(_cents(np.exp(middle - reach[1])), np.minimum(open_, close))
    return open_, high, low, close


def _volume(rng: np.random.Generator, traits: Traits, state: Float64, returns: Float64) -> Float64:
    """Draw shares traded `[slot]`: the day's U, the footprint of the planted state, and a few thin minutes."""
    n = len(state)
    shape = day_shape(n, 1.5, 1.2)
    base = traits.volume / FULL_SESSION * shape / np.mean(shape)
    day, minute = 0.2 * float(rng.standard_normal()), 0.45 * rng.standard_normal(n)
    footprint = FOOTPRINT_SIZE * np.abs(state) + FOOTPRINT_SIDE * state * np.sign(returns)
    usual = 0.12 + (FOOTPRINT_MEAN if state.any() else 0.0)
    volume = base * np.exp(day + minute + footprint - usual)
    thin = rng.random(n) < traits.quiet
    out: Float64 = np.maximum(np.rint(np.where(thin, volume * 0.01, volume)), 1.0)
    return out


def _vwap(rng: np.random.Generator, prices: tuple[Float64, ...], state: Float64) -> Float64:
    """Lay the VWAP inside each bar, leaning the way of the planted state."""
    open_, high, low, close = prices
    lean = np.clip(0.5 + 0.08 * state + 0.08 * rng.standard_normal(len(state)), 0.05, 0.95)
    vwap = 0.25 * (open_ + close) + 0.5 * (low + lean * (high - low))
    out: Float64 = np.rint(vwap * 1e4) / 1e4
    return out


def _frozen(array: Float64) -> Float64:
    array.flags.writeable = False
    return array


def _cents(price: Float64) -> Float64:
    out: Float64 = np.rint(price * 100.0) / 100.0
    return out
