"""What an oracle sees: the bars of one symbol, and all others beside it."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.peers import Peers

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Case:
    """The symbol in `column`; arrays `[bar]` hold its bars alone, minutes without a price left out.

    `expected_volume` `[row, symbol]`, `ticks` `[row, symbol, 6]`, `events` `[row, symbol, 2]` and `peers` are what
    `compute` was given.
    """

    panel: Panel
    expected_volume: Float64
    column: int = 0
    ticks: Float64 | None = None
    events: Float64 | None = None
    peers: Peers | None = None
    _seen: dict[int, "Case"] = field(default_factory=dict)

    @cached_property
    def rows(self) -> Int64:
        """Row of each bar."""
        return np.flatnonzero(~np.isnan(self.panel.close[:, self.column]))

    def _price(self, name: str) -> Float64:
        factor = self.panel.price_factor[self.session, self.column]
        return np.ascontiguousarray(getattr(self.panel, name)[self.rows, self.column] * factor)

    @cached_property
    def open(self) -> Float64:
        """Adjusted, like all prices and volumes."""
        return self._price("open")

    @cached_property
    def high(self) -> Float64:
        return self._price("high")

    @cached_property
    def low(self) -> Float64:
        return self._price("low")

    @cached_property
    def close(self) -> Float64:
        return self._price("close")

    @cached_property
    def vwap(self) -> Float64:
        return self._price("vwap")

    @cached_property
    def share_factor(self) -> Float64:
        return np.asarray(self.panel.share_factor[self.session, self.column])

    @cached_property
    def volume(self) -> Float64:
        traded = self.panel.traded[self.rows, self.column]
        return np.where(traded, self.panel.volume[self.rows, self.column] / self.share_factor, 0.0)

    @cached_property
    def expected(self) -> Float64:
        return np.asarray(self.expected_volume[self.rows, self.column] / self.share_factor)

    @cached_property
    def session(self) -> Int64:
        return np.asarray(self.panel.grid.session_of_row[self.rows])

    @cached_property
    def slot(self) -> Int64:
        return np.asarray(self.panel.grid.slot_of_row[self.rows])

    @cached_property
    def first(self) -> npt.NDArray[np.bool_]:
        """Whether a bar is the first of the symbol in its session."""
        return np.diff(self.session, prepend=-1) != 0

    @cached_property
    def r(self) -> Float64:
        """Log return inside the session."""
        before = np.where(self.first, self.open, np.roll(self.close, 1))
        return np.asarray(np.log(self.close / before))

    def bars_in(self, minutes: int) -> int:
        """Bars in a horizon given in minutes."""
        return max(1, minutes // self.panel.grid.bar_minutes)

    def since_open(self, values: Float64) -> Float64:
        """Sum of `values` `[bar]` from the session's first bar on."""
        return pd.Series(values).groupby(self.session).cumsum().to_numpy()

    def of(self, column: int) -> "Case":
        """Return the same market seen from another symbol."""
        if column not in self._seen:
            self._seen[column] = replace(self, column=column)
        return self._seen[column]


def windows(values: Float64, n: int) -> Float64:
    """Return the last `n` values at each bar `[bar, n]`, NaN for the first n - 1 bars."""
    padded = np.concatenate([np.full(n - 1, np.nan), values])
    return np.lib.stride_tricks.sliding_window_view(padded, n)
