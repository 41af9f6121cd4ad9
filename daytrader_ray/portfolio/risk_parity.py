"""Risk parity: shares that contribute equally to the variance, across sectors and then across names."""

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

STEPS = 200
CLOSE = 1e-16
"""Squared Newton decrement at which the steps end: what is left after that step is about as small."""


def risk_parity(covariance: Float64) -> Float64:
    """Return the shares `[asset]`, > 0 with sum 1, that contribute equally to the variance; NaN where none is found.

    The minimum of 1/2 x'Sx - sum of b ln x with b = 1 / n (Spinu 2013), found by damped Newton steps on the
    correlations.
    """
    n, sigma = len(covariance), np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sigma, sigma)
    budget = 1.0 / n
    x = np.full(n, 1.0 / np.sqrt(max(float(correlation.sum()), 1.0)))
    for _ in range(STEPS):
        gradient = correlation @ x - budget / x
        hessian = correlation + np.diag(budget / x**2)
        step = np.linalg.solve(hessian, gradient)
        decrement = float(gradient @ step) / budget
        # The barrier is self-concordant over its smallest weight: this step never leaves the positive side.
        x = x - step / (1.0 + np.sqrt(max(decrement, 0.0))) if decrement > 0.05 else x - step
        if not decrement > CLOSE:
            break
    else:
        return np.full(n, np.nan)
    shares = x / sigma
    return np.asarray(shares / shares.sum())


def sector_parity(covariance: Float64, sector: Int64) -> Float64:
    """Return shares `[stock]` with sum 1: names of a sector contribute equally to its risk, sectors to that of all."""
    names, at = np.unique(sector, return_inverse=True)
    inside = np.zeros((len(sector), len(names)))
    for k in range(len(names)):
        mine = at == k
        inside[mine, k] = risk_parity(covariance[np.ix_(mine, mine)])
    return np.asarray(inside @ risk_parity(inside.T @ covariance @ inside))


def inverse_volatility(covariance: Float64) -> Float64:
    """Return shares `[asset]` with sum 1 in proportion to one over the standard deviation."""
    shares = 1.0 / np.sqrt(np.diag(covariance))
    return np.asarray(shares / shares.sum())
