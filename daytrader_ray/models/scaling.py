"""Which features the members see, and on what scale; both are fitted on training rows only."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.selection import Selection

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
        scaled = values.astype(np.float64)
        scaled -= self.mean  # in place: new memory costs more than the arithmetic
        scaled /= self.std
        return np.clip(scaled, -LIMIT, LIMIT, out=scaled).astype(np.float32)


@dataclass(frozen=True)
class View:
    """How a window's members see the market: what became of each feature, and the scale of those kept."""

    selection: Selection
    scaler: Scaler

    @cached_property
    def features(self) -> Int64:
        """Columns of the kept features, increasing."""
        return self.selection.kept

    def scaled(self, values: Float32) -> Float32:
        """Return the kept features of `values` `[row, feature]`, scaled; NaN stays NaN."""
        return self.scaler.transform(values[:, self.features])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, exact to the bit."""
        scaler = {"mean": self.scaler.mean.tolist(), "std": self.scaler.std.tolist()}
        return {"selection": self.selection.as_list(), **scaler}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave."""
        mean, std = (np.array(values[name], dtype=np.float64) for name in ("mean", "std"))
        return cls(Selection.from_list(values["selection"]), Scaler(mean, std))
