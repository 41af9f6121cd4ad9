"""What Polygon's streams say about a minute: `AM`, `A`, `T`, `Q` and `LULD` of stocks, `AM` and `V` of indices.

Sizes of quotes are in the vendor's units of the day; `q` grows by symbol and has gaps. A halt begins with the
indicator `PAUSED` of `LULD` and ends with `RESUMED` (massive.com/docs/websocket/stocks/luld).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.sessions import NS_PER_MINUTE
from daytrader_ray.sandbox.bars import trades
from daytrader_ray.sandbox.data_stream import Stamped
from daytrader_ray.sandbox.doors import MINUTE_MS
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.outlet import Event
from daytrader_ray.sandbox.polygon_ticks import units_quoted
from daytrader_ray.sandbox.source import SessionBars

Float64 = npt.NDArray[np.float64]

PAUSED, RESUMED = 17, 18
BAND = 0.05
"""Half width of the price band of `LULD`, as a share of the last close."""
VENUE, TAPE = 4, 3
REGULAR = 0
"""Condition of a regular sale."""

SECOND_NS, MS_NS = 1_000_000_000, 1_000_000
PER_MINUTE = 100_000
"""Sequence numbers that a symbol's minute has for its quotes, and again for its trades."""


class PolygonEvents:
    """Puts the market's minutes in Polygon's words."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._so_far = lru_cache(maxsize=2048)(self._totals)
        self._channels: dict[str, Callable[[str, int], list[Stamped]]] = {
            "A": self._seconds,
            "T": self._trades,
            "Q": self._quotes,
            "LULD": self._bands,
            "V": self._values,
        }

    def bar(self, symbol: str, slot: int) -> Event | None:
        """Return `AM` of a minute; None where there was no trade."""
        return self._bar(symbol, slot, self._day(symbol), slot)

    def first_report(self, event: Event) -> Event:
        """Return an `AM` as an earlier report had it, with late trades missing."""
        symbol, session = event["sym"], self._exchange.session
        slot = event["s"] // MINUTE_MS - self._exchange.day.open_minute
        early = self._bar(symbol, slot, self._exchange.market.revision(symbol, session, slot), 0)
        return event if early is None else early

    def inside(self, channel: str, symbol: str, slot: int) -> list[Stamped]:
        """Return what a channel says during a minute, in the order of time."""
        return self._channels[channel](symbol, slot)

    def _bar(self, symbol: str, slot: int, bars: SessionBars, row: int) -> Event | None:
        if not bars.traded[row]:
            return None
        start = (self._exchange.day.open_minute + slot) * MINUTE_MS
        prices = {
            "op": self._official_open(symbol),
            "o": float(bars.open[row]),
            "c": float(bars.close[row]),
            "h": float(bars.high[row]),
            "l": float(bars.low[row]),
        }
        times = {"s": start, "e": start + MINUTE_MS}
        if is_index(symbol):
            return {"ev": "AM", "sym": symbol, **prices, **times}
        day_volume, day_vwap = self._so_far(symbol, self._exchange.session)
        volume = int(bars.volume[row])
        sums = {"v": volume, "av": int(day_volume[slot]), "vw": float(bars.vwap[row]), "a": float(day_vwap[slot])}
        return {"ev": "AM", "sym": symbol, **sums, **prices, "z": volume // trades(volume), **times}

    def _day(self, symbol: str) -> SessionBars:
        return self._exchange.market.bars(symbol, self._exchange.session)

    def _official_open(self, symbol: str) -> float:
        bars = self._day(symbol)
        return float(bars.open[np.argmax(bars.traded)])

    def _totals(self, symbol: str, session: int) -> tuple[Float64, Float64]:
        """Return volume and VWAP of the day up to the end of each minute `[slot]`."""
        bars = self._exchange.market.bars(symbol, session)
        volume = np.cumsum(bars.volume)
        value = np.cumsum(np.where(bars.traded, bars.volume * bars.vwap, 0.0))
        return volume, np.round(value / np.maximum(volume, 1.0), 4)

    def _trades(self, symbol: str, slot: int) -> list[Stamped]:
        made = self._exchange.market.trades(symbol, self._exchange.session, slot)
        values = zip(made.stamp_ns.tolist(), made.price.tolist(), made.size.tolist(), strict=True)
        return [
            (
                stamp,
                {
                    "ev": "T", "sym": symbol, "x": VENUE, "i": str(slot * PER_MINUTE + n), "z": TAPE, "p": price,
                    "s": int(size), "c": [REGULAR], "t": stamp // MS_NS, "q": slot * PER_MINUTE + n,
                },
            )
            for n, (stamp, price, size) in enumerate(values)
        ]  # fmt: skip

    def _quotes(self, symbol: str, slot: int) -> list[Stamped]:
        made = self._exchange.market.quotes(symbol, self._exchange.session, slot)
        sizes = (units_quoted(size, made.stamp_ns) for size in (made.bid_size, made.ask_size))
        columns = (made.stamp_ns, made.bid, made.ask, *sizes)
        values = zip(*(column.tolist() for column in columns), strict=True)
        return [
            (
                stamp,
                {
                    "ev": "Q", "sym": symbol, "bx": VENUE, "bp": bid, "bs": int(bid_size), "ax": VENUE,
                    "ap": ask, "as": int(ask_size), "c": REGULAR, "z": TAPE, "t": stamp // MS_NS,
                    "q": slot * PER_MINUTE + n,
                },
            )
            for n, (stamp, bid, ask, bid_size, ask_size) in enumerate(values)
        ]  # fmt: skip

    def _seconds(self, symbol: str, slot: int) -> list[Stamped]:
        """Return `A`: the trades of each second in which there were any."""
        made = self._exchange.market.trades(symbol, self._exchange.session, slot)
        if not made.size.size:
            return []
        second = made.stamp_ns // SECOND_NS
        starts = np.flatnonzero(np.diff(second, prepend=second[0] - 1))
        day_volume, day_vwap = self._so_far(symbol, self._exchange.session)
        before = (float(day_volume[slot - 1]), float(day_vwap[slot - 1])) if slot else (0.0, 0.0)
        shares = before[0] + np.cumsum(made.size)
        value = before[0] * before[1] + np.cumsum(made.size * made.price)
        opened = self._official_open(symbol)
        found = []
        for start, stop in zip(starts, [*starts[1:], len(second)], strict=True):
            price, size = made.price[start:stop], made.size[start:stop]
            volume, ends = int(size.sum()), (int(second[start]) + 1) * 1_000
            event = {
                "ev": "A", "sym": symbol, "v": volume, "av": int(shares[stop - 1]), "op": opened,
                "vw": round(float(price @ size) / volume, 4), "o": float(price[0]), "c": float(price[-1]),
                "h": float(price.max()), "l": float(price.min()),
                "a": round(float(value[stop - 1] / shares[stop - 1]), 4), "z": volume // len(size),
                "s": ends - 1_000, "e": ends,
            }  # fmt: skip
            found.append((ends * MS_NS, event))
        return found

    def _values(self, symbol: str, slot: int) -> list[Stamped]:
        """Return `V`: the value of an index as the minute begins and as it ends."""
        bars, start = self._day(symbol), (self._exchange.day.open_minute + slot) * NS_PER_MINUTE
        if not bars.traded[slot]:
            return []
        first = {"ev": "V", "val": float(bars.open[slot]), "T": symbol, "t": start // MS_NS}
        last = {"ev": "V", "val": float(bars.close[slot]), "T": symbol, "t": start // MS_NS + MINUTE_MS - 1}
        return [(start, first), (start + NS_PER_MINUTE - MS_NS, last)]

    def _bands(self, symbol: str, slot: int) -> list[Stamped]:
        """Return `LULD` where a halt begins or ends."""
        start = (self._exchange.day.open_minute + slot) * NS_PER_MINUTE
        last = float(self._exchange.mark(symbol))
        return [
            (
                start,
                {
                    "ev": "LULD", "T": symbol, "h": round(last * (1 + BAND), 2), "l": round(last * (1 - BAND), 2),
                    "i": [indicator], "z": TAPE, "t": start // MS_NS, "q": slot * PER_MINUTE,
                },
            )
            for halt in self._exchange.market.halts(symbol, self._exchange.session)
            for at, indicator in ((halt.start, PAUSED), (halt.stop, RESUMED))
            if at == slot
        ]  # fmt: skip
