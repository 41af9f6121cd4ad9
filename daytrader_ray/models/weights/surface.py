"""What a weighting scheme is given and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.regime import Regime
from daytrader_ray.models.online import ROUND_MINUTES, Online
from daytrader_ray.models.weights.rank import rank_ics

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """Rows of a block of sessions, in order, with the scores of all members and what became of them.

    What does not depend on the mask is computed when it is first asked for, and kept for further masks on this block;
    a trial of the search makes a block of its own.

    Attributes
    ----------
    scores
        Float64 `[row, symbol, member]`, NaN where a member has none.
    forward
        Log return after the row `[row, symbol]`; NaN where it is unknown, not closed inside the block, or after a bar
        at which members do not score.
    label, weight
        Class in {-1, 0, 1} or `NO_LABEL` (as `forward`), and the sample's weight `[row, symbol]`.
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

    @cached_property
    def skill(self) -> Float64:
        """Return each member's rank correlation of score and forward return `[member]`; 0 where undefined."""
        return rank_ics(self.scores, self.forward)

    @cached_property
    def skill_by_regime(self) -> Float64:
        """Return the same on the rows of each regime alone `[regime, member]`, UNKNOWN first."""
        return np.stack([rank_ics(self.scores[here], self.forward[here]) for here in self.rows_by_regime()])

    def rows_by_regime(self) -> list[Bool]:
        """Return which rows each regime is in force in, UNKNOWN first, each `[row]`."""
        return [self.regime == state for state in Regime]

    @cached_property
    def q99(self) -> Float64:
        """Return the 99 % quantile of each member's |score| `[member]`; NaN where it has none."""
        sizes = np.abs(self.scores).reshape(-1, self.scores.shape[2]).T
        known = [size[np.isfinite(size)] for size in sizes]
        return np.array([np.quantile(size, 0.99) if len(size) else np.nan for size in known])

    @cached_property
    def earnings(self) -> Float64:
        """Return the mean of score x forward return in each session that has one `[session, member]`; no score is 0."""
        known = np.isfinite(self.forward)
        first = np.flatnonzero(np.diff(self.session, prepend=-1))
        if not len(first):
            return np.zeros((0, self.scores.shape[2]))
        products = np.nan_to_num(self.scores) * np.where(known, self.forward, 0.0)[:, :, None]
        counts = np.add.reduceat(known.sum(axis=1), first)
        sums = np.add.reduceat(products.sum(axis=1), first)
        return np.asarray(sums[counts > 0] / counts[counts > 0, None])


@dataclass(frozen=True)
class Evidence:
    """All that a scheme may learn from: nothing in it is later than validation B.

    `a` and `b` are the validation blocks; `fit` the training block with out-of-fold scores, where those were made;
    `skills` `[step, member]` the out-of-sample rank IC of earlier steps, oldest first, NaN unknown. Members score every
    `score_every_minutes`.
    """

    a: Scored
    b: Scored
    fit: Scored | None
    skills: Float64
    bar_minutes: int
    score_every_minutes: int = 1

    def n_samples(self, values: Float64) -> float:
        """Return how many of `values`, one for each score and symbol, are finite and span half hours of their own."""
        return int(np.isfinite(values).sum()) * max(self.bar_minutes, self.score_every_minutes) / ROUND_MINUTES


@dataclass(frozen=True)
class Weighting:
    """Weights `[4, member]`, row r for regime r - 1 (UNKNOWN first); with `online` they are where Hedge stands now.

    Each row lies on the simplex over the ensemble's members; all zeros for an ensemble without members. `note` says
    why they are not what the scheme is for, where it had too little to learn from.
    """

    table: Float64
    online: Online | None = None
    note: str = ""

    @classmethod
    def same(cls, weights: Float64, online: Online | None = None, note: str = "") -> "Weighting":
        """Give every regime the same weights `[member]`."""
        return cls(np.tile(weights, (len(Regime), 1)), online, note)


Scheme = Callable[[Evidence, Bool, int], Weighting]
"""`(evidence, inside [member], seed) -> Weighting`: weigh the members `inside`."""
