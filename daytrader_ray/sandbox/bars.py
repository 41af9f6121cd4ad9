"""Columns of bars as the REST doors serve them: joined into windows, written as JSON."""

from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from daytrader_ray.domain.jit import njit

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

UNIT = 10_000
"""Prices are written in 1e-4 USD wherever that is exact."""
LARGEST = 2**53
INDEX_FIELDS = ("o", "c", "h", "l", "t")
STOCK_FIELDS = ("v", "vw", "o", "c", "h", "l", "t", "n")

Count = TypeVar("Count", int, Float64)


def trades(volume: Count) -> Count:
    """Return the number of trades that made a volume, as the market's trades have it; none made no volume."""
    return (volume // 100 + 5) * (volume > 0)


@dataclass(frozen=True)
class Bars:
    """Bars `[n]`, ascending: `start` of each in epoch ms, prices USD, volume in shares, number of trades."""

    start: Int64
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    vwap: Float64
    trades: Float64

    def __len__(self) -> int:
        return len(self.start)

    def part(self, start: int, stop: int) -> Self:
        """Return bars `start` to `stop - 1`."""
        return type(self)(*(column[start:stop] for column in self._columns()))

    def _columns(self) -> tuple[Any, ...]:
        return self.start, self.open, self.high, self.low, self.close, self.volume, self.vwap, self.trades

    @classmethod
    def concatenate(cls, parts: list["Bars"]) -> "Bars":
        """Lay bars end to end; without any the columns are empty."""
        if not parts:
            return cls(np.empty(0, dtype=np.int64), *(np.empty(0) for _ in range(7)))
        return cls(*(np.concatenate(columns) for columns in zip(*(part._columns() for part in parts), strict=True)))

    def joined(self, windows: Int64) -> "Bars":
        """Join the bars of each window (its start in ms for each bar `[n]`, ascending) into one."""
        first = np.flatnonzero(np.diff(windows, prepend=-1))
        if len(first) == len(self):
            return Bars(windows, *self._columns()[1:])
        last = np.append(first[1:], len(self)) - 1
        volume = np.add.reduceat(self.volume, first)
        value = np.add.reduceat(np.where(self.volume > 0, self.volume * self.vwap, 0.0), first)
        mean = np.divide(value, volume, out=self.close[last].copy(), where=volume > 0)
        return Bars(
            windows[first],
            self.open[first],
            np.maximum.reduceat(self.high, first),
            np.minimum.reduceat(self.low, first),
            self.close[last],
            volume,
            np.rint(mean * UNIT) / UNIT,
            np.add.reduceat(self.trades, first),
        )

    def rows(self, *, index: bool) -> list[dict[str, float]]:
        """Return one object a bar in Polygon's words; an `index` has neither volume nor trades."""
        fields = INDEX_FIELDS if index else STOCK_FIELDS
        columns = (self._field(name).tolist() for name in fields)
        return [dict(zip(fields, values, strict=True)) for values in zip(*columns, strict=True)]

    def json(self, *, index: bool) -> bytes:
        """Return `rows` as a JSON array, in the order of the columns."""
        if not len(self):
            return b"[]"
        fields = INDEX_FIELDS if index else STOCK_FIELDS
        cells = np.empty((len(self), len(fields)), dtype=np.int64)
        for at, name in enumerate(fields):
            column = self._field(name)
            if column.dtype == np.int64:
                cells[:, at] = column * UNIT
                continue
            scaled = np.rint(column * UNIT)
            if not (np.abs(scaled) < LARGEST).all() or not np.array_equal(scaled / UNIT, column):
                return orjson.dumps(self.rows(index=index))
            cells[:, at] = scaled
        names = [b'%s"%s":' % (b"," if at else b"{", name.encode()) for at, name in enumerate(fields)]
        ends = np.cumsum([len(name) for name in names])
        out = np.empty(2 + len(cells) * (int(ends[-1]) + 21 * len(fields) + 2), dtype=np.uint8)
        return out[: _write(cells, np.frombuffer(b"".join(names), dtype=np.uint8), ends, out)].tobytes()

    def _field(self, name: str) -> Any:
        by_name: dict[str, Any] = {
            "v": self.volume,
            "vw": self.vwap,
            "o": self.open,
            "c": self.close,
            "h": self.high,
            "l": self.low,
            "t": self.start,
            "n": self.trades,
        }
        column = by_name[name]
        if name in {"v", "n"} and bool((np.rint(column) == column).all()):
            return column.astype(np.int64)
        return column

    def reversed(self) -> "Bars":
        """Return the bars, newest first."""
        return Bars(*(column[::-1] for column in self._columns()))


@njit
def _write(cells: Int64, names: Bytes, ends: Int64, out: Bytes) -> int:
    """Write `cells` `[row, field]` in units of 1e-4 as an array of JSON objects; return its length in bytes.

    A decimal of at most four places is the integer over 1e4, both exact, so reading it gives the same double.
    """
    out[0] = 91  # [
    at = 1
    digits = np.empty(24, dtype=np.uint8)
    for row in range(cells.shape[0]):
        if row:
            out[at] = 44  # ,
            at += 1
        begin = 0
        for field in range(cells.shape[1]):
            for name_at in range(begin, ends[field]):
                out[at] = names[name_at]
                at += 1
            begin = ends[field]
            value = cells[row, field]
            if value < 0:
                out[at] = 45  # -
                at += 1
                value = -value
            whole, part = value // 10_000, value % 10_000
            n = 0
            while n == 0 or whole > 0:
                digits[n] = 48 + whole % 10
                whole //= 10
                n += 1
            for place in range(n - 1, -1, -1):
                out[at] = digits[place]
                at += 1
            if part:
                out[at] = 46  # .
                at += 1
                scale = 1_000
                while part > 0:
                    out[at] = 48 + part // scale
                    part %= scale
                    scale //= 10
                    at += 1
        out[at] = 125  # }
        at += 1
    out[at] = 93  # ]
    return at + 1
