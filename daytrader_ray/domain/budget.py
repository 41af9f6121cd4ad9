"""What the portfolio's slow loop tells the kernel: a cap for each stock, and the hedges."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


class Budget(NamedTuple):
    """Made of data up to one close, in force from five minutes later until the next one.

    `cap` `[symbol]` most of equity in a stock, a fraction; `gross_scale` factor of the gross limit; `neutral` 1 where
    signals are demeaned by sector; `hedge` number of the symbol that hedges beta (-1: none); `hedge_weight` `[symbol]`
    target of each other hedge instrument, as a signed fraction of equity (0: none; ignored for stocks); `beta`
    `[symbol]` to SPY (NaN: unknown).
    """

    cap: Float64
    gross_scale: float
    neutral: int
    hedge: int
    hedge_weight: Float64
    beta: Float64


def unlimited(n_symbols: int, cap: float) -> Budget:
    """Return the budget of a book without a slow loop: one cap for all stocks, no hedges, unknown betas.

    >>> unlimited(2, 0.05).cap.tolist()
    [0.05, 0.05]
    """
    return Budget(np.full(n_symbols, cap), 1.0, 0, -1, np.zeros(n_symbols), np.full(n_symbols, np.nan))
