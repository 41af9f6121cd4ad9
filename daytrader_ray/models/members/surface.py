"""What every member can do, and the one way in which scores are computed."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.trading import WINDOW_ROWS
from daytrader_ray.models.dataset import Dataset

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BLOCK_ROWS = 64
"""Rows are scored in blocks of this many: frameworks give other bits for other batch sizes."""

SCORE_STEPS = 65536.0
"""Scores are rounded to multiples of 1 / SCORE_STEPS."""


class Fitted(Protocol):
    """A member that has been fitted; it cannot change any more. Others hold it as `calibration.Calibrated`."""

    def score(self, block: Float32) -> npt.NDArray[np.floating]:
        """Return P(+1) - P(-1) `[BLOCK_ROWS]` of windows `[BLOCK_ROWS, WINDOW_ROWS, feature]`, in one thread.

        Neither rounded nor calibrated; equal bits for a window wherever it stands in the block and whatever the others.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the member into an existing empty folder: safetensors, JSON or UBJ, never a pickle."""
        ...


class MemberConfig(Config):
    """What the options of all members share."""

    max_samples: int = Field(default=50_000, ge=1, description="most samples drawn to train on")


class Member(Protocol):
    """One kind of model with its configuration."""

    @property
    def config(self) -> MemberConfig:
        """Its options, resolved."""
        ...

    @property
    def name(self) -> str:
        """Name as in `domain.trading.SCORERS`."""
        ...

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> Fitted:
        """Fit on `dataset`, in one thread; `validation` (A) decides when to stop and may be empty."""
        ...

    @staticmethod
    def load(folder: Path) -> Fitted:
        """Read what `Fitted.save` wrote."""
        ...


@runtime_checkable
class Stopping(Protocol):
    """A member that stops early, on validation; one that does not is fitted again just as it is."""

    def as_long_as(self, fitted: Fitted, start: Fitted | None) -> Member:
        """Return the member that stops by itself where `fitted`, which began at `start`, was stopped."""
        ...


@runtime_checkable
class Continuing(Protocol):
    """A member that can begin where another fit of it, on the same features, ended."""

    def fit_from(self, start: Fitted | None, dataset: Dataset, validation: Dataset, seed: int) -> Fitted:
        """See `Member.fit`; None begins anew."""
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
