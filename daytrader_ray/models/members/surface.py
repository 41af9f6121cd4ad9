"""What every member can do, and the one way in which scores are computed."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.trading import WINDOW_ROWS
from daytrader_ray.models.dataset import Dataset

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BLOCK_ROWS = 64
"""Rows are scored in blocks of this many: frameworks give other bits for other batch sizes."""

SCORE_STEPS = 65536.0
"""Scores are rounded to multiples of 1 / SCORE_STEPS."""


class Fitted(Protocol):
    """A member that has been fitted; it cannot change any more."""

    def predict(self, windows: Float32) -> Float64:
        """Score `windows` `[n, WINDOW_ROWS, feature]`: P(+1) - P(-1) `[n]`, equal bits for any n and order."""
        ...

    def save(self, folder: Path) -> None:
        """Write the member into an existing empty folder: safetensors, JSON or UBJ, never a pickle."""
        ...


class Member(Protocol):
    """One kind of model with its configuration."""

    @property
    def name(self) -> str:
        """Name as in `domain.trading.MEMBERS`."""
        ...

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> Fitted:
        """Fit on `dataset`, in one thread; `validation` (A) decides when to stop and may be empty."""
        ...


def score_in_blocks(windows: Float32, score_block: Callable[[Float32], npt.NDArray[np.floating]]) -> Float64:
    """Score `windows` `[n, WINDOW_ROWS, feature]` in blocks of BLOCK_ROWS rows; zeros pad the last one.

    The scores `[n]` are rounded and lie in [-1, 1].
    """
    n = len(windows)
    scores = np.empty(n)
    block = np.zeros((BLOCK_ROWS, WINDOW_ROWS, windows.shape[2]), dtype=np.float32)
    for start in range(0, n, BLOCK_ROWS):
        size = min(BLOCK_ROWS, n - start)
        block[:size] = windows[start : start + size]
        block[size:] = 0.0
        scores[start : start + size] = score_block(block)[:size]
    return np.clip(np.rint(scores * SCORE_STEPS) / SCORE_STEPS, -1.0, 1.0)
