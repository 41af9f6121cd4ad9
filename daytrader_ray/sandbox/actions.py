"""Splits and dividends of the synthetic market, and what they do to shares and prices."""

import datetime as dt
from collections.abc import Sequence

from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.source import Dividend, Split
from daytrader_ray.sandbox.traits import Traits, symbol_key

SPLIT_EVERY = 160
"""Sessions between two splits of one stock; the next undoes the last, so that prices keep their range."""
DIVIDEND_EVERY = 63
PAYERS = 2
"""One stock of this many, and every fund that holds stocks, pays dividends."""
QUARTERLY_YIELD = 0.004
EXPENSIVE_USD = 80.0
"""Stocks above it split forward first, the others in reverse."""


def splits_of(traits: Traits, symbol: str, grid: SessionGrid) -> tuple[Split, ...]:
    """Return the splits of a stock inside the grid; when they come follows from its letters alone."""
    if traits.kind != "CS":
        return ()
    first = 5 + symbol_key(symbol) % SPLIT_EVERY
    large, small = _ratio(traits)
    found = []
    for number, session in enumerate(range(first, len(grid.sessions), SPLIT_EVERY)):
        old, new = (small, large) if (number % 2 == 0) == (traits.price >= EXPENSIVE_USD) else (large, small)
        found.append(Split(grid.sessions[session].date, old, new))
    return tuple(found)


def _ratio(traits: Traits) -> tuple[int, int]:
    if traits.price >= 2 * EXPENSIVE_USD:
        return 4, 1
    return (2, 1) if traits.price >= 1.25 * EXPENSIVE_USD or traits.price < EXPENSIVE_USD else (3, 2)


def dividends_of(traits: Traits, symbol: str, grid: SessionGrid, splits: Sequence[Split]) -> tuple[Dividend, ...]:
    """Return the dividends with an ex-date inside the grid: four a year of 0.4 % of the usual price, in cents.

    None falls on the day of a split.
    """
    key = symbol_key(symbol)
    if traits.beta <= 0.1 or (traits.kind == "CS" and key // SPLIT_EVERY % PAYERS):
        return ()
    found = []
    for session in range(3 + key // 7 % DIVIDEND_EVERY, len(grid.sessions), DIVIDEND_EVERY):
        ex_date = grid.sessions[session].date
        if any(split.date == ex_date for split in splits):
            continue
        usual = traits.price / share_ratio(splits, ex_date)
        amount = max(round(usual * QUARTERLY_YIELD, 2), 0.01)
        declared, paid = ex_date - dt.timedelta(days=21), ex_date + dt.timedelta(days=18)
        found.append(Dividend(ex_date, amount, declared, ex_date, paid))
    return tuple(found)


def share_ratio(splits: Sequence[Split], until: dt.date) -> float:
    """Return how many shares one share from before all splits has become on day `until`."""
    ratio = 1.0
    for split in splits:
        if split.date <= until:
            ratio *= split.new / split.old
    return ratio
