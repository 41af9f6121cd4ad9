"""Rounding that binary and decimal arithmetic agree on."""

import numpy as np

from daytrader_ray.domain.jit import njit

TIE = 1e-6


@njit
def round_half_even(value: float, unit: float) -> float:
    """Round `value` to multiples of `1 / unit`; within 1e-6 of a tie the even neighbour wins.

    The tolerance lets binary and decimal arithmetic agree on what a tie is.
    """
    scaled = value * unit
    low = np.floor(scaled)
    if abs(scaled - low - 0.5) < TIE:
        return float((low if low % 2.0 == 0.0 else low + 1.0) / unit)
    return float(np.floor(scaled + 0.5) / unit)
