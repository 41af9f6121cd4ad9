"""Which features the members see, and on what scale; both are fitted on training rows only."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Values = npt.NDArray[np.floating[Any]]

LIMIT = 5.0
"""Scaled values are clipped to this many standard deviations."""


@dataclass(frozen=True)
class Scaler:
    """Standardisation by `mean` and `std` `[feature]` of the training rows; NaN stays NaN."""

    mean: Float64
    std: Float64

    @classmethod
    def fit(cls, rows: Values) -> Self:
        """Estimate from `rows` `[n, feature]`, ignoring NaN; a feature without spread keeps its unit."""
        rows = rows.astype(np.float64)
        known = np.isfinite(rows)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, rows, 0.0).sum(axis=0) / count
        std = np.sqrt((np.where(known, rows - mean, 0.0) ** 2).sum(axis=0) / count)
        return cls(mean, np.where(std > 0, std, 1.0))

    def transform(self, values: Values) -> Float32:
        """Scale `values` `[..., feature]` to float32 in [-5, 5]."""
        scaled = (values.astype(np.float64) - self.mean) / self.std
        return np.clip(scaled, -LIMIT, LIMIT).astype(np.float32)


def select(rows: Values, max_missing: float = 0.2) -> Int64:
    """Return the features worth keeping of `rows` `[n, feature]`, as increasing indices.

    Dropped: constant ones, and ones that are NaN in more than `max_missing` of the rows.
    """
    known = np.isfinite(rows)
    enough = known.sum(axis=0) >= (1.0 - max_missing) * max(len(rows), 1)
    low = np.where(known, rows, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, rows, -np.inf).max(axis=0, initial=-np.inf)
    return np.flatnonzero(enough & (high > low)).astype(np.int64)
