"""How one session of one instrument is drawn: prices around a path, volume with its footprint, VWAP."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.sandbox.factors import FULL_SESSION, day_shape, frozen
from daytrader_ray.sandbox.source import SessionBars
from daytrader_ray.sandbox.traits import Traits

Float64 = npt.NDArray[np.float64]

FOOTPRINT_SIZE = 0.25
"""Log volume for each standard deviation of |z|."""
FOOTPRINT_SIDE = 0.6
"""Log volume for each standard deviation of z in a minute that moves its way (less in one that does not)."""
FOOTPRINT_MEAN = 0.42
"""Log of the mean of the whole footprint, taken off so that a stock trades its usual volume."""
LEAST_VOLUME = 50.0
"""Shares of the thinnest minute: enough for trades that make its four prices and its VWAP."""


def prices(
    rng: np.random.Generator, log_open: float, log_close: Float64, sd: Float64
) -> tuple[Float64, Float64, Float64, Float64]:
    """Draw open, high, low, close around a path; highs and lows are extremes of a Brownian bridge (Siegmund 1985)."""
    n = len(log_close)
    before = np.concatenate([[log_open], log_close[:-1]])
    first = before + 0.08 * sd * rng.standard_normal(n)
    move, middle = log_close - first, 0.5 * (first + log_close)
    reach = 0.5 * np.sqrt(move * move - 2.0 * (0.8 * sd) ** 2 * np.log1p(-rng.random((2, n))))
    open_, close = cents(np.exp(first)), cents(np.exp(log_close))
    high = np.maximum(cents(np.exp(middle + reach[0])), np.maximum(open_, close))
    low = np.minimum(cents(np.exp(middle - reach[1])), np.minimum(open_, close))
    return open_, high, low, close


def volume(rng: np.random.Generator, traits: Traits, shares: float, state: Float64, returns: Float64) -> Float64:
    """Draw shares traded `[slot]`: the day's U, the footprint of the planted state, and a few thin minutes.

    `shares` is how many of today's make one of the first day's.
    """
    n = len(state)
    shape = day_shape(n, 1.5, 1.2)
    base = traits.volume * shares / FULL_SESSION * shape / np.mean(shape)
    day, minute = 0.2 * float(rng.standard_normal()), 0.45 * rng.standard_normal(n)
    footprint = FOOTPRINT_SIZE * np.abs(state) + FOOTPRINT_SIDE * state * np.sign(returns)
    usual = 0.12 + (FOOTPRINT_MEAN if state.any() else 0.0)
    drawn = base * np.exp(day + minute + footprint - usual)
    thin = rng.random(n) < traits.quiet
    return np.where(thin, drawn * 0.01, drawn)


def vwap(rng: np.random.Generator, bar: tuple[Float64, ...], state: Float64) -> Float64:
    """Lay the VWAP inside each bar (open, high, low, close), leaning the way of the planted state."""
    open_, high, low, close = bar
    lean = np.clip(0.5 + 0.08 * state + 0.08 * rng.standard_normal(len(state)), 0.05, 0.95)
    middle = 0.25 * (open_ + close) + 0.5 * (low + lean * (high - low))
    out: Float64 = np.rint(middle * 1e4) / 1e4
    return out


def cents(price: Float64) -> Float64:
    """Round to whole cents."""
    out: Float64 = np.rint(price * 100.0) / 100.0
    return out


def masked(
    made: tuple[Float64, Float64, Float64, Float64], shares: Float64, mean: Float64, traded: npt.NDArray[np.bool_]
) -> SessionBars:
    """Return bars with NaN prices where nothing traded; all arrays are read-only."""
    open_, high, low, close, middle = (frozen(np.where(traded, x, np.nan)) for x in (*made, mean))
    return SessionBars(open_, high, low, close, frozen(shares), middle, traded)


def untraded(n_bars: int) -> SessionBars:
    """Return a session without a trade."""
    gone = np.full(n_bars, np.nan)
    return masked((gone, gone, gone, gone), np.zeros(n_bars), gone, np.zeros(n_bars, dtype=np.bool_))


def incomplete(bars: SessionBars, slot: int) -> SessionBars:
    """Return bar `slot` of `bars` as a session `[1]` in which a tenth of the volume and half the wicks are missing."""
    one = slice(slot, slot + 1)
    open_, close = bars.open[one], bars.close[one]
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    high, low = cents(top + 0.5 * (bars.high[one] - top)), cents(bottom - 0.5 * (bottom - bars.low[one]))
    shares = np.floor(0.9 * bars.volume[one])
    return SessionBars(open_, high, low, close, shares, np.clip(bars.vwap[one], low, high), bars.traded[one])
