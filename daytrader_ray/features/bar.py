"""The inputs of the feature kernels."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


class Bar(NamedTuple):
    """One symbol's bar, adjusted forward by its session's factors; vwap and expected volume NaN where unknown."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    expected_volume: float
    price_factor: float


class Minute(NamedTuple):
    """Where a bar stands: its number in the session, the session's bars, Monday = 0, the length of a bar."""

    slot: int
    n_slots: int
    weekday: int
    bar_minutes: int


class Bars(NamedTuple):
    """Bars in arrays: `[row]` of one symbol or `[symbol]` of one minute; a NaN close is a minute outside the data.

    Prices are raw USD, volumes raw shares; the kernels see them adjusted by the factors of their session.
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


class Calendar(NamedTuple):
    """`Minute` of every row, `[row]` each."""

    slot: Int64
    n_slots: Int64
    weekday: Int64
    bar_minutes: int
