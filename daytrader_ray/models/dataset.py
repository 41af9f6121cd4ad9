"""Windows of features with their labels: what a member is fitted on, and how live makes the same windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.trading import WINDOW_ROWS

Bool = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]

CLASSES = (-1, 0, 1)
"""Labels in the order of a member's class columns."""

JUMBLED = 4
"""Steps of a draw that a place may move before it: every time of day then has the same share of a draw."""


@dataclass(frozen=True)
class Dataset:
    """Training samples.

    `windows` scaled, float32 `[n, WINDOW_ROWS, feature]`; `labels` in {-1, 0, 1} and `weights` `[n]`; `features` names
    the windows' last axis.
    """

    windows: Float32
    labels: Int8
    weights: Float32
    features: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> Int64:
        """Column of each sample's class in `CLASSES` [n]."""
        return self.labels.astype(np.int64) + 1

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Lay the samples of several symbols, at least one, end to end."""
        return cls(
            np.concatenate([part.windows for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.weights for part in parts]),
            parts[0].features,
        )

    def part(self, keep: Int64 | Bool) -> Self:
        """Return some of the samples."""
        return type(self)(self.windows[keep], self.labels[keep], self.weights[keep], self.features)

    def thinned(self, cap: int, seed: int) -> Self:
        """Keep at most `cap` samples, in their order: a `spread_draw`."""
        return self if len(self) <= cap else self.part(spread_draw(len(self), cap, np.random.default_rng(seed)))

    def balanced_weights(self) -> Float64:
        """Sample weights times class weights, mean 1 [n]: every class present weighs the same in total."""
        totals = np.bincount(self.classes, weights=self.weights.astype(np.float64), minlength=len(CLASSES))
        factors = np.divide(1.0, totals, out=np.zeros(len(CLASSES)), where=totals > 0)
        weights = self.weights.astype(np.float64) * factors[self.classes]
        total = weights.sum()
        return weights * (len(self) / total) if total > 0 else np.ones(len(self))


def spread_draw(n: int, cap: int, rng: np.random.Generator) -> Int64:
    """Draw `cap` of `n` places without replacement, increasing, the same share from every stretch of them.

    On samples ordered by symbol and time that is the same share of every symbol and session (systematic sampling,
    Madow & Madow 1944). Places are jumbled with their neighbours first: a fixed step would meet the same times of day.
    """
    step = n / cap
    order = np.argsort(np.arange(n) + rng.uniform(0.0, JUMBLED * step, n))
    return np.sort(order[np.minimum(((np.arange(cap) + rng.random()) * step).astype(np.int64), n - 1)])


def valid_rows(values: Float32) -> Bool:
    """Return which rows have a value in every feature [row]; `values` `[row, feature]`."""
    return np.asarray(np.isfinite(values).all(axis=1))


def symbol_windows(values: Float32, valid: Bool) -> tuple[Int64, Float32]:
    """Cut one symbol's scaled `values` `[row, feature]` into windows of its last WINDOW_ROWS valid rows.

    Returns the row at which each window ends and a read-only view `[n, WINDOW_ROWS, feature]` (no copy of the overlap).
    Windows run across sessions; a row that is not valid ends no window and is in none.
    """
    rows = np.flatnonzero(valid)[WINDOW_ROWS - 1 :]
    compact = np.ascontiguousarray(values[valid])
    if not len(rows):
        return rows, np.empty((0, WINDOW_ROWS, values.shape[1]), dtype=np.float32)
    view = np.lib.stride_tricks.sliding_window_view(compact, WINDOW_ROWS, axis=0)
    return rows, view.transpose(0, 2, 1)


class LiveWindows:
    """The last WINDOW_ROWS valid rows of every symbol, one minute at a time: the same windows as `symbol_windows`.

    `windows` is float32 `[symbol, WINDOW_ROWS, feature]`, oldest row first.
    """

    def __init__(self, n_symbols: int, n_features: int) -> None:
        self.windows = np.zeros((n_symbols, WINDOW_ROWS, n_features), dtype=np.float32)
        self._count = np.zeros(n_symbols, dtype=np.int64)

    def fill(self, symbol: int, rows: Float32) -> None:
        """Take a symbol's last valid rows `[row, feature]`, scaled and at most WINDOW_ROWS, for all its history."""
        self._count[symbol] = len(rows)
        if len(rows):
            self.windows[symbol, -len(rows) :] = rows

    def step(self, values: Float32) -> Bool:
        """Take the scaled rows of one minute `[symbol, feature]`; return which symbols end a full window here."""
        valid = valid_rows(values)
        self.windows[valid, :-1] = self.windows[valid, 1:]
        self.windows[valid, -1] = values[valid]
        self._count[valid] += 1
        return np.asarray(valid & (self._count >= WINDOW_ROWS))
