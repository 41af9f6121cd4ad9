"""Is the best of many better than a benchmark by more than luck? Superior predictive ability (Hansen 2005)."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import toeplitz

from daytrader_ray.analytics.bootstrap import FEWEST_SESSIONS, block_length, counted, resampled
from daytrader_ray.analytics.measure import N_SAMPLES

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spa:
    """p-values of "no series has a positive mean"; NaN where nothing can be tested.

    `p` is Hansen's consistent one between `lower` and `upper`, `reality_check` White's (2000): not studentised, every
    series centred. `block` is the mean length of a block of the bootstrap in days.
    """

    p: float
    lower: float
    upper: float
    reality_check: float
    block: float


def spa(excess: Float64, seed: int, n: int = N_SAMPLES) -> Spa:
    """Test daily returns over a benchmark's `[T, K]` by `n` samples of the stationary bootstrap.

    The statistic is the largest studentised mean, or 0 where none is positive (then p = 1). Series without variation
    cannot be tested and are left out; fewer than 10 days or no series give NaN. A p-value counts the data among the
    samples, so that none is 0. The block is the median of what the series ask for (Politis & White 2004), whole
    days.
    """
    varied = excess[:, np.ptp(excess, axis=0) > 0]
    n_days, n_series = varied.shape
    if n_days < FEWEST_SESSIONS or not n_series:
        return Spa(*(math.nan,) * 5)
    block = float(np.round(np.median([block_length(series) for series in varied.T])))
    mean, error = varied.mean(axis=0), deviations(varied, block) / math.sqrt(n_days)
    sampled = _counts(n_days, n, block, seed) @ varied / n_days

    hopeless = mean < -error * math.sqrt(2.0 * math.log(math.log(n_days)))
    centres = {"p": np.where(hopeless, 0.0, mean), "lower": np.maximum(mean, 0.0), "upper": mean}
    best = max(float((mean / error).max()), 0.0)
    found = {
        name: _share(np.maximum(((sampled - centre) / error).max(axis=1), 0.0), best)
        for name, centre in centres.items()
    }
    return Spa(**found, reality_check=_share((sampled - mean).max(axis=1), float(mean.max())), block=block)


def deviations(series: Float64, block: float) -> Float64:
    """Return the standard deviation of `sqrt(T) mean` of each of `series [T, K]` under the stationary bootstrap.

    Exactly that of infinitely many samples (Politis & Romano 1994, Lemma 1): autocovariances weighted by
    `(1 - i/T) q^i + i/T q^(T - i)`, where a block goes on with probability `q = 1 - 1 / block`.
    """
    n = len(series)
    lag = np.arange(n)
    goes_on = 1.0 - 1.0 / block
    weights = (1.0 - lag / n) * goes_on**lag + lag / n * goes_on ** (n - lag)
    centred = series - series.mean(axis=0)
    return np.asarray(np.sqrt((centred * (toeplitz(weights) @ centred)).sum(axis=0) / n), dtype=np.float64)


@lru_cache(maxsize=4)
def _counts(n_days: int, n: int, block: float, seed: int) -> Float64:
    """Return how often each day is in each sample `[sample, T]`; kept, because every baseline is tested on the same."""
    return counted(resampled(n_days, n, block, np.random.default_rng(seed)))


def _share(samples: Float64, statistic: float) -> float:
    return float((1 + (samples >= statistic).sum()) / (1 + len(samples)))
