"""What every answer must keep, whoever gives it: checked outside the solvers."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

TOLERANCE = 1e-6
"""By how much an answer may miss a limit, in fractions of equity."""


@dataclass(frozen=True)
class Limits:
    """Fractions of equity: `cap` of a stock, `max_sector` of a sector's gross, `leverage` of all gross.

    `sector` `[stock]` are numbers from 0. Each row of `exposures` `[row, stock]` is a sum that must be 0.
    """

    cap: float
    max_sector: float
    leverage: float
    sector: Int64
    exposures: Float64

    @cached_property
    def members(self) -> Float64:
        """Return 1 where a stock is of a sector `[sector, stock]`."""
        n_sectors = int(self.sector.max(initial=-1)) + 1
        return np.asarray(self.sector == np.arange(n_sectors)[:, None], dtype=np.float64)


def exposures(names: Collection[str], sector: Int64, beta: Float64) -> Float64:
    """Return the sums `[row, stock]` that are named: of all weights (net), of betas, of each sector's weights."""
    members = Limits(0.0, 0.0, 0.0, sector, np.empty((0, len(sector)))).members
    rows = {"net": np.ones((1, len(sector))), "beta": beta[None, :], "sector": members}
    return np.vstack([np.empty((0, len(sector))), *(rows[name] for name in names)])


def broken(weights: Float64, limits: Limits) -> str:
    """Return which limit `weights` `[stock]` break, "" for none. Exposures are the scheme's wish and no limit."""
    size = np.abs(weights)
    if not np.isfinite(weights).all():
        return "not finite"
    if size.max(initial=0.0) > limits.cap + TOLERANCE:
        return f"{size.max():.4f} in a stock, at most {limits.cap:.4f}"
    if (gross := (limits.members @ size).max(initial=0.0)) > limits.max_sector + TOLERANCE:
        return f"{gross:.4f} in a sector, at most {limits.max_sector:.4f}"
    if size.sum() > limits.leverage + TOLERANCE:
        return f"{size.sum():.4f} gross, at most {limits.leverage:.4f}"
    return ""


def within(shares: Float64, limits: Limits) -> Float64:
    """Return weights in proportion to `shares` (>= 0, any scale), as large as the leverage, then cut to the limits.

    Shares that are not finite stay so.
    """
    total = shares.sum()
    weights = np.minimum(shares * (limits.leverage / total), limits.cap) if total != 0.0 else np.zeros(len(shares))
    gross = limits.members @ weights
    over = np.maximum(gross / limits.max_sector, 1.0)
    return np.asarray(weights / over[limits.sector])


def caps(weights: Float64, limits: Limits) -> Float64:
    """Return the most of equity in each stock: its share of the leverage, from a quarter of `cap` to `cap`."""
    size = np.abs(weights)
    total = size.sum()
    share = limits.leverage * size / total if total > 0.0 else np.zeros(len(weights))
    return np.asarray(np.clip(share, limits.cap / 4.0, limits.cap))
