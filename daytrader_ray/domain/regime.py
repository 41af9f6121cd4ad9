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
    """Three Gaussian states and how they follow each other, with the scale of the inputs.

    State k is `Regime` k. `inputs` are the observed names in column order, `left_out` those that the history could not
    give; `breadth` the symbols whose direction and correlation are observed. `profile` is the mean realised volatility
    by slot [slot]; `mean` and `std` [input] standardise; `start` [state], `transition` [state, state], `means` and
    `variances` [state, input] are the model's. `anchors` [state, (log volatility, |trend|)] are where the states lay
    first, which names them. The third state is a crisis while the VIX is above `crisis_vix`, and volatile otherwise; at
    0 it is one with any VIX or none.
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
    anchors: Float64
    crisis_vix: float
