"""Weights of an ensemble: non-negative, summing to 1 over its members, zero elsewhere; all zeros without members."""

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]


def equal_weights(inside: Bool) -> Float64:
    """Return 1 / n over the members `inside`, zeros elsewhere `[member]`.

    >>> equal_weights(np.array([True, False, True])).tolist()
    [0.5, 0.0, 0.5]
    """
    return inside / max(int(inside.sum()), 1)


def proportional(values: Float64, inside: Bool) -> Float64:
    """Return weights in proportion to `values` above 0 of the members `inside` `[member]`; equal where none is.

    >>> proportional(np.array([1.0, 9.0, 3.0, -2.0]), np.array([True, False, True, True])).tolist()
    [0.25, 0.0, 0.75, 0.0]
    """
    earned = np.where(inside, np.maximum(values, 0.0), 0.0)
    total = float(earned.sum())
    return earned / total if total > 0.0 else equal_weights(inside)


def shrunk(weights: Float64, towards: Float64, n: float, k: float) -> Float64:
    """Return n / (n + k) of `weights` and the rest of `towards`: what `n` observations say against `k` of doubt."""
    trust = n / (n + k)
    return trust * weights + (1.0 - trust) * towards
