"""Quotes and trades of chosen symbols, folded into minutes as they come, by the code that folds history."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from daytrader_ray.adapters.feature_inputs import QUOTE_COLUMNS, TRADE_COLUMNS
from daytrader_ray.adapters.messages import Quote, Trade
from daytrader_ray.domain.sessions import NS_PER_MINUTE, US_PER_MINUTE, Session
from daytrader_ray.features.bar import TICKS
from daytrader_ray.market_data.conditions import trade_updates
from daytrader_ray.market_data.ticks import Columns, QuoteAggregator, TradeAggregator, shares_quoted


class LiveTicks:
    """One aggregator for each symbol whose quotes or trades are followed; `counts` says what was left out.

    Only what is stamped inside the session is folded, as in history: no quote of before the open stands at it.
    """

    def __init__(self, quotes: Sequence[str], trades: Sequence[str], session: Session) -> None:
        if quotes or trades:
            _compile()
        self._quotes = {symbol: QuoteAggregator() for symbol in quotes}
        self._trades = {symbol: TradeAggregator() for symbol in trades}
        self._opens, self._closes = session.open_minute * NS_PER_MINUTE, session.close_minute * NS_PER_MINUTE
        self._finished: dict[int, dict[str, list[float]]] = {}
        self._silent = {"quote_bars": set(quotes), "trade_bars": set(trades)}
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

    def alarms(self) -> list[str]:
        """Return in words of which symbols no minute came; features that read it had no value."""
        return [
            f"live bars: no {kind.removesuffix('_bars')}s came of {', '.join(sorted(symbols))}"
            for kind, symbols in self._silent.items()
            if symbols
        ]

    def add(self, quotes: Sequence[Quote], trades: Sequence[Trade], last_minute: int) -> None:
        """Take the quotes and trades of one frame, in its order, up to an epoch minute: later ones are no clock's."""
        before = (last_minute + 1) * NS_PER_MINUTE
        self._future += sum(tick.stamp_ns >= before for ticks in (quotes, trades) for tick in ticks)
        until = min(before, self._closes)
        for symbol, some in _by_symbol(quotes, self._opens, until).items():
            if symbol in self._quotes:
                stamps, bid, ask, bid_size, ask_size = (
                    np.array(column) for column in list(zip(*some, strict=True))[1:]
                )
                self._quotes[symbol].add(
                    stamps, bid, ask, shares_quoted(bid_size, stamps), shares_quoted(ask_size, stamps)
                )
        for symbol, some in _by_symbol(trades, self._opens, until).items():
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
        for kind, aggregators, inputs in (
            ("quote_bars", self._quotes, slice(None, len(QUOTE_COLUMNS))),
            ("trade_bars", self._trades, slice(len(QUOTE_COLUMNS), None)),
        ):
            for symbol, aggregator in aggregators.items():
                columns = aggregator.take(before_minute)
                whole = np.greater(columns["timestamp"], self._broken_until * US_PER_MINUTE)
                self._lost += int(np.count_nonzero(~whole))
                if whole.any():
                    columns = {name: column[whole] for name, column in columns.items()}
                    self._remember(symbol, columns, inputs)
                    self._silent[kind].discard(symbol)
                    yield kind, symbol, columns

    def minute(self, minute: int) -> Mapping[str, Sequence[float]]:
        """Return what quotes and trades say of an epoch minute that `take` gave (`features.bar.TICKS`), by symbol.

        Earlier minutes are forgotten; later ones, which a stream may be ahead with, wait for theirs.
        """
        self._finished = {at: values for at, values in self._finished.items() if at >= minute}
        return self._finished.pop(minute, {})

    def _remember(self, symbol: str, columns: Columns, inputs: slice) -> None:
        names = (*QUOTE_COLUMNS, *TRADE_COLUMNS)[inputs]
        for k, stamp in enumerate(columns["timestamp"]):
            values = self._finished.setdefault(int(stamp) // US_PER_MINUTE, {}).setdefault(
                symbol, [np.nan] * len(TICKS)
            )
            values[inputs] = [float(columns[name][k]) for name in names]


def _compile() -> None:
    """Have the kernels compiled now: in the session it would hold up everything for seconds."""
    stamps, ones = np.array([NS_PER_MINUTE]), np.ones(1)
    quotes, trades = QuoteAggregator(), TradeAggregator()
    quotes.add(stamps, ones, ones, ones, ones)
    trades.add(stamps, ones, ones, trade_updates([None]))
    for aggregator in (quotes, trades):
        aggregator.take(2)


def _by_symbol(ticks: Sequence[Any], from_ns: int, before_ns: int) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for tick in ticks:
        if from_ns <= tick.stamp_ns < before_ns:
            found.setdefault(tick.symbol, []).append(tick)
    return found
