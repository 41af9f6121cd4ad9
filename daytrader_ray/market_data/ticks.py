"""Quotes and trades of one symbol and session, folded minute by minute: the same code for history and live.

Ticks come in pages of any size in the order of the tape; memory holds one open minute and the finished minutes that
nobody has taken. Every sum runs tick by tick, so that the bits do not depend on how the pages are cut. Stamps count in
whole milliseconds, as the stream tells them, so that a minute of history is the same bits as the minute that was live.
"""

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Float64
from daytrader_ray.domain.sessions import NS_PER_MINUTE, US_PER_MINUTE, Int64
from daytrader_ray.market_data.conditions import HIGH_LOW, OPEN_CLOSE, VOLUME

ROUND_LOT = 100
IN_SHARES_SINCE_NS = 1_762_146_000_000_000_000
"""From 2025-11-03 in New York quote sizes are published in shares, before in round lots (SEC release 34-101070)."""

Columns = dict[str, npt.NDArray[np.generic]]
"""Columns of a table by name; `timestamp` is int64 microseconds since 1970 (START of the minute)."""

_NO_MINUTE = -1
_NS_PER_MS = 1_000_000

_QUOTE_COLUMNS = (
    "quotes", "spread_mean_bps", "spread_close_bps", "bid_close", "ask_close", "bid_size_mean", "ask_size_mean",
    "imbalance", "order_flow",
)  # fmt: skip
_TRADE_COLUMNS = ("open", "high", "low", "close", "volume", "vwap", "trades", "tick_imbalance", "mean_size")
_COUNTS = ("quotes", "trades")


