"""The inputs of the feature kernels."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

TICKS = ("spread_bps", "depth_imbalance", "order_flow", "tick_imbalance", "trades", "mean_size")
"""What quotes (the first three) and trades of a minute tell; sizes and flow in raw shares, NaN where there are none."""
EVENTS = ("minutes_to", "minutes_since")
"""Wall-clock minutes to the next event that is known and since the last one; NaN where there is none."""
CROSS_INPUTS = ("return_1", "return_5", "return_15", "return_30", "relative_volume")
"""What the cross-section reads of a symbol; NaN in a minute without a bar, or where the symbol is too young."""


class Bar(NamedTuple):
    """One symbol's bar, adjusted forward by its session's factors; NaN where unknown, from vwap on."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    expected_volume: float
    price_factor: float
    spread_bps: float
    depth_imbalance: float
    order_flow: float
    tick_imbalance: float
    trades: float
    mean_size: float
    minutes_to: float
    minutes_since: float


class Minute(NamedTuple):
    """Where a bar stands: its number in the session, the session's bars, Monday = 0, the length of a bar."""

    slot: int
    n_slots: int
    weekday: int
    bar_minutes: int


class Bars(NamedTuple):
    """Bars in arrays: `[row]` of one symbol or `[symbol]` of one minute; a NaN close is a minute outside the data.

    Prices are raw USD, volumes raw shares; the kernels see them adjusted by the factors of their session. `ticks` is
    `[n, 6]` (`TICKS`), `events` `[n, 2]` (`EVENTS`).
    """

    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    vwap: Float64
    traded: Bool
    expected_volume: Float64
    price_factor: Float64
    share_factor: Float64
    ticks: Float64
    events: Float64


class Calendar(NamedTuple):
    """`Minute` of every row and the number of its session, `[row]` each."""

    slot: Int64
    n_slots: Int64
    weekday: Int64
    session: Int64
    bar_minutes: int


class Crowd(NamedTuple):
    """Whom the cross-section compares with (`domain.peers.Peers`): columns (-1: none), sectors, members.

    `sector`, `proxy` int64 `[symbol]`; `member` bool `[session, symbol]`, or `[1, symbol]` of the session that runs;
    `columns` int64 `[k]` the symbols whose features are wanted: all of them, or one part of a build.
    """

    spy: int
    qqq: int
    sector: Int64
    proxy: Int64
    member: Bool
    columns: Int64


def without(n: int, names: tuple[str, ...]) -> Float64:
    """Return the `[n, name]` of inputs that are not there: NaN."""
    return np.full((n, len(names)), np.nan)
