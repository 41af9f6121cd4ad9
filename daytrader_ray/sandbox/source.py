"""What the exchange asks of a market, whether it is made up (`market.Market`) or read from a store."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.traits import Traits

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SessionBars:
    """One session of one symbol `[slot]`: prices USD in whole cents (VWAP 1e-4), volume in whole shares, float64.

    A minute without a trade has NaN prices, volume 0 and `traded` False: the exchange sends no bar for it. An index
    has volume 0 throughout and `traded` True where it has a value.
    """

    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    vwap: Float64
    traded: Bool


@dataclass(frozen=True, slots=True)
class Split:
    """`old` shares become `new` ones before the open of `date`."""

    date: dt.date
    old: int
    new: int


@dataclass(frozen=True, slots=True)
class Dividend:
    """USD a share; whoever holds it before the open of `ex_date` has it."""

    ex_date: dt.date
    amount: float
    declared: dt.date
    record_date: dt.date
    pay_date: dt.date


@dataclass(frozen=True, slots=True)
class Halt:
    """A trading pause: no trade in slots `start` to `stop - 1`; `whole_market` where everything stands still."""

    start: int
    stop: int
    whole_market: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """One instrument as the reference data name it; `delisted` is its last day (None: still listed)."""

    symbol: str
    name: str
    kind: str
    """CS for a stock, ETF for a fund, INDEX for an index."""
    sector: str
    sic_code: str
    sic_description: str
    listed: dt.date
    delisted: dt.date | None


@dataclass(frozen=True)
class Quotes:
    """Best bid and offer of one minute `[n]`, ascending: `stamp_ns` epoch ns, prices USD, sizes in shares."""

    stamp_ns: Int64
    bid: Float64
    ask: Float64
    bid_size: Float64
    ask_size: Float64


@dataclass(frozen=True)
class Trades:
    """Trades of one minute `[n]`, ascending; they make exactly that minute's bar."""

    stamp_ns: Int64
    price: Float64
    size: Float64


class MarketSource(Protocol):
    """Bars and reference data of any symbol, a pure function of (source, symbol, session)."""

    @property
    def grid(self) -> SessionGrid:
        """Sessions that this market has."""
        ...

    def traits(self, symbol: str) -> Traits:
        """Return what kind of instrument `symbol` is; `DataError` where no such symbol can be listed."""
        ...

    def bars(self, symbol: str, session: int) -> SessionBars:
        """Return its bars in session number `session`; all without a trade where it is not listed."""
        ...

    def listing(self) -> tuple[Listing, ...]:
        """Return every named instrument, by symbol; other symbols may be known without being named."""
        ...

    def listed(self, symbol: str) -> Listing:
        """Return the reference data of any known symbol; `DataError` where it is unknown."""
        ...

    def revision(self, symbol: str, session: int, slot: int) -> SessionBars:
        """Return one bar `[1]` as an earlier, incomplete report had it: late trades are missing.

        A stream that revises sends it before the bar itself, so that `bars` is what holds in the end.
        """
        ...

    def shares(self, symbol: str, session: int) -> float:
        """Return its shares outstanding on that day; NaN where nobody knows."""
        ...

    def splits(self, symbol: str) -> tuple[Split, ...]:
        """Return its splits inside the grid, by date."""
        ...

    def dividends(self, symbol: str) -> tuple[Dividend, ...]:
        """Return its dividends with an ex-date inside the grid, by date."""
        ...

    def halts(self, symbol: str, session: int) -> tuple[Halt, ...]:
        """Return its trading pauses, by start."""
        ...

    def quotes(self, symbol: str, session: int, slot: int) -> Quotes:
        """Return the quotes of one minute; none where the market has no quotes."""
        ...

    def trades(self, symbol: str, session: int, slot: int) -> Trades:
        """Return the trades of one minute; none where there was none or only bars are known."""
        ...

    def truth(self, session: int) -> dict[str, Any]:
        """Return what is behind the bars (regimes, crises, planted signal) as JSON; empty for a real market."""
        ...
