"""How far a figure could be off by luck: the stationary bootstrap of sessions (Politis & Romano 1994)."""

import math

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

FEWEST_SESSIONS = 10
"""Fewer sessions than this give no interval: they cannot show what they might have been."""


def block_length(values: Float64) -> float:
    """Return the mean block length for a series `[T]`, at least 1 (Politis & White 2004, corrected 2009).

    The rule of thumb of its flat-top lag window; 1 for a series without variation.
    """
    n = len(values)
    centred = values - values.mean()
    if n < FEWEST_SESSIONS or not centred.any():
        return 1.0
    fewest = max(5, int(math.log10(n)))
    longest = min(math.ceil(math.sqrt(n)) + fewest, n - 1)
    covariance = np.array([centred[k:] @ centred[: n - k] for k in range(longest + 1)]) / n
    small = np.abs(covariance[1:] / covariance[0]) < 2.0 * math.sqrt(math.log10(n) / n)
    quiet = [m for m in range(len(small) - fewest + 1) if small[m : m + fewest].all()]
    lags = np.arange(1, min(2 * max(quiet[0], 1) if quiet else longest, longest) + 1)
    window = 2.0 * np.minimum(0.5, 1.0 - lags / lags[-1]) if len(lags) > 1 else np.ones(1)
    moved = 2.0 * float((window * lags * covariance[lags]).sum())
    spectrum = float(covariance[0] + 2.0 * (window * covariance[lags]).sum())
    if not spectrum > 0:
        return 1.0
    best = (moved**2 / spectrum**2 * n) ** (1.0 / 3.0)
    return float(np.clip(best, 1.0, math.ceil(min(3.0 * math.sqrt(n), n / 3.0))))


def resampled(n: int, n_samples: int, length: float, rng: np.random.Generator) -> Int64:
    """Return numbers of sessions `[sample, n]`: blocks of geometric length, mean `length`, that wrap around."""
    begins = rng.random((n_samples, n)) < 1.0 / length
    begins[:, 0] = True
    starts = np.flatnonzero(begins)
    first = rng.integers(0, n, (n_samples, n)).ravel()[starts]
    lengths = np.diff(starts, append=begins.size)
    found: Int64 = np.repeat(first - starts, lengths)
    found += np.arange(begins.size)
    found[found >= n] -= n
    return found.reshape(n_samples, n)


def counted(chosen: Int64) -> Float64:
    """Return how often each of `n` sessions is in each sample `[sample, n]`: sums of samples are products with it."""
    n_samples, n = chosen.shape
    places = (chosen + np.arange(n_samples)[:, None] * n).ravel()
    return np.bincount(places, minlength=n_samples * n).reshape(n_samples, n).astype(np.float64)


def interval(samples: Float64, level: float = 0.95) -> tuple[float, float]:
    """Return the central interval of `samples`, without those that could not be computed; NaN if most could not."""
    known = samples[np.isfinite(samples)]
    if 2 * len(known) <= len(samples):
        return math.nan, math.nan
    low, high = np.quantile(known, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return float(low), float(high)
