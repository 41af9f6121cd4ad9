"""A fitted regime model as plain values: `regime` makes and steps it, a bundle carries it."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


class Regime(IntEnum):
    """What the market is like; UNKNOWN without a model."""

    UNKNOWN = -1
    TRENDING = 0
    VOLATILE = 1
    CRISIS = 2


@dataclass(frozen=True)
class RegimeModel:
    """A three-state Gaussian hidden Markov model with the scale of its inputs.

    `inputs` are the observed names in column order, `left_out` those that the history could not give; `breadth` the
    symbols whose direction is counted. `profile` is the mean realised volatility by slot [slot]; `mean` and `std`
    [input] standardise; `start` [state], `transition` [state, state], `means` and `variances` [state, input] are the
    model's, states in increasing order of volatility; `labels` [state] is the `Regime` each stands for.
    """

    inputs: tuple[str, ...]
    left_out: tuple[str, ...]
    breadth: tuple[str, ...]
    bar_minutes: int
    profile: Float64
    mean: Float64
    std: Float64
    start: Float64
    transition: Float64
    means: Float64
    variances: Float64
    labels: npt.NDArray[np.int64]
