"""What the tree members see of a window: its last row and its mean, on request turned onto principal components."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import Field
from safetensors.numpy import load_file, save_file

from daytrader_ray.domain.jit import njit
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.surface import Float32, Float64, MemberConfig


class TabularConfig(MemberConfig):
    """What members that see a row a window share."""

    pca_variance: float | None = Field(
        default=None, gt=0, le=1, description="share of the variance that principal components keep; empty: no PCA"
    )


@njit
def tabular(windows: Float32) -> Float32:
    """Return the last row of each window and its mean over the window `[n, 2 * feature]`."""
    n, n_rows, n_features = windows.shape
    out = np.zeros((n, 2 * n_features), dtype=np.float32)
    for i in range(n):
        mean = out[i, n_features:]
        for row in range(n_rows):
            for k in range(n_features):
                mean[k] += windows[i, row, k]
        for k in range(n_features):
            mean[k] /= np.float32(n_rows)
            out[i, k] = windows[i, n_rows - 1, k]
    return out


@dataclass(frozen=True)
class Inputs:
    """How windows become rows: `components` `[2 * feature, component]` turns them, None leaves them as they are."""

    components: Float64 | None = None

    @classmethod
    def fit(cls, dataset: Dataset, config: TabularConfig) -> Self:
        """Find the fewest principal components that keep `pca_variance` of the samples' variance, largest first."""
        if config.pca_variance is None:
            return cls()
        rows = tabular(dataset.windows).astype(np.float64)
        rows -= rows.mean(axis=0)
        variance, axes = np.linalg.eigh(rows.T @ rows)
        variance, axes = np.maximum(variance[::-1], 0.0), axes[:, ::-1]
        share = np.cumsum(variance) / max(variance.sum(), np.finfo(float).tiny)
        n = min(int(np.searchsorted(share, config.pca_variance - 1e-12)) + 1, len(variance))
        largest = axes[np.abs(axes).argmax(axis=0), np.arange(len(variance))]
        return cls(np.ascontiguousarray((axes * np.where(largest < 0, -1.0, 1.0))[:, :n]))

    def rows(self, windows: Float32) -> Float32:
        """Return what the trees see of `windows` `[n, WINDOW_ROWS, feature]`, a row each."""
        rows = tabular(windows)
        return rows if self.components is None else turned(rows, self.components)

    def by_feature(self, gain: Float64) -> Float64:
        """Return what the inputs of a feature have together [feature]; components share theirs by squared loadings."""
        of_column = gain if self.components is None else np.square(self.components) @ gain
        return np.asarray(of_column.reshape(2, -1).sum(axis=0))

    def save(self, folder: Path) -> None:
        """Write the components, where there are any, into the member's folder."""
        if self.components is not None:
            save_file({"components": self.components}, _file(folder))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(load_file(_file(folder))["components"] if _file(folder).is_file() else None)


@njit
def turned(rows: Float32, components: Float64) -> Float32:
    """Multiply row by row in one fixed order: the same bits for any number of rows and any library."""
    out = np.empty((len(rows), components.shape[1]), dtype=np.float32)
    total = np.empty(components.shape[1])
    for i in range(len(rows)):
        total[:] = 0.0
        for k in range(rows.shape[1]):
            for j in range(components.shape[1]):
                total[j] += rows[i, k] * components[k, j]
        out[i] = total
    return out


def _file(folder: Path) -> Path:
    return folder / "components.safetensors"
