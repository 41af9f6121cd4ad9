"""The sessions of a panel as one bar each, beside what else is known before they open."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Bool, Float64, Panel
from daytrader_ray.domain.sessions import Int64


@dataclass(frozen=True)
class Daily:
    """One bar a session `[session, symbol]`, float64; NaN where the symbol did not trade.

    `high`, `low`, `close` are adjusted USD, `volume` raw shares. Known before the session opens are `share_factor`
    (`domain.panel.Panel`) and `market_cap`, USD as the newest report before it says (NaN: none).
    """

    dates: tuple[dt.date, ...]
    symbols: tuple[str, ...]
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    share_factor: Float64
    market_cap: Float64

    @property
    def traded(self) -> Bool:
        """Whether there was any trade `[session, symbol]`."""
        return np.isfinite(self.close)

    def column(self, symbol: str) -> int:
        """Return the column of `symbol`, -1 where it is absent."""
        return self.symbols.index(symbol) if symbol in self.symbols else -1


def daily_of(panel: Panel, market_cap: Float64 | None = None) -> Daily:
    """Return the panel's sessions as single bars; without `market_cap` `[session, symbol]` none is known."""
    shape = panel.share_factor.shape
    high, low, close, volume = np.full((4, *shape), np.nan)
    minutes = panel.high, panel.low, panel.close, panel.volume
    _fill(panel.grid.first_row, minutes, panel.traded, panel.price_factor, (high, low, close, volume))
    dates = tuple(session.date for session in panel.grid.sessions)
    caps = np.full(shape, np.nan) if market_cap is None else market_cap
    return Daily(dates, panel.symbols, high, low, close, volume, panel.share_factor, caps)


@njit
def _fill(
    first_row: Int64,
    minutes: tuple[Float64, Float64, Float64, Float64],
    traded: Bool,
    price_factor: Float64,
    out: tuple[Float64, Float64, Float64, Float64],
) -> None:
    """Write the adjusted highest, lowest and last price and the shares of each session with a trade."""
    highs, lows, closes, volumes = minutes
    high, low, close, volume = out
    n_symbols = closes.shape[1]
    any_trade = np.zeros(n_symbols, dtype=np.bool_)
    for session in range(len(first_row) - 1):
        any_trade[:] = False
        for row in range(first_row[session], first_row[session + 1]):
            for symbol in range(n_symbols):
                if np.isnan(closes[row, symbol]):
                    continue
                if np.isnan(close[session, symbol]):
                    high[session, symbol], low[session, symbol] = highs[row, symbol], lows[row, symbol]
                    volume[session, symbol] = 0.0
                high[session, symbol] = max(high[session, symbol], highs[row, symbol])
                low[session, symbol] = min(low[session, symbol], lows[row, symbol])
                close[session, symbol] = closes[row, symbol]
                volume[session, symbol] += volumes[row, symbol]
                any_trade[symbol] |= traded[row, symbol]
        for symbol in range(n_symbols):
            factor = price_factor[session, symbol] if any_trade[symbol] else np.nan
            high[session, symbol] *= factor
            low[session, symbol] *= factor
            close[session, symbol] *= factor
            if not any_trade[symbol]:
                volume[session, symbol] = np.nan
