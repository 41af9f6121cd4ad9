"""Bars of many symbols on the session grid: the form in which every pure function reads the market."""

from dataclasses import dataclass, field, fields
from typing import Protocol, Self, overload

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.sessions import SessionGrid

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

_FACTORS = ("price_factor", "share_factor")


@dataclass(frozen=True)
class Panel:
    """Raw prices and volumes `[row, symbol]`, float64.

    A minute without an eligible trade carries the last close of its session in all four prices, volume 0 and
    `traded` False. Minutes before a symbol's first bar of a session, and for imported sessions after its last, are
    NaN in all prices (volume 0, `traded` False). `vwap` is NaN where the vendor gives none.

    `price_factor` and `share_factor` `[session, symbol]` adjust forward (`market_data.adjust`): a raw price times its
    session's price factor, a raw volume over its share factor, are comparable across splits (and, of prices,
    dividends). Left out, they are 1.
    """

    grid: SessionGrid
    symbols: tuple[str, ...]
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    vwap: Float64
    traded: Bool
    price_factor: Float64 = field(default_factory=lambda: np.empty((0, 0)))
    share_factor: Float64 = field(default_factory=lambda: np.empty((0, 0)))

    def __post_init__(self) -> None:
        shape = len(self.grid.sessions), len(self.symbols)
        for name in _FACTORS:
            if getattr(self, name).size == 0:
                object.__setattr__(self, name, np.ones(shape))
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} is {getattr(self, name).shape}, expected [session, symbol] = {shape}")

    def part(self, start: int, stop: int) -> Self:
        """Return the sessions `start` to `stop - 1`: views, no copies."""
        rows = slice(int(self.grid.first_row[start]), int(self.grid.first_row[stop]))
        arrays = {
            f.name: getattr(self, f.name)[slice(start, stop) if f.name in _FACTORS else rows] for f in fields(self)[2:]
        }
        return type(self)(self.grid.part(start, stop), self.symbols, **arrays)

    def column(self, symbol: str) -> int:
        """Return the column of `symbol`; `ValueError` where it is absent."""
        return self.symbols.index(symbol)


@dataclass(frozen=True)
class SessionStatistics:
    """What is known of each symbol's trading before a session opens, from at most 20 earlier sessions.

    `adv` shares a session `[symbol]`; `sigma_day` standard deviation of daily log returns `[symbol]`;
    `expected_volume` mean volume of the same minute `[slot, symbol]`. Shares are those of the session itself: after a
    split of its morning they are new ones. NaN with fewer than 3 earlier sessions.
    """

    adv: Float64
    sigma_day: Float64
    expected_volume: Float64


class Matrix(Protocol):
    """Feature values `[row, symbol, feature]`, in memory or on disk: what can be asked of both.

    Code that may meet features on disk uses these accesses alone, so that it reads what it needs and no more.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, symbols, features."""

    @overload
    def __getitem__(self, key: slice, /) -> "Matrix": ...

    @overload
    def __getitem__(self, key: tuple[slice, int], /) -> Float32: ...

    def __getitem__(self, key: slice | tuple[slice, int], /) -> "Matrix | Float32":
        """Return some rows (a view), or some rows of one symbol, float32 `[row, feature]`."""


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of all symbols on the session grid.

    `values` float32 `[row, symbol, feature]` in the order of `names`, NaN while warming up or outside the session;
    `atr_5` raw USD of the row's session, `return_30` log return and `sigma_30` its standard deviation, float64
    `[row, symbol]`: inputs of labels, stops and strategy weights that are not scale-free or not for the members.
    """

    names: tuple[str, ...]
    values: Matrix
    atr_5: Float64
    return_30: Float64
    sigma_30: Float64


@dataclass(frozen=True)
class Frames:
    """All that training, search and backtest read: bars, features and what was known before each session.

    `adv` (shares) and `sigma_day` are `[session, symbol]`, `expected_volume` (shares) is `[row, symbol]`; each uses
    earlier sessions only and is NaN with fewer than 3 of them. `half_spread_bps` `[session, symbol]`, known before the
    session, stands for that of the cost config's table (NaN: the table); left out, it is NaN.
    """

    panel: Panel
    features: FeatureMatrix
    adv: Float64
    sigma_day: Float64
    expected_volume: Float64
    half_spread_bps: Float64 = field(default_factory=lambda: np.empty((0, 0)))

    def __post_init__(self) -> None:
        if self.half_spread_bps.size == 0:
            object.__setattr__(self, "half_spread_bps", np.full(self.adv.shape, np.nan))
