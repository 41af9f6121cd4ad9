"""Extras agree with TA-Lib run over the whole history of real bars, overnight gaps, flat stretches and all."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import talib

from daytrader_ray.features.bar import EVENTS, TICKS, Bars, without
from daytrader_ray.features.extras import parse
from daytrader_ray.features.trailing import initial_tails, run_extras

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FILES = ["lean/1min/SPY.parquet", "lean/1min/TWX.parquet", "yf_intraday_mit/1min/GLD.parquet"]
TEXTS = (
    "CCI(20)", "ADX(14)", "RSI(14)", "MACD.macdhist", "BBANDS(20,2,2).upper", "STOCH(14,3,3).slowk", "ATR(14)",
    "EMA(30)", "TRIX(10)", "MFI(14)", "PPO", "AROONOSC(25)", "LINEARREG_SLOPE(10)", "PVO", "CVI",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real bars of ../shared/data are not there")


@pytest.mark.parametrize("name", FILES)
def test_a_trailing_window_gives_what_the_whole_history_gives(name):
    table = pq.read_table(DATA / name)
    prices = [table[field].to_numpy().astype(np.float64) for field in ("open", "high", "low", "close", "volume")]
    n, extras = len(table), [parse(text) for text in TEXTS]
    one, nothing = np.ones(n), np.full(n, np.nan)
    ticks, events = without(n, TICKS), without(n, EVENTS)
    bars = Bars(*prices, nothing, one > 0, nothing, one, one, ticks, events)
    found = run_extras(extras, bars, np.arange(n), initial_tails(extras, 1)[0])
    for column, extra in enumerate(extras):
        call = extra.function
        whole = getattr(talib, call.name)(*(getattr(bars, field) for field in call.inputs), *call.parameters)
        expected = whole[call.output] if isinstance(whole, tuple) else whole
        late = slice(2 * extra.window, None)
        scale = np.maximum(np.abs(expected[late]), np.median(np.abs(expected[late])))
        assert len(expected[late]) > 100
        assert np.all(np.abs(found[late, column] - expected[late]) <= 1e-6 * scale), extra.feature.name
