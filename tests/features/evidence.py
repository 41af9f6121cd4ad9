"""Labelled rows with planted features, for tests of the selection."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.features.selection import Evidence, Rows
from daytrader_ray.models.judge import held_out_skill

Float64 = npt.NDArray[np.float64]


def classes_of(drift: Float64, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return classes 0 to 2 that follow `drift` with noise."""
    outcome = drift + rng.standard_normal(len(drift))
    return 1 + (outcome > 0.6).astype(np.int64) - (outcome < -0.6).astype(np.int64)


def evidence(values: Float64, drift: Float64, seed: int = 0, n_stocks: int = 4, n_sessions: int = 12) -> Evidence:
    """Return rows of `values` `[n, feature]` in order of stock and session, their classes following `drift` `[n]`."""
    rng = np.random.default_rng(seed)
    n = len(values)
    stock = np.arange(n) * n_stocks // n
    session = np.concatenate([np.arange(k) * n_sessions // k for k in np.bincount(stock, minlength=n_stocks)])
    return Evidence(
        names=tuple(f"f{k}" for k in range(values.shape[1])),
        stocks=tuple(f"S{k}" for k in range(n_stocks)),
        rows=Rows(values.astype(np.float32), classes_of(drift, rng), rng.uniform(0.5, 1.5, n)),
        sessions=session.astype(np.int64),
        symbols=stock.astype(np.int64),
        judge=held_out_skill,
    )


def mixed(n: int = 2400, seed: int = 1) -> Evidence:
    """Return features of every kind: 0 and 1 tell, 2 is 0 again, 3 constant, 4 mostly missing, the rest noise."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, 12))
    drift = 0.8 * values[:, 0] + 0.5 * values[:, 1]
    values[:, 2] = values[:, 0] + 0.05 * rng.standard_normal(n)
    values[:, 3] = 2.0
    values[rng.uniform(size=n) < 0.4, 4] = np.nan
    values[rng.uniform(size=n) < 0.1, 5] = np.nan
    return evidence(values, drift, seed)
