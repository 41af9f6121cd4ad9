"""What kind of instrument a symbol is in the synthetic market: drawn once from (seed, symbol)."""

import re
import zlib
from dataclasses import dataclass

import numpy as np

from daytrader_ray.sandbox.listing import INDICES, SECTOR_OF, SECTOR_OF_FUND, SECTORS

KNOWN_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,5}(\.[A-Z])?")
"""Every symbol of this form is listed on the loopback exchange."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Fixed properties of one instrument.

    `price` USD level it returns to, `volume` shares a full session, `beta` to the market factor, `noise_bps` own
    standard deviation of one minute (of a stock: with its sector's), `quiet` share of minutes without a trade (and of
    thin ones), `signal` whether the planted signal drives it (stocks only); `kind` CS, ETF or INDEX; `sector` (empty:
    none) and `sector_beta` to its factor.
    """

    price: float
    volume: float
    beta: float
    noise_bps: float
    quiet: float
    signal: bool
    name: str
    kind: str = "CS"
    sector: str = ""
    sector_beta: float = 0.0


def _etf(price: float, volume: float, beta: float, noise_bps: float, name: str, sector: str = "") -> Traits:
    return Traits(price, volume, beta, noise_bps, 0.001, False, name, "ETF", sector, float(bool(sector)))


_FUNDS = {
    "SPY": _etf(420.0, 60e6, 1.0, 0.4, "Synthetic Market Trust"),
    "QQQ": _etf(360.0, 45e6, 1.2, 1.2, "Synthetic Growth Trust"),
    "TLT": _etf(92.0, 30e6, -0.25, 2.6, "Synthetic Long Bond Fund"),
    "GLD": _etf(210.0, 12e6, 0.05, 3.0, "Synthetic Gold Shares"),
    "VIXY": _etf(45.0, 4e6, -3.5, 8.0, "Synthetic Volatility Futures Fund"),
}
FUNDS = (*_FUNDS, *SECTOR_OF_FUND)
"""The named funds."""


def symbol_key(symbol: str) -> int:
    """Return the number that stands for `symbol` in every seed."""
    return zlib.crc32(symbol.encode())


def sector_of(symbol: str) -> str:
    """Return the sector of a stock: the one that names it, else any, by its letters."""
    return SECTOR_OF.get(symbol) or tuple(SECTORS)[symbol_key(symbol) % len(SECTORS)]


def traits_of(seed: int, symbol: str) -> Traits:
    """Return the traits of `symbol`: indices and broad ETFs are fixed, XBI and XL* are sector ETFs, others stocks."""
    if symbol in INDICES:
        return Traits(18.0, 0.0, 0.0, 0.0, 0.0, False, INDICES[symbol], "INDEX")
    if symbol in _FUNDS:
        return _FUNDS[symbol]
    rng = np.random.default_rng((seed, symbol_key(symbol)))
    level, size, beta, noise, sector_beta = (float(u) for u in rng.uniform(size=5))
    if symbol in SECTOR_OF_FUND or re.fullmatch(r"XL[A-Z]{1,2}", symbol):
        sector = SECTOR_OF_FUND.get(symbol) or sector_of(symbol)
        name = f"Synthetic Sector Fund {symbol}"
        return _etf(50.0 + 80.0 * level, 8e6 + 12e6 * size, 0.7 + 0.5 * beta, 1.8, name, sector)
    return Traits(
        price=40.0 * 6.0**level,
        volume=6e6 * 8.0**size,
        beta=0.7 + 0.9 * beta,
        noise_bps=6.0 + 5.0 * noise,
        quiet=0.004 + 0.016 * (1.0 - size),
        signal=True,
        name=f"Synthetic {symbol} Corporation",
        sector=sector_of(symbol),
        sector_beta=0.8 + 0.8 * sector_beta,
    )