class _Minutes:
    """What the two aggregators share: finished minutes, the open one, and how many ticks were left out."""

    def __init__(self, names: tuple[str, ...], n_state: int) -> None:
        self._names = names
        self._clock = np.array([_NO_MINUTE, 0, 0, 0], dtype=np.int64)
        self._state = np.zeros(n_state)
        self._minutes: list[Int64] = []
        self._rows: list[Float64] = []

    @property
    def late(self) -> int:
        """Ticks left out because their minute was closed already."""
        return int(self._clock[2])

    @property
    def unsound(self) -> int:
        """Ticks left out because of their values."""
        return int(self._clock[3])

    def _room(self, stamp_ns: Int64) -> tuple[Int64, Float64]:
        """Return rows for all minutes that a page can finish."""
        n = 1 + int(np.count_nonzero(np.diff(stamp_ns // NS_PER_MINUTE)))
        return np.empty(n, dtype=np.int64), np.empty((n, len(self._names)))

    @staticmethod
    def _in_ms(stamp_ns: Int64) -> Int64:
        """Return stamps without what is below a millisecond."""
        return np.asarray(stamp_ns, np.int64) // _NS_PER_MS * _NS_PER_MS

    def _keep(self, minutes: Int64, rows: Float64, n: int) -> None:
        self._minutes.append(minutes[:n].copy())
        self._rows.append(rows[:n].copy())

    def _taken(self) -> Columns:
        minutes = np.concatenate(self._minutes or [np.zeros(0, dtype=np.int64)])
        rows = np.concatenate(self._rows or [np.zeros((0, len(self._names)))])
        self._minutes.clear()
        self._rows.clear()
        columns: Columns = {"timestamp": minutes * US_PER_MINUTE}
        for at, name in enumerate(self._names):
            columns[name] = rows[:, at].astype(np.int32) if name in _COUNTS else rows[:, at].copy()
        return columns


def shares_quoted(size: Float64, stamp_ns: Int64) -> Float64:
    """Return quote sizes `[n]` in shares, as the aggregators take them, from the units of their time."""
    return np.where(stamp_ns < IN_SHARES_SINCE_NS, size * ROUND_LOT, size)


class QuoteAggregator(_Minutes):
    """Best bids and offers into the columns of `QUOTE_BARS`: one row a minute with at least one sound quote.

    Sound is a quote with both prices and sizes above 0 and a bid not above its ask: a locked one counts with a spread
    of 0; a crossed or one-sided one is left out, and until the next sound quote there is none (no weight in the means,
    no order flow across it). Means are weighted by the time that a quote stands inside the minute, the one standing at
    its start included; NaN where none stood for any time. `order_flow` is the sum of Cont, Kukanov and Stoikov (2014):
    what was added to the bid and taken from the ask, in shares.
    """

    def __init__(self) -> None:
        super().__init__(_QUOTE_COLUMNS, 15)

    def add(self, stamp_ns: Int64, bid: Float64, ask: Float64, bid_size: Float64, ask_size: Float64) -> None:
        """Add a page of quotes `[n]`: epoch ns, USD, shares."""
        minutes, rows = self._room(stamp_ns)
        quotes = np.stack([bid, ask, bid_size, ask_size], dtype=np.float64)
        n = _add_quotes(self._in_ms(stamp_ns), quotes, self._clock, self._state, minutes, rows)
        self._keep(minutes, rows, n)

    def take(self, before_minute: int) -> Columns:
        """Close all minutes before `before_minute` (epoch minutes) and return the finished ones not yet taken."""
        minutes, rows = np.empty(1, dtype=np.int64), np.empty((1, len(self._names)))
        if _NO_MINUTE < self._clock[0] < before_minute:
            self._keep(minutes, rows, _close_quotes(before_minute, self._clock, self._state, minutes, rows, 0))
        return self._taken()


class TradeAggregator(_Minutes):
    """Trades into the columns of `TRADE_BARS`: one row a minute with at least one trade that counts as volume.

    What a trade updates comes from its conditions (`conditions.trade_updates`). Prices are NaN in a minute in which
    nothing may set open and close: the vendor has no bar there. `vwap` is over all volume. The tick rule (Lee and Ready
    1991) signs the trades that may be the last price by the last different price before; `tick_imbalance` is their
    signed volume over all volume, `mean_size` volume over trades.
    """

    def __init__(self) -> None:
        super().__init__(_TRADE_COLUMNS, 10)

    def add(self, stamp_ns: Int64, price: Float64, size: Float64, updates: npt.NDArray[np.uint8]) -> None:
        """Add a page of trades `[n]`: epoch ns, USD, shares, and what each may update."""
        minutes, rows = self._room(stamp_ns)
        trades = np.stack([price, size], dtype=np.float64)
        n = _add_trades(
            self._in_ms(stamp_ns), trades, np.array(updates, np.uint8), self._clock, self._state, minutes, rows
        )
        self._keep(minutes, rows, n)

    def take(self, before_minute: int) -> Columns:
        """Close all minutes before `before_minute` (epoch minutes) and return the finished ones not yet taken."""
        minutes, rows = np.empty(1, dtype=np.int64), np.empty((1, len(self._names)))
        if _NO_MINUTE < self._clock[0] < before_minute:
            self._keep(minutes, rows, _close_trades(before_minute, self._clock, self._state, minutes, rows, 0))
        return self._taken()


# clock [4]: the open minute, the time (ns) up to which quotes are weighed, late ticks, unsound ticks.
# state of quotes [15]: bid, ask, bid size and ask size of the last sound quote, 1 while it stands; then of the open
# minute: weight (s), weighted sums of spread, bid size, ask size, imbalance; order flow, quotes; last spread, bid, ask.
# state of trades [10]: last price, sign of its last change; open, high, low, close, volume, USD, trades, signed volume.


@njit
def _add_quotes(stamps: Int64, quotes: Float64, clock: Int64, state: Float64, minutes: Int64, rows: Float64) -> int:
    n = 0
    for i in range(len(stamps)):
        minute = stamps[i] // NS_PER_MINUTE
        if minute < clock[0]:
            clock[2] += 1
            continue
        if minute > clock[0]:
            n = _close_quotes(minute, clock, state, minutes, rows, n)
        _weigh(stamps[i], clock, state)
        bid, ask, bid_size, ask_size = quotes[0, i], quotes[1, i], quotes[2, i], quotes[3, i]
        if bid > 0 and ask >= bid and bid_size > 0 and ask_size > 0 and np.isfinite(ask + bid_size + ask_size):
            _replace(bid, ask, bid_size, ask_size, state)
        else:
            state[4] = 0.0
            clock[3] += 1
    return n


@njit
def _weigh(until_ns: int, clock: Int64, state: Float64) -> None:
    """Weigh the quote that stands until `until_ns`; time never runs back."""
    if until_ns <= clock[1]:
        return
    if state[4] > 0:
        weight = (until_ns - clock[1]) * 1e-9
        bid, ask, bid_size, ask_size = state[0], state[1], state[2], state[3]
        state[5] += weight
        state[6] += weight * _spread_bps(bid, ask)
        state[7] += weight * bid_size
        state[8] += weight * ask_size
        state[9] += weight * ((bid_size - ask_size) / (bid_size + ask_size))
    clock[1] = until_ns


@njit
def _spread_bps(bid: float, ask: float) -> float:
    return 2e4 * (ask - bid) / (ask + bid)


@njit
def _replace(bid: float, ask: float, bid_size: float, ask_size: float, state: Float64) -> None:
    """Let a sound quote stand, and add what it changed to the order flow."""
    if state[4] > 0:
        if bid >= state[0]:
            state[10] += bid_size
        if bid <= state[0]:
            state[10] -= state[2]
        if ask <= state[1]:
            state[10] -= ask_size
        if ask >= state[1]:
            state[10] += state[3]
    state[0], state[1], state[2], state[3], state[4] = bid, ask, bid_size, ask_size, 1.0
    state[11] += 1.0
    state[12], state[13], state[14] = _spread_bps(bid, ask), bid, ask


@njit
def _close_quotes(minute: int, clock: Int64, state: Float64, minutes: Int64, rows: Float64, n: int) -> int:
    """Finish the open minute and open `minute`; returns how many rows there are now."""
    _weigh((clock[0] + 1) * NS_PER_MINUTE, clock, state)
    if state[11] > 0:
        weight = state[5] if state[5] > 0 else np.nan
        minutes[n] = clock[0]
        rows[n, 0], rows[n, 1], rows[n, 2] = state[11], state[6] / weight, state[12]
        rows[n, 3], rows[n, 4] = state[13], state[14]
        rows[n, 5], rows[n, 6], rows[n, 7] = state[7] / weight, state[8] / weight, state[9] / weight
        rows[n, 8] = state[10]
        n += 1
    state[5:] = 0.0
    clock[0], clock[1] = minute, minute * NS_PER_MINUTE
    return n


@njit
def _add_trades(
    stamps: Int64,
    trades: Float64,
    updates: npt.NDArray[np.uint8],
    clock: Int64,
    state: Float64,
    minutes: Int64,
    rows: Float64,
) -> int:
    n = 0
    for i in range(len(stamps)):
        minute = stamps[i] // NS_PER_MINUTE
        price, size = trades[0, i], trades[1, i]
        if minute < clock[0]:
            clock[2] += 1
            continue
        if minute > clock[0]:
            n = _close_trades(minute, clock, state, minutes, rows, n)
        if not (price > 0 and size > 0 and np.isfinite(price) and np.isfinite(size)):
            clock[3] += 1
            continue
        _trade(price, size, updates[i], state)
    return n


@njit
def _trade(price: float, size: float, updates: int, state: Float64) -> None:
    if updates & HIGH_LOW:
        state[3] = max(state[3], price)
        state[4] = min(state[4], price)
    if updates & OPEN_CLOSE:
        if state[2] == 0.0:
            state[2] = price
        state[5] = price
        if state[0] > 0 and price != state[0]:
            state[1] = 1.0 if price > state[0] else -1.0
        state[0] = price
    if updates & VOLUME:
        state[6] += size
        state[7] += price * size
        state[8] += 1.0
        if updates & OPEN_CLOSE:
            state[9] += state[1] * size


@njit
def _close_trades(minute: int, clock: Int64, state: Float64, minutes: Int64, rows: Float64, n: int) -> int:
    """Finish the open minute and open `minute`; returns how many rows there are now."""
    if state[8] > 0:
        minutes[n] = clock[0]
        rows[n, :4] = np.nan
        if state[2] > 0:
            rows[n, :4] = state[2:6]
        rows[n, 4], rows[n, 5], rows[n, 6] = state[6], state[7] / state[6], state[8]
        rows[n, 7], rows[n, 8] = state[9] / state[6], state[6] / state[8]
        n += 1
    state[2:] = 0.0
    state[4] = np.inf
    clock[0] = minute
    return n
