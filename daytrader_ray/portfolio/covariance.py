"""How returns move together: Ledoit & Wolf over 20 sessions, correlations kept up to date through the day.

The day's covariance is D C D: D the deviations of the shrunk covariance of the sessions before, C its correlations,
updated by the day's own 5-minute returns, exponentially weighted.
"""

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

HALF_LIFE = 78.0
"""Five-minute returns (a session of them) after which a correlation has half its weight."""
LEAST = 150
"""Returns that must be known of a symbol: two sessions of them."""
RIDGE = 1e-8
"""Least eigenvalue of a repaired matrix, of the mean variance."""


def known(returns: Float64) -> Bool:
    """Return of which symbols enough is known `[symbol]`: LEAST returns that vary, in at least half of the rows."""
    there = np.isfinite(returns).sum(axis=0)
    moves = np.nanmax(np.where(np.isfinite(returns), np.abs(returns), 0.0), axis=0, initial=0.0) > 0.0
    return np.asarray((there >= LEAST) & (2 * there >= len(returns)) & moves)


def ledoit_wolf(returns: Float64) -> Float64:
    """Return the covariance `[symbol, symbol]` of `returns` `[row, symbol]`, shrunk towards the mean variance.

    The shrinkage is that of Ledoit & Wolf (2004), with means taken out. An unknown return (NaN) counts as the mean.
    """
    away = _centred(returns)
    n, p = max(len(away), 1), away.shape[1]
    sample = away.T @ away / n
    mean, squares = np.trace(sample) / max(p, 1), away**2
    noise = float((squares.T @ squares / n - sample**2).sum()) / n
    distance = float(((sample - mean * np.eye(p)) ** 2).sum())
    share = min(noise, distance) / distance if distance > 0.0 else 0.0
    return np.asarray((1.0 - share) * sample + share * mean * np.eye(p))


def _centred(returns: Float64) -> Float64:
    there = np.isfinite(returns)
    mean = np.where(there, returns, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.where(there, returns - mean, 0.0)


def correlation_of(covariance: Float64) -> Float64:
    """Return the correlations of a covariance with positive variances."""
    sigma = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(sigma, sigma))


def updated(covariance: Float64, today: Float64) -> Float64:
    """Return `covariance` with its correlations updated by the day's returns so far `[row, symbol]`, oldest first.

    Variances stay. An unknown return tells nothing new (NaN counts as 0).
    """
    sigma = np.sqrt(np.diag(covariance))
    z = np.nan_to_num(today / sigma, nan=0.0)
    decay = 0.5 ** (1.0 / HALF_LIFE)
    weight = (1.0 - decay) * decay ** np.arange(len(z) - 1, -1, -1)
    moments = decay ** len(z) * correlation_of(covariance) + (z * weight[:, None]).T @ z
    return np.asarray(correlation_of(moments) * np.outer(sigma, sigma))


def mean_correlation(covariance: Float64) -> float:
    """Return the mean correlation of two different symbols, 0 with fewer than two."""
    n = len(covariance)
    return float((correlation_of(covariance).sum() - n) / (n * (n - 1))) if n > 1 else 0.0


def repaired(covariance: Float64) -> tuple[Float64, Bool]:
    """Return a positive definite covariance of the symbols that have a variance, and which these are `[symbol]`.

    An unknown correlation is taken as none, one beyond [-1, 1] as its end; where the matrix then is not positive
    definite, its smallest eigenvalues are lifted.
    """
    variance = np.diag(covariance)
    there = np.isfinite(variance) & (variance > 0.0)
    part = covariance[np.ix_(there, there)]
    sigma = np.sqrt(np.diag(part))
    correlation = np.nan_to_num(part / np.outer(sigma, sigma), nan=0.0, posinf=0.0, neginf=0.0)
    correlation = np.clip((correlation + correlation.T) / 2.0, -1.0, 1.0)
    try:
        np.linalg.cholesky(correlation - RIDGE * np.eye(len(correlation)))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(correlation)
        correlation = correlation_of((vectors * np.maximum(values, 2.0 * RIDGE)) @ vectors.T)
    return np.asarray(correlation * np.outer(sigma, sigma)), there
