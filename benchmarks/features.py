"""The feature kernels against TA-Lib."""

import datetime as dt

import numpy as np
import numpy.typing as npt
import talib

from benchmarks.registry import Result, alternating, benchmark, compared
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.features.bar import EVENTS, TICKS, Bars, Calendar, without
from daytrader_ray.features.compute import calendar_of, compute_symbol
from daytrader_ray.features.step import NAMES

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
N_SESSIONS = 640
RUNS = 7


def _grid() -> SessionGrid:
    first = dt.date(2023, 1, 2)
    days = (first + dt.timedelta(days=k) for k in range(N_SESSIONS))
    return SessionGrid(tuple(Session(day, 28_000_000 + 1440 * k, 390) for k, day in enumerate(days)))


def _bars(grid: SessionGrid, seed: int) -> Bars:
    rng = np.random.default_rng(seed)
    n = grid.n_rows
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-4, n)))
    open_ = close * np.exp(rng.normal(0, 1e-4, n))
    high, low = np.maximum(open_, close) * 1.0002, np.minimum(open_, close) * 0.9998
    volume = rng.integers(1, 5000, n).astype(np.float64)
    vwap = (high + low + close) / 3
    ones = np.ones(n)
    traded, none = np.ones(n, dtype=np.bool_), (without(n, TICKS), without(n, EVENTS))
    return Bars(open_, high, low, close, volume, vwap, traded, np.full(n, 2500.0), ones, ones, *none)


def ranges_with_talib(bars: Bars, r: Float64) -> tuple[Float64, Float64]:
    """Compute atr_5 and sigma_30 with TA-Lib."""
    high, low = bars.high.reshape(-1, 5).max(axis=1), bars.low.reshape(-1, 5).min(axis=1)
    atr_5 = np.repeat(talib.ATR(high, low, np.ascontiguousarray(bars.close[4::5]), 14), 5)
    return atr_5, talib.STDDEV(r, 60) * np.sqrt(30 * 60 / 59)


def with_talib(bars: Bars, calendar: Calendar, starts: npt.NDArray[np.int64], market: Float64) -> Float32:
    """Compute the same features in the same order with TA-Lib, and with numpy where it has no function."""
    close = bars.close
    first = calendar.slot == 0
    before = np.where(first, bars.open, np.concatenate([[bars.open[0]], close[:-1]]))
    r = np.log(close / before)
    ranges_with_talib(bars, r)
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)

    def since_open(values: Float64) -> Float64:
        total = np.cumsum(values)
        return np.asarray(total - (total[starts] - values[starts]), dtype=np.float64)

    shares = since_open(bars.volume)
    return_over_15 = talib.SUM(r, 15)
    angle = 2 * np.pi * calendar.slot / 390
    gap = np.log(bars.open[starts] / np.where(starts > 0, close[starts - 1], np.nan))
    columns = [
        talib.RSI(close, 14),
        line / close,
        signal / close,
        histogram / close,
        talib.ROCP(close, 10),
        talib.ROCP(close, 30),
        talib.WILLR(bars.high, bars.low, close, 14),
        close / talib.SMA(close, 20) - 1,
        close / talib.EMA(close, 10) - 1,
        close / talib.EMA(close, 50) - 1,
        (close - lower) / (upper - lower),
        (upper - lower) / middle,
        talib.ATR(bars.high, bars.low, close, 14) / close,
        np.sqrt(talib.SUM(r * r, 30)),
        since_open(np.sign(r) * bars.volume) / shares,
        bars.volume / bars.expected_volume,
        close * shares / since_open(bars.volume * bars.vwap) - 1,
        r,
        talib.SUM(r, 5),
        return_over_15,
        talib.SUM(r, 30),
        gap,
        np.log(close / bars.open[starts]),
        np.sin(angle),
        np.cos(angle),
        (calendar.n_slots - 1 - calendar.slot) / calendar.n_slots,
        calendar.weekday / 4,
        return_over_15 - market,
    ]
    return np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")


def _check(ours: Float32, peers: Float32, slot: npt.NDArray[np.int64]) -> None:
    """Hold both sides to the same numbers, away from the open (TA-Lib's ATR counts the night as range)."""
    late = slot > 350
    for k, name in enumerate(NAMES[:-1]):
        mine, other = ours[late, k].astype(np.float64), peers[late, k].astype(np.float64)
        both = np.isfinite(mine) & np.isfinite(other)
        tolerance = 1e-4 * np.maximum(np.abs(other[both]), np.median(np.abs(other[both])))
        if not (np.abs(mine - other)[both] <= tolerance).all():
            raise AssertionError(f"{name} differs from TA-Lib: nothing is compared")


@benchmark("features.vs_talib")
def features_vs_talib() -> list[Result]:
    """Time all features and ranges of one symbol over 250,000 minutes: TA-Lib over arrays, ours bar by bar."""
    grid = _grid()
    calendar, bars = calendar_of(grid), _bars(grid, 1)
    market = compute_symbol(_bars(grid, 2), calendar).cross[:, 2]
    starts = grid.first_row[grid.session_of_row]

    def ours() -> Float32:
        return compute_symbol(bars, calendar).values

    def peers() -> Float32:
        return with_talib(bars, calendar, starts, market)

    _check(ours(), peers(), calendar.slot)
    times = [[1e6 * t / grid.n_rows for t in side] for side in alternating(ours, peers, RUNS)]
    return [compared("features.vs_talib", "us per symbol-minute", f"TA-Lib {talib.__version__}, numpy", *times)]
