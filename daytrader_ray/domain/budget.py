"""What the portfolio's slow loop and validation tell the kernel: caps, hedges, and what an edge is worth."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

SIZING_STEPS = (
    "signal", "threshold", "cap", "fraction", "kelly", "regime_scale", "event_scale", "wish_usd", "room_sector_usd",
    "room_gross_usd", "room_net_usd", "room_beta_usd", "room_power_usd", "room_volume_shares", "bound",
)  # fmt: skip
"""What the kernel notes of each entry; `bound` is the number in ROOMS of the smallest one, -1 the wish."""

ROOMS = tuple(name for name in SIZING_STEPS if name.startswith("room_"))
"""What limits an entry's size."""


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


@dataclass(frozen=True)
class Budgets:
    """The budgets of a backtest: `at` `[row]`, counted from its first session, says which of `items` is in force."""

    at: Int64
    items: tuple[Budget, ...]


class Sizing(NamedTuple):
    """What trades on signals of like strength earned on validation (Kelly), as factors of their size.

    `edges` `[bucket]` smallest |signal| of each bucket, ascending; `weight` `[bucket]` in [0, 1]; below the first edge
    it is 0. `fraction` of the full Kelly bet, in [0.25, 0.5], before any drawdown.
    """

    edges: Float64
    weight: Float64
    fraction: float


CONFIDENCE = Sizing(np.zeros(1), np.ones(1), 0.5)
"""Size by |signal| alone."""
