"""Every feature against an answer that does not come from the kernels: TA-Lib, or its definition in numpy."""

import dataclasses

import numpy as np
import pytest
import talib

from daytrader_ray.domain.panel import Panel
from daytrader_ray.features.compute import compute
from daytrader_ray.features.step import FEATURES, NAMES
from tests.features.conftest import make_inputs


@pytest.fixture(scope="module")
def market(panel_maker):
    """Two sessions without holes: the oracle knows no missing minutes."""
    panel = panel_maker(n_sessions=5).part(3, 5)
    assert not np.isnan(panel.close[:, 0]).any()
    return panel


@pytest.fixture(scope="module")
def features(market):
    return compute(market, np.full(market.close.shape, 700.0))


def column(features, name, symbol=0):
    return features.values[:, symbol, NAMES.index(name)].astype(np.float64)


def assert_close(found, expected, rows=slice(None)):
    both = np.isfinite(found[rows]) & np.isfinite(expected[rows])
    assert both.sum() > 100
    error = np.abs(found - expected)[rows][both]
    size = np.abs(expected[rows][both])
    assert (error <= 1e-6 * np.maximum(size, np.median(size))).all(), error.max()


def bars(market, symbol=0):
    return (np.ascontiguousarray(getattr(market, name)[:, symbol]) for name in ("open", "high", "low", "close"))


def oracle(market):
    _, high, low, close = bars(market)
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    return {
        "momentum.rsi_14": talib.RSI(close, 14),
        "momentum.macd_line": line / close,
        "momentum.macd_signal": signal / close,
        "momentum.macd_histogram": histogram / close,
        "momentum.roc_10": talib.ROCP(close, 10),
        "momentum.roc_30": talib.ROCP(close, 30),
        "momentum.williams_r_14": talib.WILLR(high, low, close, 14),
        "trend.sma_20": close / talib.SMA(close, 20) - 1,
        "trend.ema_10": close / talib.EMA(close, 10) - 1,
        "trend.ema_50": close / talib.EMA(close, 50) - 1,
        "volatility.bollinger_b_20": (close - lower) / (upper - lower),
        "volatility.bollinger_width_20": (upper - lower) / middle,
    }


@pytest.mark.parametrize("name", [feature.name for feature in FEATURES[:12]])
def test_feature_equals_talib(name, market, features):
    assert_close(column(features, name), oracle(market)[name])


def test_atr_equals_talib_inside_a_session(market):
    first = market.part(0, 1)
    features = compute(first, np.full(first.close.shape, 700.0))
    _, high, low, close = bars(first)
    expected = talib.ATR(high, low, close, 14) / close
    found = column(features, "volatility.atr_14")
    assert np.nanmax(np.abs(found / expected - 1)[350:]) < 1e-6


def reference(market, symbol=0):
    """Definitions, minute by minute, in plain numpy."""
    open_, high, low, close = (array for array in bars(market, symbol))
    volume, vwap = market.volume[:, symbol], market.vwap[:, symbol]
    slot, n = market.grid.slot_of_row, market.grid.n_rows
    starts = market.grid.first_row[market.grid.session_of_row]
    r = np.log(close / np.where(slot == 0, open_, np.roll(close, 1)))
    price = np.where(np.isnan(vwap), (high + low + close) / 3, vwap)

    def rolling(length, function):
        return np.array([function(r[t - length + 1 : t + 1]) if t >= length - 1 else np.nan for t in range(n)])

    def since_open(values):
        return np.array([values[s : t + 1].sum() for t, s in enumerate(starts)])

    return {
        "volatility.realised_30": rolling(30, lambda x: np.sqrt((x**2).sum())),
        "volume.obv": since_open(np.sign(r) * volume) / since_open(volume),
        "volume.relative_volume": volume / 700.0,
        "volume.vwap_distance": close * since_open(volume) / since_open(volume * price) - 1,
        **{f"lag.return_{k}": rolling(k, np.sum) for k in (1, 5, 15, 30)},
        "lag.overnight_gap": np.where(starts > 0, np.log(open_[starts] / close[starts - 1]), np.nan),
        "lag.since_open": np.log(close / open_[starts]),
        "time.minute_sin": np.sin(2 * np.pi * slot / 390),
        "time.minute_cos": np.cos(2 * np.pi * slot / 390),
        "time.to_close": 1 - (slot + 1) / 390,
        "time.weekday": np.array([market.grid.sessions[s].date.weekday() / 4 for s in market.grid.session_of_row]),
    }, r


@pytest.mark.parametrize("name", [f.name for f in FEATURES[13:] if f.family not in ("microstructure", "cross_section")])
def test_feature_equals_its_definition(name, market, features):
    assert_close(column(features, name), reference(market)[0][name])


def test_return_and_sigma_over_thirty_minutes(market, features):
    _, r = reference(market)
    deviation = np.array([np.std(r[t - 59 : t + 1], ddof=1) if t >= 59 else np.nan for t in range(len(r))])
    assert_close(features.sigma_30[:, 0], np.sqrt(30) * deviation)
    assert_close(features.return_30[:, 0], reference(market)[0]["lag.return_30"])


def test_atr_5_is_wilders_average_of_completed_five_minute_bars(panel_maker):
    panel = panel_maker(n_sessions=6)
    found = compute(panel, np.full(panel.close.shape, 700.0)).atr_5[:, 2]
    averages, average, previous, n = [], np.nan, np.nan, 0
    for row in range(panel.grid.n_rows):
        if panel.grid.slot_of_row[row] % 5 == 4:
            part = slice(row - 4, row + 1)
            high, low = panel.high[part, 2].max(), panel.low[part, 2].min()
            if panel.grid.slot_of_row[row] > 4:
                high, low = max(high, previous), min(low, previous)
            average = high - low if n == 0 else (13 * average + high - low) / 14
            previous, n = panel.close[row, 2], n + 1
        averages.append(average if n >= 219 else np.nan)
    assert_close(found, np.array(averages))
    assert (np.isnan(found) == np.isnan(averages)).all()


def test_a_flat_market_has_defined_values(panel_maker):
    panel = panel_maker()
    flat = np.full(panel.close.shape, 50.0)
    panel = Panel(panel.grid, panel.symbols, flat, flat, flat, flat, panel.volume * 0, flat * np.nan, panel.traded)
    features = compute(panel, np.full(flat.shape, 700.0))
    last = {name: features.values[-1, 0, k] for k, name in enumerate(NAMES)}
    assert last["momentum.rsi_14"] == 50
    assert last["momentum.williams_r_14"] == -50
    assert last["volatility.bollinger_b_20"] == 0.5
    assert last["volatility.bollinger_width_20"] == 0
    assert last["volume.relative_volume"] == 0
    assert np.isnan(last["volume.vwap_distance"])
    assert np.isnan(last["volume.obv"])
    assert np.isnan(features.sigma_30[-1, 0])


def test_after_warm_up_a_longer_history_changes_nothing_that_matters(panel_maker):
    panel = panel_maker(n_sessions=14)
    late = panel.grid.first_row[4]
    part, inputs = panel.part(4, 14), make_inputs(panel)
    long = compute(panel, np.full(panel.close.shape, 700.0), **inputs).values[late:]
    peers = dataclasses.replace(inputs["peers"], member=inputs["peers"].member[4:])
    short = compute(part, np.full(part.close.shape, 700.0), peers=peers, ticks=inputs["ticks"][late:]).values
    for k, name in enumerate(NAMES):
        if name != "lag.overnight_gap":
            assert_close(short[:, 3, k].astype(float), long[:, 3, k].astype(float))
