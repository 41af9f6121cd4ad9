"""The feature kernels against TA-Lib and pandas-ta, and the time of a live minute."""

import datetime as dt
import importlib
import statistics
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib

from benchmarks import features_talib
from benchmarks.registry import Result, benchmark, compared, seconds
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.features.bar import Bars, Crowd
from daytrader_ray.features.compute import calendar_of, compare, compute_symbol, crowd_of
from daytrader_ray.features.live import LiveFeatures
from daytrader_ray.features.step import CROSS_SECTION, CROSS_STATE, FEATURES, N_CROSS, N_FEATURES, NAMES, initial_state

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
N_SYMBOLS, N_SESSIONS = 100, 252
MOST_OF_TALIB, MOST_OF_PANDAS_TA = 1 / 1.5, 1 / 10
P50_MS, P99_MS = 0.1, 0.5
SPY, QQQ, N_SECTORS = 0, 1, 6


def _grid() -> SessionGrid:
    first = dt.date(2023, 1, 2)
    days = (first + dt.timedelta(days=k) for k in range(N_SESSIONS))
    return SessionGrid(tuple(Session(day, 28_000_000 + 1440 * k, 390) for k, day in enumerate(days)))


def _bars(n: int, seed: int) -> Bars:
    """Return `n` bars of one symbol, or of one minute, all of them with volume, ticks and events."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-4, n)))
    open_ = close * np.exp(rng.normal(0, 1e-4, n))
    high, low = np.maximum(open_, close) * (1 + rng.random(n) * 2e-4), np.minimum(open_, close) * 0.9998
    volume = 1.0 + 5000.0 * rng.random(n)
    vwap, ones = (high + low + close) / 3, np.ones(n)
    ticks = rng.random((n, 6)) * [4.0, 2.0, 800.0, 2.0, 40.0, 300.0] - [0.0, 1.0, 400.0, 1.0, -1.0, -1.0]
    events, traded = rng.integers(0, 9000, (n, 2)).astype(np.float64), np.ones(n, dtype=np.bool_)
    return Bars(open_, high, low, close, volume, vwap, traded, np.full(n, 2500.0), ones, ones, ticks, events)


def _peers(n_sessions: int) -> Peers:
    """Return SPY, QQQ and the members of six sectors without ETFs."""
    sector = np.arange(N_SYMBOLS) % N_SECTORS
    sector[[SPY, QQQ]] = -1
    member = np.repeat(sector[None] >= 0, n_sessions, axis=0)
    return Peers(SPY, QQQ, sector, np.full(N_SYMBOLS, -1), member)


def _same(names: list[str], ours: Float32, peers: Float32) -> None:
    """Hold both sides to the same numbers `[row, feature]`: what differs is not compared."""
    for k, name in enumerate(names):
        mine, other = ours[:, k].astype(np.float64), peers[:, k].astype(np.float64)
        both = np.isfinite(mine) & np.isfinite(other)
        tolerance = 1e-4 * np.maximum(np.abs(other[both]), np.median(np.abs(other[both])))
        if not both.any() or not (np.abs(mine - other)[both] <= tolerance).all():
            raise AssertionError(f"{name} differs from the other side: nothing is compared")


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    found: list[Any] = []
    return seconds(lambda: found.append(function())), found[0]


def _stacked(columns: features_talib.Columns, names: list[str]) -> Float32:
    return np.stack([columns[name] for name in names], axis=-1, dtype=np.float32, casting="unsafe")


def _bounded(line: Result, most: float) -> list[Result]:
    if line.ratio is None or line.ratio > most:
        raise AssertionError(f"{line.name}: {line.ratio} of the time of {line.peer}, at most {most:.2f}")
    return [line]


@benchmark("features.vs_talib")
def features_vs_talib() -> list[Result]:
    """Time every feature of 100 symbols over 252 sessions: first one symbol after the other, then minute by minute."""
    grid = _grid()
    calendar = calendar_of(grid)
    late = (calendar.slot > 350) & (calendar.session > 20)  # TA-Lib's ATR counts the night as range
    names = [feature.name for feature in FEATURES]
    ours, peers = [], []
    inputs = np.empty((grid.n_rows, N_SYMBOLS, N_CROSS))
    for symbol in range(-1, N_SYMBOLS):  # the first turn compiles and does not count
        bars = _bars(grid.n_rows, max(symbol, 0))
        own_time, own = _timed(lambda bars=bars: compute_symbol(bars, calendar))

        def other_side(bars: Bars = bars) -> Float32:
            columns, returns = features_talib.of_symbol(bars, calendar)
            features_talib.ranges(bars, returns[0])
            return _stacked(columns, names[:CROSS_SECTION])

        other_time, other = _timed(other_side)
        if symbol < 0:
            _same(names[:CROSS_SECTION], own.values[late], other[late])
            continue
        inputs[:, symbol] = own.cross
        ours.append(own_time)
        peers.append(other_time)
    cross, other_cross = _second_stage(grid, inputs, names[CROSS_SECTION:])
    per_row = 1e6 / grid.n_rows
    both = [
        [(own + stage / N_SYMBOLS) * per_row for own in side] for side, stage in ((ours, cross), (peers, other_cross))
    ]
    unit = f"us per symbol-minute, {N_FEATURES} features"
    return _bounded(compared("features.vs_talib", unit, f"TA-Lib {talib.__version__}, numpy", *both), MOST_OF_TALIB)


def _second_stage(grid: SessionGrid, inputs: Float64, names: list[str]) -> tuple[float, float]:
    """Return the seconds of both sides for the cross-section of all symbols, in turns over parts of the history."""
    calendar, crowd = calendar_of(grid), crowd_of(N_SYMBOLS, N_SESSIONS, _peers(N_SESSIONS))
    state = initial_state(N_SYMBOLS)[:, CROSS_STATE:]
    recursive = _recursive_with_talib(inputs, crowd)
    own_time, other_time = 0.0, recursive[0]
    for start in range(0, grid.n_rows, 13 * 390):
        rows = slice(start, start + 13 * 390)
        part = calendar._replace(session=calendar.session[rows])
        spent, own = _timed(lambda rows=rows, part=part: compare(state, part, inputs[rows], crowd))
        own_time += spent

        def other_side(rows: slice = rows) -> Float32:
            returns = np.ascontiguousarray(np.moveaxis(inputs[rows, :, :4], 2, 0))
            columns = features_talib.of_minutes(returns, np.ascontiguousarray(inputs[rows, :, 4]), crowd)
            columns |= {name: values[:, rows].T for name, values in recursive[1].items()}
            return _stacked(columns, names)

        spent, other = _timed(other_side)
        other_time += spent
    _same(names, own[:, 2:50].reshape(-1, len(names)), other[:, 2:50].reshape(-1, len(names)))
    return own_time, other_time


def _recursive_with_talib(inputs: Float64, crowd: Crowd) -> tuple[float, features_talib.Columns]:
    """Return seconds and `[symbol, row]` of the features that run along the history of a pair."""
    r = np.ascontiguousarray(inputs[:, :, 0].T)

    def all_pairs() -> features_talib.Columns:
        belongs = crowd.sector[:, None] == np.arange(N_SECTORS)
        total, size = belongs.T @ r, belongs.sum(axis=0)
        pairs = []
        for symbol in range(N_SYMBOLS):
            sector = crowd.sector[symbol]
            others = (total[sector] - r[symbol]) / (size[sector] - 1) if sector >= 0 else np.full(r.shape[1], np.nan)
            pairs.append(features_talib.of_pair(r[symbol], r[crowd.spy], others))
        return {name: np.stack([pair[name] for pair in pairs]) for name in pairs[0]}

    spent, found = _timed(all_pairs)
    return spent, found


def with_pandas_ta(ta: ModuleType, frame: pd.DataFrame, talib: bool) -> features_talib.Columns:
    """Return the features of which pandas-ta has the same number, by name; its skewness and kurtosis are others.

    With `talib` it is as shipped: it calls TA-Lib wherever it can; without it is its own pandas code.
    """
    high, low, close, r = (frame[name] for name in ("high", "low", "close", "r"))
    line, histogram, signal = (ta.macd(close, 12, 26, 9, talib=talib).iloc[:, k] for k in range(3))
    bands = ta.bbands(close, 20, 2, talib=talib)
    found = {
        "momentum.rsi_14": ta.rsi(close, 14, talib=talib),
        "momentum.macd_line": line / close,
        "momentum.macd_signal": signal / close,
        "momentum.macd_histogram": histogram / close,
        "momentum.roc_10": ta.roc(close, 10, talib=talib) / 100,
        "momentum.roc_30": ta.roc(close, 30, talib=talib) / 100,
        "momentum.williams_r_14": ta.willr(high, low, close, 14, talib=talib),
        "volatility.bollinger_b_20": (close - bands.iloc[:, 0]) / (bands.iloc[:, 2] - bands.iloc[:, 0]),
        "volatility.bollinger_width_20": (bands.iloc[:, 2] - bands.iloc[:, 0]) / bands.iloc[:, 1],
        "volatility.atr_14": ta.atr(high, low, close, 14, talib=talib) / close,
    }
    for n in (5, 10, 20, 50):
        found[f"trend.sma_{n}"] = close / ta.sma(close, n, talib=talib) - 1
        found[f"trend.ema_{n}"] = close / ta.ema(close, n, talib=talib) - 1
    for n in (15, 30, 60):
        sample = np.sqrt(n / (n - 1)) if talib else 1.0  # TA-Lib's deviation knows no ddof
        found[f"rolling.std_{n}"] = ta.stdev(r, n, ddof=1, talib=talib) * sample
    return {name: values.to_numpy() for name, values in found.items()}


@benchmark("features.vs_pandas_ta")
def features_vs_pandas_ta() -> list[Result]:
    """Time 100 symbols over 252 sessions: theirs the features in which both agree, ours all that a symbol has.

    The bound is on pandas-ta itself, its own pandas code, and on a value: one of theirs against one of ours. Three
    lines have no bound: a value as shipped, where it calls TA-Lib (`features.vs_talib` has that bound), and both whole
    times of a symbol, in which ours has four times the features.
    """
    ta = importlib.import_module("pandas_ta_classic")  # warns when imported
    grid = _grid()
    calendar = calendar_of(grid)
    late = (calendar.slot > 350) & (calendar.session > 2)  # its ATR counts the night as range
    sides = {"": ("its own pandas code", False), "_with_talib": ("with TA-Lib, as shipped", True)}
    ours, peers = list[float](), {side: list[float]() for side in sides}
    for symbol in range(-1, N_SYMBOLS):  # the first turn compiles and does not count
        bars = _bars(grid.n_rows, max(symbol, 0))
        own_time, own = _timed(lambda bars=bars: compute_symbol(bars, calendar))
        frame = pd.DataFrame({"high": bars.high, "low": bars.low, "close": bars.close})
        frame["r"] = np.log(frame["close"] / np.where(calendar.slot == 0, bars.open, frame["close"].shift()))
        for side, (_, talib_too) in sides.items():
            spent, other = _timed(lambda frame=frame, talib_too=talib_too: with_pandas_ta(ta, frame, talib_too))
            names = list(other)
            if symbol < 0:
                _same(names, own.values[late][:, [NAMES.index(name) for name in names]], _stacked(other, names)[late])
            else:
                peers[side].append(spent)
        if symbol >= 0:
            ours.append(own_time)
    lines = []
    for side, (what, _) in sides.items():
        name, peer = f"features.vs_pandas_ta{side}", f"pandas-ta-classic {ta.version}, {what}, {len(names)} features"
        parts = CROSS_SECTION * grid.n_rows * 1e-9, len(names) * grid.n_rows * 1e-9
        per_value = [[spent / part for spent in both] for both, part in zip((ours, peers[side]), parts, strict=True)]
        lines.append(compared(name, "ns per value", peer, *per_value))
        whole = [[1e3 * spent for spent in both] for both in (ours, peers[side])]
        lines.append(compared(f"{name}_whole", f"ms per symbol, {CROSS_SECTION} features", peer, *whole))
    return _bounded(lines[0], MOST_OF_PANDAS_TA) + lines[1:]


@benchmark("features.live_step_ms_p99")
def features_live_step(n_steps: int = 3900) -> list[Result]:
    """Time the step of one minute of 100 symbols, every feature, over ten sessions."""
    live = LiveFeatures([f"S{k}" for k in range(N_SYMBOLS)], peers=_peers(1))
    session, times = Session(dt.date(2025, 7, 1), 29_190_000, 390), []
    minutes = [_bars(N_SYMBOLS, seed) for seed in range(40)]
    live.step(session, 0, minutes[0])
    for row in range(n_steps):
        slot, bars = row % 390, minutes[row % len(minutes)]
        times.append(1e3 * seconds(lambda slot=slot, bars=bars: live.step(session, slot, bars)))
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    if p50 > P50_MS or p99 > P99_MS:
        raise AssertionError(f"a live step takes {p50:.3f} ms (p99 {p99:.3f}), at most {P50_MS} ({P99_MS})")
    unit = f"ms, {N_SYMBOLS} symbols"
    return [
        Result("features.live_step_ms_p50", p50, unit, "", None, None, 0.0, n_steps),
        Result("features.live_step_ms_p99", p99, unit, "", None, None, 0.0, n_steps),
    ]
