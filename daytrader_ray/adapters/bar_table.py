"""The session's minute bars as all sources together gave them: one bar a symbol and minute, the first valid one."""

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from daytrader_ray.adapters.messages import SeenBar
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.sessions import Session

REST = "rest"
_SHARE = 0.5


class Offer(StrEnum):
    """What became of a bar."""

    NEW = "new"
    SAME = "same"
    """Known already, with the same values."""
    OTHER = "other"
    """Known already, and another source says something else: the first one stays."""
    REVISED = "revised"
    """Known already, and its own source (or the vendor's history) corrects it."""
    OUTSIDE = "outside"
    """Of a minute or symbol that does not belong to the session."""
    INVALID = "invalid"
    """Values that no bar can have."""


class BarTable:
    """Bars `[slot, symbol]` of one session, in memory of a fixed size.

    `seen` says where a bar is; `known` where it is certain what happened: there is a bar, or there was no trade.
    `told` is the newest slot of which the vendor's history has told: what it leaves out later may still come.
    """

    def __init__(self, session: Session, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        shape = session.n_minutes, len(self.symbols)
        self.seen = np.zeros(shape, dtype=np.bool_)
        self.known = np.zeros(shape, dtype=np.bool_)
        self.is_index = np.array([is_index(symbol) for symbol in self.symbols], dtype=np.bool_)
        self.told = -1
        self._session = session
        self._answers: list[tuple[int, int, int]] = []
        self._columns = {symbol: i for i, symbol in enumerate(self.symbols)}
        self._values = np.full((*shape, 6), np.nan)
        self._sources: list[str] = []
        self._source = np.zeros(shape, dtype=np.int8)
        self._missing = np.full(shape[0], np.count_nonzero(~self.is_index), dtype=np.int64)
        self._day_volume = np.full(shape[1], np.nan)
        self._day_slot = np.full(shape[1], -1, dtype=np.int64)

    def slot(self, minute: int) -> int:
        """Return the slot of a minute; outside 0 to `n_minutes - 1` where it is none of the session's."""
        return minute - self._session.open_minute

    def minute(self, slot: int) -> int:
        """Return the epoch minute of a slot."""
        return self._session.open_minute + slot

    def offer(self, bar: SeenBar, source: str) -> Offer:
        """Take a bar unless one of its symbol and minute is known; say what became of it."""
        column = self._columns.get(bar.symbol, -1)
        if column < 0:
            return Offer.OUTSIDE
        slot = self.slot(bar.minute)
        inside = 0 <= slot < len(self.seen)
        if not _is_possible(bar):
            return Offer.INVALID if inside else Offer.OUTSIDE
        self._follow(column, slot, bar)
        if not inside:
            return Offer.OUTSIDE
        if source == REST and not self.is_index[column]:
            self.told = max(self.told, slot)
        values, code = bar[2:8], self._code(source)
        if not self.seen[slot, column]:
            self._put(slot, column, values, code)
            self.seen[slot, column] = self.known[slot, column] = True
            self._missing[slot] -= not self.is_index[column]
            return Offer.NEW
        if np.array_equal(self._values[slot, column], values, equal_nan=True):
            return Offer.SAME
        if source != REST and self._source[slot, column] != code:
            return Offer.OTHER
        self._put(slot, column, values, code)
        return Offer.REVISED

    def is_complete(self, slot: int) -> bool:
        """Return whether every stock has a bar of that minute."""
        return bool(self._missing[slot] == 0)

    def cover(self, slot: int, index: bool) -> None:
        """Note that a stream without a gap has told all there is of a minute: of the stocks, or of the indices."""
        self.known[slot, self.is_index == index] = True

    def answer(self, symbol: str, first: int, last: int) -> None:
        """Note that the vendor's history was asked for a symbol's slots `first` to `last`, and has answered."""
        self._answers.append((self._columns[symbol], first, last))

    def settle(self) -> None:
        """Believe the answers where they tell of no trade, up to the newest bar that history has."""
        for column, first, last in self._answers:
            self.known[first : min(last, self.told) + 1, column] = True

    def forget_answers(self) -> None:
        """Take no answer so far as a word about what history tells from now on."""
        self._answers.clear()

    def is_silent(self, slot: int) -> bool:
        """Return whether no stock has a bar of that minute."""
        return not self.seen[slot, ~self.is_index].any()

    def unknown(self, slot: int) -> dict[str, int]:
        """Return the symbols of which something up to `slot` is not known, and the first such slot."""
        open_ = ~self.known[: slot + 1]
        return {self.symbols[i]: int(open_[:, i].argmax()) for i in np.flatnonzero(open_.any(axis=0))}

    def stale(self, slot: int) -> list[str]:
        """Return the stocks of which it is not known what they did in that minute."""
        return [self.symbols[i] for i in np.flatnonzero(~self.known[slot] & ~self.is_index)]

    def _follow(self, column: int, slot: int, bar: SeenBar) -> None:
        """Compare with the day's volume so far: what is missing in it was traded in a minute that was not told."""
        last, told = int(self._day_slot[column]), self._day_volume[column]
        if not bar.day_volume > 0 or slot <= last or slot >= len(self.known):
            return
        if bar.day_volume - bar.volume - told > _SHARE:
            between = slice(max(last + 1, 0), slot)
            self.known[between, column] = self.seen[between, column]
        self._day_slot[column], self._day_volume[column] = max(slot, -1), bar.day_volume

    def _put(self, slot: int, column: int, values: tuple[float, ...], code: int) -> None:
        self._values[slot, column] = values
        self._source[slot, column] = code

    def _code(self, source: str) -> int:
        if source not in self._sources:
            self._sources.append(source)
        return self._sources.index(source)


def _is_possible(bar: SeenBar) -> bool:
    prices = bar[2:6]
    sound = all(map(math.isfinite, prices)) and math.isfinite(bar.volume) and bar.volume >= 0
    return sound and 0 < bar.low == min(prices) and bar.high == max(prices)
