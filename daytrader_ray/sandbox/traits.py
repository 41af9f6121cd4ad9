"""What kind of instrument a symbol is in the synthetic market: drawn once from (seed, symbol)."""

import re
import zlib
from dataclasses import dataclass

import numpy as np

KNOWN_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,5}(\.[A-Z])?")
"""Every symbol of this form is listed on the loopback exchange."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Fixed properties of one instrument.

    `price` USD level it returns to, `volume` shares a full session, `beta` to the market factor, `noise_bps` own
    standard deviation of one minute, `quiet` share of minutes without a trade (and of thin ones), `signal` whether
    the planted signal drives it (stocks only).
    """

    price: float
    volume: float
    beta: float
    noise_bps: float
    quiet: float
    signal: bool
    name: str


def _etf(price: float, volume: float, beta: float, noise_bps: float, name: str) -> Traits:
    return Traits(price, volume, beta, noise_bps, quiet=0.001, signal=False, name=name)


_ETFS = {
    "SPY": _etf(420.0, 60e6, 1.0, 0.4, "Synthetic Market Trust"),
    "QQQ": _etf(360.0, 45e6, 1.2, 1.2, "Synthetic Growth Trust"),
    "TLT": _etf(92.0, 30e6, -0.25, 2.6, "Synthetic Long Bond Fund"),
    "GLD": _etf(210.0, 12e6, 0.05, 3.0, "Synthetic Gold Shares"),
}


def symbol_key(symbol: str) -> int:
    """Return the number that stands for `symbol` in every seed."""
    return zlib.crc32(symbol.encode())


def traits_of(seed: int, symbol: str) -> Traits:
    """Return the traits of `symbol`: the four broad ETFs are fixed, XL* are sector ETFs, all others are stocks."""
    if symbol in _ETFS:
        return _ETFS[symbol]
    rng = np.random.default_rng((seed, symbol_key(symbol)))
    level, size, beta, noise = (float(u) for u in rng.uniform(size=4))
    if re.fullmatch(r"XL[A-Z]{1,2}", symbol):
        return _etf(50.0 + 80.0 * level, 8e6 + 12e6 * size, 0.7 + 0.5 * beta, 1.8, f"Synthetic Sector Fund {symbol}")
    return Traits(
        price=40.0 * 6.0**level,
        volume=6e6 * 8.0**size,
        beta=0.7 + 0.9 * beta,
        noise_bps=6.0 + 5.0 * noise,
        quiet=0.004 + 0.016 * (1.0 - size),
        signal=True,
        name=f"Synthetic {symbol} Corporation",
    )
