"""Rounding that binary and decimal arithmetic agree on."""

import numpy as np

from daytrader_ray.domain.jit import njit_flat

TIE = 1e-6
WHOLE = 1e-9


@njit_flat
def round_half_even(value: float, unit: float) -> float:
    """Round `value` to multiples of `1 / unit`; within 1e-6 of a tie the even neighbour wins.

    The tolerance lets binary and decimal arithmetic agree on what a tie is.
    """
    scaled = value * unit
    low = np.floor(scaled)
    if abs(scaled - low - 0.5) < TIE:
        return float((low if low % 2.0 == 0.0 else low + 1.0) / unit)
    return float(np.floor(scaled + 0.5) / unit)


@njit_flat
def to_tick(price: float) -> float:
    """Round a price half-even to the exchange's increment: 0.01 USD, below 1 USD 0.0001; never below one of them."""
    unit = 100.0 if price >= 1.0 else 10000.0
    return max(round_half_even(price, unit), 1.0 / unit)


@njit_flat
def whole(shares: float) -> int:
    """Round shares down; what is within 1e-9 below a whole number is that number.

    29 % of 100 shares is 28.999... in binary and must be 29.
    """
    return int(np.floor(shares + WHOLE))
