"""The two array forms of one symbol's bars: as a vendor sent them, and as the panel reads them."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Float64
from daytrader_ray.domain.sessions import Int64

NO_STAMP = np.iinfo(np.int64).min
"""Stands for a stamp that is missing (what numpy calls NaT)."""


@dataclass(frozen=True)
class CleanInput:
    """Bars of one symbol as they came, in any order, all arrays `[n]`.

    `stamp_us` is the START of each bar in microseconds since 1970-01-01 UTC (`NO_STAMP` where missing); prices USD,
    `volume` shares; `vwap` NaN where the vendor gives none.
    """

    stamp_us: Int64
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    vwap: Float64


@dataclass(frozen=True)
class SymbolBars:
    """Accepted bars of one symbol, ascending and unique in time, all arrays `[n]`.

    `minute` is the START of each bar in minutes since 1970-01-01 UTC. A bar with volume 0 is a price without a
    trade. `vwap` is NaN where unknown.
    """

    minute: Int64
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    vwap: Float64

    def take(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Self:
        """Return the bars at `which` (indices or a mask)."""
        return type(self)(*(getattr(self, field.name)[which] for field in fields(self)))
