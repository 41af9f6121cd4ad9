"""What guards the book: betas, the hedge that explains most of it, crowded markets, and fear."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from daytrader_ray.portfolio.config import FearRule
from daytrader_ray.portfolio.covariance import LEAST

Float64 = npt.NDArray[np.float64]


def betas(returns: Float64, market: int) -> Float64:
    """Return the beta of each symbol `[symbol]` to column `market` of `returns` `[row, symbol]`.

    Covariance over variance of the rows known of both; NaN with fewer than LEAST of them or a market that never
    moves. The market's own is 1.
    """
    out = np.full(returns.shape[1], np.nan)
    base = returns[:, market]
    for i, own in enumerate(returns.T):
        both = np.isfinite(own) & np.isfinite(base)
        if both.sum() < LEAST:
            continue
        away = base[both] - base[both].mean()
        if (spread := float(away @ away)) > 0.0:
            out[i] = float(away @ own[both]) / spread
    return out


def best_hedge(covariance: Float64, book: Float64, hedges: Sequence[int]) -> int:
    """Return which of the columns `hedges` explains most of the variance of `book` `[symbol]`, -1 where none does.

    Explained is cov(book, hedge)^2 / var(hedge); the first of equals.
    """
    with_book = covariance @ book
    explained = [float(with_book[one] ** 2 / covariance[one, one]) for one in hedges]
    return hedges[int(np.argmax(explained))] if explained and max(explained) > 0.0 else -1


def is_fear(vix: float, vix3m: float, rule: FearRule) -> bool:
    """Return whether VIX is above its limit or above VIX3M (an inverted term structure); the unknown says no."""
    return rule.enabled and (vix > rule.vix or vix > vix3m)
