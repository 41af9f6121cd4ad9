"""Reference data of the synthetic market: what is listed when, under which name, with which splits and dividends."""

import datetime as dt
from functools import lru_cache

import numpy as np

from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.actions import dividends_of, share_ratio, splits_of
from daytrader_ray.sandbox.listing import DELISTED_AFTER, INDICES, LISTED_IN, NAMED_STOCKS, SECTORS
from daytrader_ray.sandbox.source import Dividend, Listing, Split
from daytrader_ray.sandbox.traits import FUNDS, KNOWN_SYMBOL, Traits, symbol_key, traits_of

TURNOVER_DAYS = 150.0
"""Shares outstanding are what trades in this many sessions."""
OLDEST_LISTING, LISTING_DAYS = dt.date(1980, 1, 2), 13_000


class Reference:
    """The instruments over a grid, a function of (seed, symbol); every symbol of the usual form is known."""

    def __init__(self, seed: int, grid: SessionGrid) -> None:
        self.seed = seed
        self.grid = grid
        self._traits = lru_cache(maxsize=None)(lambda symbol: traits_of(seed, symbol))
        self._splits: dict[str, tuple[Split, ...]] = {}
        self._dividends: dict[str, tuple[Dividend, ...]] = {}

    def traits(self, symbol: str) -> Traits:
        """Return what kind of instrument `symbol` is; a `DataError` where no such symbol can be listed."""
        if not KNOWN_SYMBOL.fullmatch(symbol) and symbol not in INDICES:
            raise DataError(f"symbol {symbol!r}: expected capital letters and digits like 'AAPL'")
        return self._traits(symbol)

    def listing(self) -> tuple[Listing, ...]:
        """Return the named stocks, funds and indices, by symbol."""
        names = sorted({*NAMED_STOCKS, *FUNDS, *INDICES})
        return tuple(self.listed(name) for name in names if LISTED_IN.get(name, 0) < len(self.grid.sessions))

    def listed(self, symbol: str) -> Listing:
        """Return the reference data of any symbol; one that lists after the grid's end is not known yet."""
        traits, days = self.traits(symbol), self.grid.sessions
        first, last = LISTED_IN.get(symbol), DELISTED_AFTER.get(symbol, len(days))
        if first is not None and first >= len(days):
            raise DataError(f"{symbol} is not listed before {days[-1].date}")
        old = OLDEST_LISTING + dt.timedelta(days=symbol_key(symbol) % LISTING_DAYS)
        sector = SECTORS.get(traits.sector) if traits.kind == "CS" else None
        return Listing(
            symbol=symbol,
            name=traits.name,
            kind=traits.kind,
            sector=traits.sector,
            sic_code=sector.sic_code if sector else "",
            sic_description=sector.sic_description if sector else "",
            listed=old if first is None else days[first].date,
            delisted=days[last].date if last < len(days) else None,
        )

    def shares(self, symbol: str, session: int) -> float:
        """Return the shares outstanding on that day, splits counted; NaN for an index."""
        traits = self.traits(symbol)
        if traits.kind == "INDEX":
            return float("nan")
        return float(np.rint(traits.volume * TURNOVER_DAYS)) * self.share_ratio(symbol, session)

    def splits(self, symbol: str) -> tuple[Split, ...]:
        """Return the splits of a symbol inside the grid, by date."""
        if symbol not in self._splits:
            found = splits_of(self.traits(symbol), symbol, self.grid)
            self._splits[symbol] = tuple(split for split in found if self._trades_on(symbol, split.date))
        return self._splits[symbol]

    def dividends(self, symbol: str) -> tuple[Dividend, ...]:
        """Return the dividends of a symbol with an ex-date inside the grid, by date."""
        if symbol not in self._dividends:
            found = dividends_of(self.traits(symbol), symbol, self.grid, self.splits(symbol))
            self._dividends[symbol] = tuple(paid for paid in found if self._trades_on(symbol, paid.ex_date))
        return self._dividends[symbol]

    def share_ratio(self, symbol: str, session: int) -> float:
        """Return how many shares of a session one share of the first day has become."""
        return share_ratio(self.splits(symbol), self.grid.sessions[session].date)

    def paid(self, symbol: str, session: int) -> float:
        """Return the dividend in USD a share that has its ex-date in a session; 0 on every other day."""
        date = self.grid.sessions[session].date
        return sum(dividend.amount for dividend in self.dividends(symbol) if dividend.ex_date == date)

    def _trades_on(self, symbol: str, date: dt.date) -> bool:
        return is_listed(symbol, self.grid.index_of(date))


def is_listed(symbol: str, session: int) -> bool:
    """Return whether a symbol trades in a session."""
    return LISTED_IN.get(symbol, 0) <= session <= DELISTED_AFTER.get(symbol, session)
