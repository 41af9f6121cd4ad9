"""Live bars, minute by minute, in the form in which a panel holds them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.indices import MAX_AGE_MINUTES, is_index
from daytrader_ray.domain.ports import LiveBar

Float64 = npt.NDArray[np.float64]


class Prices(NamedTuple):
    """One minute `[symbol]`: raw USD, shares, and whether the symbol traded; see `domain.panel.Panel`."""

    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    vwap: Float64
    traded: npt.NDArray[np.bool_]


class LiveMinutes:
    """Lays the bars of a session out as `market_data.panel.build_panel` does.

    Of the last minute: `close` the latest closes (NaN: none yet), `high`, `low`, and `quiet` the bars since each symbol
    traded `[symbol]`. `late` counts the bars that came after their minute.
    """

    def __init__(self, symbols: Sequence[str], open_minute: int, bar_minutes: int) -> None:
        n = len(symbols)
        self.close = self.high = self.low = np.full(n, np.nan)
        self.quiet = np.zeros(n, dtype=np.int64)
        self.late = 0
        self._open_minute, self._bar_minutes = open_minute, bar_minutes
        self._columns = {symbol: i for i, symbol in enumerate(symbols)}
        self._is_index = np.array([is_index(symbol) for symbol in symbols], dtype=np.bool_)
        self._age = np.zeros(n, dtype=np.int64)
        self._early: list[LiveBar] = []

    def lay(self, slot: int, bars: Sequence[LiveBar]) -> Prices:
        """Take in the bars of minute `slot`, every slot in order; those of later minutes wait for theirs.

        A symbol without a bar did not trade: its last close of the session is carried, that of an index only so long.
        A bar with volume 0 sets the price that is carried.
        """
        now = self._carried()
        self._age += 1
        for bar in self._of(self._open_minute + slot * self._bar_minutes, bars):
            i = self._columns[bar.symbol]
            self._age[i] = 0
            if bar.volume > 0:
                now.open[i], now.high[i], now.low[i], now.close[i] = bar.open, bar.high, bar.low, bar.close
                now.volume[i], now.vwap[i], now.traded[i] = bar.volume, bar.vwap, True
            elif not now.traded[i]:
                now.open[i] = now.high[i] = now.low[i] = now.close[i] = bar.close
        stale = self._is_index & (self._age > MAX_AGE_MINUTES // self._bar_minutes)
        for prices in (now.open, now.high, now.low, now.close):
            prices[stale] = np.nan
        self.close, self.high, self.low = now.close, now.high, now.low
        self.quiet = np.where(now.traded, 0, self.quiet + 1)
        return now

    def _carried(self) -> Prices:
        """Return a minute in which nothing has traded yet."""
        n, open_, high, low, close = self.close.size, *np.tile(self.close, (4, 1))
        return Prices(open_, high, low, close, np.zeros(n), np.full(n, np.nan), np.zeros(n, dtype=np.bool_))

    def _of(self, start: int, bars: Sequence[LiveBar]) -> list[LiveBar]:
        """Return the bars that start at an epoch minute; later ones are kept, earlier ones counted."""
        known = [bar for bar in (*self._early, *bars) if bar.symbol in self._columns]
        self._early = [bar for bar in known if bar.minute > start]
        self.late += sum(bar.minute < start for bar in known)
        return [bar for bar in known if bar.minute == start]
