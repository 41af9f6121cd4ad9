"""How often is what was best on some days below the median on the others? Combinatorially symmetric cross-validation.

Bailey, Borwein, Lopez de Prado & Zhu (2017), The Probability of Backtest Overfitting.
"""

import itertools
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

FEWEST_DAYS = 16
"""Fewer days than this cannot be cut into 8 blocks of at least 2."""

MANY_BLOCKS, FEW_BLOCKS, FEWEST_OF_MANY = 16, 8, 160

N_BINS = 20
"""Bars of the histogram, half of them at or below 0."""

ROUNDING = 1e-12
"""A variance below this share of the squared mean is rounding: the days do not vary."""


@dataclass(frozen=True, slots=True)
class Pbo:
    """`value` is the probability of backtest overfitting: the share of splits whose logit is 0 or less.

    `logits [split]` of the rank, over M + 1, that the series with the best Sharpe ratio on half of the `blocks` has on
    the other half. NaN, no logits and no blocks where it cannot be computed.
    """

    value: float
    logits: Float64
    blocks: int

    def histogram(self) -> tuple[Float64, npt.NDArray[np.int64]]:
        """Return edges `[bar + 1]` around 0 and counts `[bar]`; a bar holds its upper edge, so 0 counts as overfit."""
        reach = float(np.abs(self.logits).max(initial=0.0)) or 1.0
        edges = reach * (2.0 * np.arange(N_BINS + 1) / N_BINS - 1.0)
        return edges, np.histogram(-self.logits, edges)[0][::-1].astype(np.int64)


def pbo(returns: Float64) -> Pbo:
    """Cross-validate the choice of the best among daily returns `[T, M]`: 16 blocks of days, 8 where T < 160.

    Of equals the first is chosen; on the other half equals share the mean of their ranks. A half without variation
    has a Sharpe ratio of 0. NaN for fewer than 16 days or 2 series.
    """
    n_days, n_series = returns.shape
    if n_days < FEWEST_DAYS or n_series < 2:
        return Pbo(math.nan, np.empty(0), 0)
    blocks = MANY_BLOCKS if n_days >= FEWEST_OF_MANY else FEW_BLOCKS
    first = [part[0] for part in np.array_split(np.arange(n_days), blocks)]
    sums = np.stack([np.add.reduceat(values, first) for values in (returns, returns**2)])
    days = np.diff([*first, n_days]).astype(np.float64)

    inside = _ratios(halves(blocks) @ days, halves(blocks) @ sums)
    outside = inside[::-1]
    theirs = np.take_along_axis(outside, inside.argmax(axis=1)[:, None], axis=1)
    rank = (outside < theirs).sum(axis=1) + 0.5 * ((outside == theirs).sum(axis=1) + 1)
    logits = np.log(rank / (n_series + 1 - rank))
    return Pbo(float((logits <= 0).mean()), logits, blocks)


@cache
def halves(blocks: int) -> Float64:
    """Return every way to choose half of the blocks `[split, block]`: 1 where chosen, else 0.

    In the order of the alphabet, so that a split read from the end is the other half of the one read from the start.
    """
    chosen = np.array(list(itertools.combinations(range(blocks), blocks // 2)))
    found = np.zeros((len(chosen), blocks))
    np.put_along_axis(found, chosen, 1.0, axis=1)
    return found


def _ratios(days: Float64, sums: Float64) -> Float64:
    """Return daily Sharpe ratios `[split, series]` from days `[split]` and sums of returns and their squares."""
    mean, square = sums / days[:, None]
    variance = square - mean**2
    variance[variance <= ROUNDING * square] = np.inf
    return np.asarray(mean / np.sqrt(variance), dtype=np.float64)
