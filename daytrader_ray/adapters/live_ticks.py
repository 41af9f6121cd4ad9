"""Quotes and trades of chosen symbols, folded into minutes as they come, by the code that folds history."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from daytrader_ray.adapters.messages import Quote, Trade
from daytrader_ray.domain.sessions import NS_PER_MINUTE, US_PER_MINUTE
from daytrader_ray.market_data.conditions import trade_updates
from daytrader_ray.market_data.ticks import QuoteAggregator, TradeAggregator, shares_quoted


class LiveTicks:
    """One aggregator for each symbol whose quotes or trades are followed; `counts` says what was left out."""

    def __init__(self, quotes: Sequence[str], trades: Sequence[str]) -> None:
        if quotes or trades:
            _compile()
        self._quotes = {symbol: QuoteAggregator() for symbol in quotes}
        self._trades = {symbol: TradeAggregator() for symbol in trades}
        self._future = self._lost = 0
        self._broken_until = -1

    @property
    def counts(self) -> dict[str, int]:
        """Return how many ticks were left out, and of how many minutes all were."""
        aggregators = (*self._quotes.values(), *self._trades.values())
        late, unsound = sum(one.late for one in aggregators), sum(one.unsound for one in aggregators)
        return {
            "ticks future": self._future, "ticks late": late, "ticks unsound": unsound, "tick minutes lost": self._lost
        }  # fmt: skip

    def add(self, quotes: Sequence[Quote], trades: Sequence[Trade], last_minute: int) -> None:
        """Take the quotes and trades of one frame, in its order, up to an epoch minute: later ones are no clock's."""
        before = (last_minute + 1) * NS_PER_MINUTE
        self._future += sum(tick.stamp_ns >= before for ticks in (quotes, trades) for tick in ticks)
        for symbol, some in _by_symbol(quotes, before).items():
            if symbol in self._quotes:
                stamps, bid, ask, bid_size, ask_size = (
                    np.array(column) for column in list(zip(*some, strict=True))[1:]
                )
                self._quotes[symbol].add(
                    stamps, bid, ask, shares_quoted(bid_size, stamps), shares_quoted(ask_size, stamps)
                )
        for symbol, some in _by_symbol(trades, before).items():
            if symbol in self._trades:
                stamps, price, size = (np.array(column) for column in list(zip(*some, strict=True))[1:4])
                updates = trade_updates([trade.conditions for trade in some])
                self._trades[symbol].add(stamps, price, size, updates)

    def take(self, before_minute: int, is_whole: bool) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (kind, symbol, columns) of the minutes finished before `before_minute` (epoch minutes).

        Where the stream had a gap since the last call, its minutes up to the running one are no whole ones: left out.
        """
        if not is_whole:
            self._broken_until = before_minute
        for kind, aggregators in (("quote_bars", self._quotes), ("trade_bars", self._trades)):
            for symbol, aggregator in aggregators.items():
                columns = aggregator.take(before_minute)
                whole = np.greater(columns["timestamp"], self._broken_until * US_PER_MINUTE)
                self._lost += int(np.count_nonzero(~whole))
                if whole.any():
                    yield kind, symbol, {name: column[whole] for name, column in columns.items()}


def _compile() -> None:
    """Have the kernels compiled now: in the session it would hold up everything for seconds."""
    stamps, ones = np.array([NS_PER_MINUTE]), np.ones(1)
    quotes, trades = QuoteAggregator(), TradeAggregator()
    quotes.add(stamps, ones, ones, ones, ones)
    trades.add(stamps, ones, ones, trade_updates([None]))
    for aggregator in (quotes, trades):
        aggregator.take(2)


def _by_symbol(ticks: Sequence[Any], before_ns: int) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for tick in ticks:
        if tick.stamp_ns < before_ns:
            found.setdefault(tick.symbol, []).append(tick)
    return found
