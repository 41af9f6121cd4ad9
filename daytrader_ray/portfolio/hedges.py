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
    base = returns[:, [market]]
    both = np.isfinite(returns) & np.isfinite(base)
    known = both.sum(axis=0)
    base, own = np.where(both, base, 0.0), np.where(both, returns, 0.0)
    away = np.where(both, base - base.sum(axis=0) / np.maximum(known, 1), 0.0)
    spread, together = (away**2).sum(axis=0), (away * own).sum(axis=0)
    enough = (known >= LEAST) & (spread > 0.0)
    return np.asarray(np.divide(together, spread, out=np.full(len(known), np.nan), where=enough))


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
