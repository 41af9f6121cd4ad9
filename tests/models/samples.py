"""Synthetic windows whose class follows the features, for the tests of the members."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.selection import Choice, Selection
from daytrader_ray.models.dataset import Dataset, symbol_windows

N_FEATURES = 8


def samples(n: int, seed: int, n_features: int = N_FEATURES) -> tuple[Dataset, npt.NDArray[np.float64]]:
    """Return n samples and the drift their labels were drawn from [n]."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((n + 29, n_features)).astype(np.float32)
    _, windows = symbol_windows(values, np.ones(len(values), dtype=np.bool_))
    drift = 0.8 * windows[:, -1, 0].astype(np.float64) - 3.0 * windows[:, :, 1].mean(axis=1)
    outcome = drift + generator.standard_normal(n)
    labels = np.where(outcome > 0.7, 1, np.where(outcome < -0.7, -1, 0)).astype(np.int8)
    names = tuple(f"f{i}" for i in range(n_features))
    return Dataset(windows, labels, generator.uniform(0.5, 1.5, n).astype(np.float32), names), drift


def keeping(names: Collection[str], kept: Collection[str]) -> Selection:
    """Return the selection that kept some of the features."""
    return Selection(
        tuple(Choice(name, 0.01, "" if name in kept else "number 31 by mutual information") for name in names)
    )
