"""What a weighting scheme is given and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.regime import Regime
from daytrader_ray.models.online import Online

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """Rows of a block of sessions with the scores of all members and what became of them.

    Attributes
    ----------
    scores
        Float64 `[row, symbol, member]`, NaN where a member has none.
    forward
        Log return after the row `[row, symbol]`; NaN where it is unknown or not closed inside the block.
    label, weight
        Class in {-1, 0, 1} or `NO_LABEL`, and the sample's weight `[row, symbol]`.
    session, slot, regime
        Number of the session, bar of it, and `Regime` in force `[row]`.
    return_30, sigma_30
        Log return of the last 30 minutes and its standard deviation `[row, symbol]`.
    """

    scores: Float64
    forward: Float64
    label: Int8
    weight: Float64
    session: Int64
    slot: Int64
    regime: Int8
    return_30: Float64
    sigma_30: Float64


@dataclass(frozen=True)
class Evidence:
    """All that a scheme may learn from: nothing in it is later than validation B.

    `a` and `b` are the validation blocks; `fit` the training block with out-of-fold scores, where those were made;
    `skills` `[step, member]` the out-of-sample rank IC of earlier steps, oldest first, NaN unknown.
    """

    a: Scored
    b: Scored
    fit: Scored | None
    skills: Float64
    bar_minutes: int


@dataclass(frozen=True)
class Weighting:
    """Weights `[4, member]`, row r for regime r - 1 (UNKNOWN first); with `online` they are where Hedge stands now.

    Each row lies on the simplex over the ensemble's members; all zeros for an ensemble without members.
    """

    table: Float64
    online: Online | None = None

    @classmethod
    def same(cls, weights: Float64, online: Online | None = None) -> "Weighting":
        """Give every regime the same weights `[member]`."""
        return cls(np.tile(weights, (len(Regime), 1)), online)


Scheme = Callable[[Evidence, Bool, int], Weighting]
"""`(evidence, inside [member], seed) -> Weighting`: weigh the members `inside`."""
