"""Problems for the optimisers' tests: stocks that share factors, made from a generator."""

import numpy as np

from daytrader_ray.portfolio.limits import Limits


def returns(rng: np.random.Generator, n: int, rows: int = 600) -> np.ndarray:
    """Return `[row, stock]` of a market and its own noise, with means that differ in sign."""
    market = rng.normal(0, 1e-3, (rows, 1)) * rng.uniform(0.4, 2.0, n)
    return market + rng.normal(0, 1, (rows, n)) * rng.uniform(8e-4, 3e-3, n) + rng.normal(0, 2e-4, n)


def limits(n: int, n_sectors: int = 4, cap: float = 0.05, leverage: float = 2.0, max_sector: float = 0.25) -> Limits:
    """Return limits of `n` stocks spread over sectors, without exposures."""
    return Limits(cap, max_sector, leverage, np.arange(n) % n_sectors, np.empty((0, n)))
