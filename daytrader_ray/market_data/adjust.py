"""Forward adjustment: what a split and a dividend do to prices and volumes, so that returns are continuous.

The factors of a session are products over the actions up to its date, so the past never changes and nothing that is
announced for tomorrow is seen today; an action applies from the first bar of its session on. A split of 1 old share
into n new ones multiplies both factors by n; a dividend of D USD multiplies the price factor by C / (C - D), C being
the raw close of the last session before the ex-date (METHODS 1). On one day both are counted in old shares, so that
their order does not matter.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from daytrader_ray.domain.panel import Float64

MAX_CLOSE_AGE = dt.timedelta(days=7)
"""The last close before an ex-date is not older than this: no closing of the exchanges lasted longer since 1933."""


class Split(NamedTuple):
    """`ratio` new shares for each old one from the open of `date` on: 7.0 for a 7:1 split, 0.1 for a 1:10 one."""

    date: dt.date
    ratio: float


class Dividend(NamedTuple):
    """`amount` USD a share, due to who holds it before the open of `date`, the ex-date."""

    date: dt.date
    amount: float


def factors(
    dates: Sequence[dt.date],
    splits: Sequence[Split],
    dividends: Sequence[Dividend],
    closes: Mapping[dt.date, float],
) -> tuple[Float64, Float64]:
    """Return price factor and share factor of each session `[session]`, 1 before the first action.

    `closes` are raw closes by session date (those before the ex-dates are enough). A dividend whose close is not
    known, or not above its amount, is left out (`unpriced` names them).
    """
    shares = [(split.date, split.ratio) for split in splits]
    prices = shares + [(d.date, c / (c - d.amount)) for d in dividends if (c := _close_before(d, closes))]
    return _products(dates, prices), _products(dates, shares)


def unpriced(dividends: Sequence[Dividend], closes: Mapping[dt.date, float]) -> tuple[Dividend, ...]:
    """Return the dividends that `factors` leaves out."""
    return tuple(dividend for dividend in dividends if not _close_before(dividend, closes))


def _close_before(dividend: Dividend, closes: Mapping[dt.date, float]) -> float:
    """Return the last close before the ex-date; 0 where it is unknown or the dividend is not less."""
    for age in range(1, MAX_CLOSE_AGE.days + 1):
        close = closes.get(dividend.date - dt.timedelta(days=age))
        if close is not None:
            return close if close > dividend.amount else 0.0
    return 0.0


def _products(dates: Sequence[dt.date], actions: Sequence[tuple[dt.date, float]]) -> Float64:
    """Return the product of the ratios up to and including each date, oldest first."""
    ordered = sorted(actions)
    products: Float64 = np.cumprod(np.array([1.0, *(ratio for _, ratio in ordered)]))
    days = np.array([date.toordinal() for date, _ in ordered], dtype=np.int64)
    return products[np.searchsorted(days, [date.toordinal() for date in dates], side="right")]
