"""What the exchange's clients may see of its market: bars that are over, adjusted for splits that have happened."""

import datetime as dt
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import Session
from daytrader_ray.sandbox.bars import UNIT, Bars, trades
from daytrader_ray.sandbox.doors import MINUTE_MS, NEW_YORK
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.source import Listing, MarketSource
from daytrader_ray.sandbox.windows import Window

Int64 = npt.NDArray[np.int64]

DAY = Window(1, "day")
KEPT_DAYS = 8_192
EXTENDED = ((dt.time(4), dt.time(9, 30)), (dt.time(16), dt.time(20)))
"""Early and late trading hours on a day with a session."""
ANNOUNCED = dt.timedelta(days=14)
"""A split is known this long before it happens; a dividend from the day that declares it."""


class Visible:
    """The market as of the exchange's time: nothing of a minute shows before the minute is over."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._whole_day = lru_cache(maxsize=KEPT_DAYS)(self._make_day)

    @property
    def market(self) -> MarketSource:
        """Return what is traded."""
        return self._exchange.market

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Return all sessions of the market, those to come too."""
        return self.market.grid.sessions

    @property
    def now(self) -> dt.datetime:
        """Return the exchange's time in New York."""
        return self._exchange.now.astimezone(NEW_YORK)

    @property
    def today(self) -> dt.date:
        """Return the date in New York."""
        return self.now.date()

    @property
    def trading(self) -> tuple[str, bool, bool]:
        """Return the state of the market in Polygon's words, and whether it is early or late trading."""
        is_day = any(day.date == self.today for day in self.sessions)
        early, late = (is_day and start <= self.now.time() < stop for start, stop in EXTENDED)
        state = "open" if self._exchange.is_open else "extended-hours" if early or late else "closed"
        return state, early, late

    def listing(self, symbol: str) -> Listing | None:
        """Return the reference data of a symbol; None where it is unknown."""
        try:
            return self.market.listed(symbol)
        except DataError:
            return None

    def n_over(self, session: int) -> int:
        """Return how many bars of a session are over."""
        grid = self.market.grid
        minute = int(self._exchange.now.timestamp()) // 60
        n_bars = int(grid.bars_per_session[session])
        return min(max((minute - grid.sessions[session].open_minute) // grid.bar_minutes, 0), n_bars)

    def last_session(self, date: dt.date) -> int | None:
        """Return the last session on or before a date of which something is over; None where there is none."""
        sessions = self.sessions
        backwards = range(len(sessions) - 1, -1, -1)
        return next((at for at in backwards if sessions[at].date <= date and self.n_over(at)), None)

    def bars(self, symbol: str, session: int, *, adjusted: bool = False) -> Bars:
        """Return the bars of a session that are over and had a trade."""
        bars = self.market.bars(symbol, session)
        on = np.flatnonzero(bars.traded[: self.n_over(session)])
        if not len(on):
            return Bars.concatenate([])
        day, width = self.sessions[session], self.market.grid.bar_minutes
        volume = bars.volume[on]
        prices = (bars.open[on], bars.high[on], bars.low[on], bars.close[on])
        found = Bars((day.open_minute + on * width) * MINUTE_MS, *prices, volume, bars.vwap[on], trades(volume))
        return self._adjusted(found, symbol, day.date) if adjusted else found

    def day(self, symbol: str, session: int, *, adjusted: bool = False) -> Bars:
        """Return the bar of a whole session, of what is over where it still goes on; empty where nothing is."""
        day = self.sessions[session]
        over = self.n_over(session)
        whole = over == int(self.market.grid.bars_per_session[session])
        found = self._whole_day(symbol, session) if whole else self._make_day(symbol, session)
        return self._adjusted(found, symbol, day.date) if adjusted else found

    def _make_day(self, symbol: str, session: int) -> Bars:
        bars = self.bars(symbol, session)
        return bars.joined(DAY.starts(self.sessions[session], bars.start // MINUTE_MS))

    def _adjusted(self, bars: Bars, symbol: str, date: dt.date) -> Bars:
        """Return bars of `date` in shares and prices of today."""
        later = [split for split in self.market.splits(symbol) if date < split.date <= self.today]
        if not later:
            return bars
        old, new = (float(np.prod([getattr(split, name) for split in later])) for name in ("old", "new"))
        open_, high, low, close, vwap = (
            np.rint(x * old / new * UNIT) / UNIT for x in (bars.open, bars.high, bars.low, bars.close, bars.vwap)
        )
        volume = np.rint(bars.volume * new / old)
        return Bars(bars.start, open_, high, low, close, volume, vwap, bars.trades)
