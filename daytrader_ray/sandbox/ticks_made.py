"""Quotes and trades inside one minute of the synthetic market: made from its bar, and making exactly that bar."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.sessions import NS_PER_MINUTE
from daytrader_ray.sandbox.source import Quotes, Trades
from daytrader_ray.sandbox.traits import Traits

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

MAX_QUOTES = 400
LOT = 100.0
LIQUID_SPREAD_BPS, LIQUID_USD = 0.5, 25e9
"""The spread at this many USD traded a day; it grows with the square root of what is missing."""


@dataclass(frozen=True, slots=True)
class Minute:
    """One bar that traded, and where it starts (epoch ns)."""

    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float


def trades_of(rng: np.random.Generator, bar: Minute) -> Trades:
    """Draw the trades of a minute: one for about 100 shares.

    The first is the open, the last the close, one is the high and one the low; their sizes sum to the volume and
    their mean price, by size, rounds to the VWAP. Prices between may lie inside a cent, as trades at a midpoint do.
    """
    n = int(bar.volume) // 100 + 5
    stamps = bar.start_ns + np.sort(rng.integers(0, NS_PER_MINUTE, n))
    price, size = np.empty(n), np.empty(n)
    corners = np.array([0, *np.sort(rng.choice(np.arange(1, n - 1), 2, replace=False)), n - 1])
    first_high = rng.random() < 0.5
    turns = (bar.high, bar.low) if first_high else (bar.low, bar.high)
    anchor = max(1.0, min(LOT, bar.volume // 50))
    inner = np.ones(n, dtype=np.bool_)
    inner[corners] = False
    size[corners] = anchor
    size[inner] = _sizes(rng, n - 4, bar.volume - 4 * anchor)
    price[corners] = [bar.open, *turns, bar.close]
    path = np.interp(np.flatnonzero(inner), corners, price[corners])
    wanted = bar.vwap * bar.volume - float(price[corners] @ size[corners])
    price[inner] = _towards(path, size[inner], wanted, bar)
    return Trades(stamps, price, size)


def _sizes(rng: np.random.Generator, n: int, total: float) -> Float64:
    """Split `total` shares into `n` whole sizes of at least 1; what rounding leaves goes to the first."""
    weights = rng.exponential(size=n)
    sizes: Float64 = 1.0 + np.floor((total - n) * weights / weights.sum())
    sizes[0] += total - sizes.sum()
    return sizes


def _towards(path: Float64, size: Float64, wanted: float, bar: Minute) -> Float64:
    """Move prices towards the high or the low until their value (price times size) is `wanted`."""
    have, shares = float(path @ size), float(size.sum())
    bound = bar.high if wanted > have else bar.low
    room = bound * shares - have
    share = np.clip((wanted - have) / room, 0.0, 1.0) if room else 0.0
    out: Float64 = np.rint((path + share * (bound - path)) * 1e4) / 1e4
    return np.clip(out, bar.low, bar.high)


def quotes_of(rng: np.random.Generator, bar: Minute, spread: float, usual_size: float, lean: float) -> Quotes:
    """Draw the best bid and offer over a minute around the path from open over high and low to close.

    `spread` USD is rounded up to whole cents and never crossed or locked; `usual_size` shares at each side, in lots of
    100; `lean` is the log of how many times more is bid than offered, and of how it adds up.
    """
    n = int(min(MAX_QUOTES, 10 + bar.volume // 200))
    at = np.sort(rng.integers(0, NS_PER_MINUTE, n))
    at[0] = 0
    turn = float(rng.uniform(0.2, 0.5))
    first_high = rng.random() < 0.5
    turns = (bar.high, bar.low) if first_high else (bar.low, bar.high)
    knots = np.array([0.0, turn, 1.0 - turn, 1.0]) * NS_PER_MINUTE
    middle = np.interp(at, knots, [bar.open, *turns, bar.close])
    half = 0.5 * spread * np.exp(0.3 * rng.standard_normal(n))
    bid = np.maximum(np.floor((middle - half) * 100.0 + 1e-9) / 100.0, 0.01)
    ask = np.maximum(np.ceil((middle + half) * 100.0 - 1e-9) / 100.0, bid + 0.01)
    noise = 0.5 * rng.standard_normal((2, n))
    sizes = [np.maximum(np.rint(usual_size * np.exp(s) / LOT), 1.0) * LOT for s in (noise[0] + lean, noise[1] - lean)]
    return Quotes(bar.start_ns + at, bid, np.rint(ask * 100.0) / 100.0, sizes[0], sizes[1])


def spread_bps(traits: Traits) -> float:
    """Return the usual spread in bps of the price, by USD traded a day (which splits do not change)."""
    return LIQUID_SPREAD_BPS * float(np.sqrt(max(LIQUID_USD / (traits.volume * traits.price), 1.0)))


def no_quotes() -> Quotes:
    """Return the quotes of a minute without any."""
    return Quotes(np.zeros(0, dtype=np.int64), *(np.zeros(0) for _ in range(4)))


def no_trades() -> Trades:
    """Return the trades of a minute without any."""
    return Trades(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
