"""The same features with TA-Lib, and with numpy where it has no function: what a good engineer writes over arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt
import talib
from scipy.special import erf

from daytrader_ray.features.bar import Bars, Calendar, Crowd
from daytrader_ray.features.kernels import cross_section, microstructure

Float64 = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]


def of_symbol(bars: Bars, calendar: Calendar) -> tuple[Columns, Float64]:
    """Return every feature of one symbol but the cross-section by name, and its four returns `[4, row]`."""
    close, first = bars.close, calendar.slot == 0
    before = np.where(first, bars.open, np.concatenate([[bars.open[0]], close[:-1]]))
    r = np.log(close / before)
    sums = {n: talib.SUM(r, n) for n in (5, 15, 30, 60)}
    starts = np.flatnonzero(first)[calendar.session]
    found = _momentum(bars) | _trend(close) | _volatility(bars, r) | _volume(bars, r, starts)
    found |= _rolling(r, sums) | _time(calendar) | _ticks(bars) | _estimates(bars, r)
    found |= {f"lag.return_{n}": sums[n] for n in (5, 15, 30)} | {"lag.return_1": r}
    found["lag.overnight_gap"] = np.log(bars.open[starts] / np.where(starts > 0, close[starts - 1], np.nan))
    found["lag.since_open"] = np.log(close / bars.open[starts])
    found["events.minutes_to"], found["events.minutes_since"] = bars.events.T
    return found, np.stack([r, sums[5], sums[15], sums[30]])


def _momentum(bars: Bars) -> Columns:
    close = bars.close
    fast, slow = talib.EMA(close, 12), talib.EMA(close, 26)
    line = fast - slow
    signal = talib.EMA(line, 9)
    return {
        "momentum.rsi_14": talib.RSI(close, 14),
        "momentum.macd_line": line / close,
        "momentum.macd_signal": signal / close,
        "momentum.macd_histogram": (line - signal) / close,
        "momentum.roc_10": talib.ROCP(close, 10),
        "momentum.roc_30": talib.ROCP(close, 30),
        "momentum.williams_r_14": talib.WILLR(bars.high, bars.low, close, 14),
        "momentum.ema_strength_12_26": line / slow,
    }


def _trend(close: Float64) -> Columns:
    found = _averages(close, "")
    for minutes in (5, 15):
        of_aggregates = _averages(np.ascontiguousarray(close[minutes - 1 :: minutes]), f"_{minutes}m")
        for name, values in of_aggregates.items():
            standing = np.full(close.size, np.nan)
            standing[minutes - 1 :] = np.repeat(values, minutes)[: close.size - minutes + 1]
            found[name] = standing
    return found


def _averages(close: Float64, suffix: str) -> Columns:
    simple = {n: talib.SMA(close, n) for n in (5, 10, 20, 50)}
    found = {f"trend.sma_{n}{suffix}": close / values - 1 for n, values in simple.items()}
    found |= {f"trend.ema_{n}{suffix}": close / talib.EMA(close, n) - 1 for n in simple}
    return found | {f"trend.slope_20{suffix}": talib.ROCP(simple[20], 1)}


def _volatility(bars: Bars, r: Float64) -> Columns:
    upper, middle, lower = talib.BBANDS(bars.close, 20, 2, 2)
    height, body = np.log(bars.high / bars.low) ** 2, np.log(bars.close / bars.open) ** 2
    realised = {n: np.sqrt(talib.SUM(r * r, n)) for n in (15, 30, 60)}
    band = upper - lower
    return {
        "volatility.bollinger_b_20": (bars.close - lower) / band,
        "volatility.bollinger_width_20": band / middle,
        "volatility.atr_14": talib.ATR(bars.high, bars.low, bars.close, 14) / bars.close,
        **{f"volatility.realised_{n}": values for n, values in realised.items()},
        "volatility.parkinson_30": np.sqrt(talib.SMA(height, 30) / (4 * np.log(2))),
        "volatility.garman_klass_30": np.sqrt(talib.SMA(height / 2 - (2 * np.log(2) - 1) * body, 30)),
        "volatility.vol_of_vol_60": talib.STDDEV(realised[15], 60) / talib.SMA(realised[15], 60),
    }


def _volume(bars: Bars, r: Float64, starts: npt.NDArray[np.int64]) -> Columns:
    def since_open(values: Float64) -> Float64:
        total = np.cumsum(values)
        return np.asarray(total - (total[starts] - values[starts]), dtype=np.float64)

    shares = since_open(bars.volume)
    place = (2 * bars.close - bars.high - bars.low) / (bars.high - bars.low)
    return {
        "volume.obv": since_open(np.sign(r) * bars.volume) / shares,
        "volume.accumulation_distribution": since_open(place * bars.volume) / shares,
        "volume.relative_volume": bars.volume / bars.expected_volume,
        "volume.vwap_distance": bars.close * shares / since_open(bars.volume * bars.vwap) - 1,
    }


def _rolling(r: Float64, sums: dict[int, Float64]) -> Columns:
    found: Columns = {}
    squares = r * r
    cubes, fourths = squares * r, squares * squares
    for n in (15, 30, 60):
        mean, m2, m3, m4 = sums[n] / n, talib.SMA(squares, n), talib.SMA(cubes, n), talib.SMA(fourths, n)
        square = mean * mean
        variance = m2 - square
        found[f"rolling.mean_{n}"] = mean
        found[f"rolling.std_{n}"] = np.sqrt(variance * (n / (n - 1)))
        found[f"rolling.skew_{n}"] = (m3 - 3 * mean * m2 + 2 * mean * square) / (variance * np.sqrt(variance))
        central = m4 - 4 * mean * m3 + 6 * square * m2 - 3 * square * square
        found[f"rolling.kurtosis_{n}"] = central / (variance * variance) - 3
    return found


def _time(calendar: Calendar) -> Columns:
    slot, n_slots = calendar.slot, calendar.n_slots
    angle = 2 * np.pi * np.arange(390) / 390
    return {
        "time.minute_sin": np.sin(angle)[slot],
        "time.minute_cos": np.cos(angle)[slot],
        "time.to_close": (n_slots - 1 - slot) / n_slots,
        "time.weekday": calendar.weekday / 4,
        "time.first_hour": slot < 60,
        "time.last_hour": n_slots - slot <= 60,
        "time.half_day": n_slots < 390,
    }


def _ticks(bars: Bars) -> Columns:
    spread, depth, flow, imbalance, trades, size = (np.ascontiguousarray(bars.ticks[:, k]) for k in range(6))
    span = microstructure.SPAN
    return {
        "microstructure.spread_bps": spread,
        "microstructure.depth_imbalance": depth,
        "microstructure.order_flow_imbalance": flow / talib.EMA(np.abs(flow), span),
        "microstructure.has_quotes": ~np.isnan(spread),
        "microstructure.tick_imbalance": imbalance,
        "microstructure.trade_count": trades / talib.EMA(trades, span),
        "microstructure.mean_trade_size": size / talib.EMA(size, span),
        "microstructure.has_trades": ~np.isnan(trades),
    }


def _estimates(bars: Bars, r: Float64) -> Columns:
    top, bottom = np.log(bars.high / bars.close), np.log(bars.low / bars.close)
    high, low = r + top, r + bottom
    top, bottom = (np.concatenate([[np.nan], values[:-1]]) for values in (top, bottom))
    both = np.sqrt((top - bottom) ** 2 + (high - low) ** 2)
    apart = np.maximum(both - np.maximum(top, high) + np.minimum(bottom, low), 0)
    signed = bars.volume * erf(r / np.sqrt(2 * talib.SMA(r * r, 30)))
    return {
        "microstructure.corwin_schultz": talib.SMA(2 * np.tanh((1 + np.sqrt(2)) / 2 * apart), 30),
        "microstructure.abdi_ranaldo": talib.SMA(np.sqrt(np.maximum((top + bottom) * (high + low), 0)), 30),
        "microstructure.amihud": talib.SMA(np.abs(r) * bars.expected_volume / bars.volume, 30),
        "microstructure.bulk_volume_imbalance": talib.SUM(signed, 30) / talib.SUM(bars.volume, 30),
    }


def ranges(bars: Bars, r: Float64) -> tuple[Float64, Float64]:
    """Return atr_5 and sigma_30, which the kernels compute beside the features."""
    high, low = bars.high.reshape(-1, 5).max(axis=1), bars.low.reshape(-1, 5).min(axis=1)
    atr_5 = np.repeat(talib.ATR(high, low, np.ascontiguousarray(bars.close[4::5]), 14), 5)
    return atr_5, talib.STDDEV(r, 60) * np.sqrt(30 * 60 / 59)


def of_minutes(returns: Float64, relative_volume: Float64, crowd: Crowd) -> Columns:
    """Return the cross-section `[row, symbol]` by name but the recursive part; `returns` `[4, row, symbol]`."""
    found: Columns = {}
    belongs = crowd.sector[:, None] == np.arange(crowd.sector.max() + 1)
    others = np.maximum(belongs.sum(axis=0)[crowd.sector] - 1, 1)
    members = crowd.member[0]
    for minutes, values in zip((5, 15, 30), returns[1:], strict=True):
        sector = ((values @ belongs)[:, crowd.sector] - values) / others
        found[f"cross_section.excess_sector_{minutes}"] = np.where(members, values - sector, np.nan)
        found[f"cross_section.excess_spy_{minutes}"] = values - values[:, [crowd.spy]]
        found[f"cross_section.excess_qqq_{minutes}"] = values - values[:, [crowd.qqq]]
        found[f"cross_section.rank_return_{minutes}"] = _ranks(values, members)
    return found | {"cross_section.rank_volume": _ranks(relative_volume, members)}


def _ranks(values: Float64, members: npt.NDArray[np.bool_]) -> Float64:
    """Return ranks in [-1, 1] among the members; ties, which hardly are, in any order."""
    inside = values[:, members]
    ranks = np.empty(inside.shape)
    np.put_along_axis(ranks, np.argsort(inside, axis=1), np.arange(inside.shape[1], dtype=np.float64)[None], axis=1)
    found = np.full(values.shape, np.nan)
    found[:, members] = 2 * ranks / (inside.shape[1] - 1) - 1
    return found


def of_pair(r: Float64, spy: Float64, sector: Float64) -> Columns:
    """Return beta and correlation of one symbol `[row]`."""
    span = cross_section.SPAN
    beta = talib.EMA(r * spy, span) / talib.EMA(spy * spy, span)
    own, other = talib.EMA(r * r, span), talib.EMA(sector * sector, span)
    correlation = talib.EMA(r * sector, span) / np.sqrt(own * other)
    return {"cross_section.beta_spy_390": beta, "cross_section.correlation_sector_390": correlation}
