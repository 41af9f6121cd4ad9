"""Quotes and trades of chosen symbols, folded into minutes as they come, by the code that folds history."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from daytrader_ray.adapters.messages import Quote, Trade
from daytrader_ray.domain.sessions import NS_PER_MINUTE
from daytrader_ray.market_data.conditions import trade_updates
from daytrader_ray.market_data.ticks import QuoteAggregator, TradeAggregator, shares_quoted


class LiveTicks:
    """One aggregator for each symbol whose quotes or trades are followed."""

    def __init__(self, quotes: Sequence[str], trades: Sequence[str]) -> None:
        if quotes or trades:
            _compile()
        self._quotes = {symbol: QuoteAggregator() for symbol in quotes}
        self._trades = {symbol: TradeAggregator() for symbol in trades}

    def add(self, quotes: Sequence[Quote], trades: Sequence[Trade]) -> None:
        """Take the quotes and trades of one frame, in its order."""
        for symbol, some in _by_symbol(quotes).items():
            if symbol in self._quotes:
                stamps, bid, ask, bid_size, ask_size = (
                    np.array(column) for column in list(zip(*some, strict=True))[1:]
                )
                self._quotes[symbol].add(
                    stamps, bid, ask, shares_quoted(bid_size, stamps), shares_quoted(ask_size, stamps)
                )
        for symbol, some in _by_symbol(trades).items():
            if symbol in self._trades:
                stamps, price, size = (np.array(column) for column in list(zip(*some, strict=True))[1:4])
                updates = trade_updates([trade.conditions for trade in some])
                self._trades[symbol].add(stamps, price, size, updates)

    def take(self, before_minute: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (kind, symbol, columns) of the minutes finished before `before_minute` (epoch minutes)."""
        for kind, aggregators in (("quote_bars", self._quotes), ("trade_bars", self._trades)):
            for symbol, aggregator in aggregators.items():
                columns = aggregator.take(before_minute)
                if len(columns["timestamp"]):
                    yield kind, symbol, columns


def _compile() -> None:
    """Have the kernels compiled now: in the session it would hold up everything for seconds."""
    stamps, ones = np.array([NS_PER_MINUTE]), np.ones(1)
    quotes, trades = QuoteAggregator(), TradeAggregator()
    quotes.add(stamps, ones, ones, ones, ones)
    trades.add(stamps, ones, ones, trade_updates([None]))
    for aggregator in (quotes, trades):
        aggregator.take(2)


def _by_symbol(ticks: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for tick in ticks:
        found.setdefault(tick.symbol, []).append(tick)
    return found
