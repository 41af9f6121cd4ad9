"""Extras by name: what the configuration may say, and what it is told where it may not."""

import pickle
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import talib

from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.features import own_function
from daytrader_ray.features.extras import CLOSE, FIELDS, History, parse
from daytrader_ray.features.feature_set import FeaturesConfig, feature_set
from daytrader_ray.features.own_function import _installed
from daytrader_ray.features.step import NAMES

OWN = '''
LOOKBACK = {"wick": 60}


def wick(bars, n=14):
    """Upper shadow, mean of n bars, / C."""
    shadow = bars.high - bars.close
    total = shadow.cumsum()
    total[n:] -= total[:-n].copy()
    return total / n / bars.close


def long(bars):
    return bars.close * 0 + len(bars.close)


def scalar(bars):
    return 1.0


def broken(bars):
    return bars.closing


def greedy(bars):
    bars.close[0] = 1.0
    return bars.close
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "my_features.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return "my_features.py"


def market(bars=2000, seed=3):
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, bars)))
    fields = np.stack([close, close + 0.1, close - 0.2, close, rng.integers(1, 99, bars) * 1.0, close, np.arange(bars)])
    fields.flags.writeable = False
    assert len(fields) == FIELDS
    assert fields[CLOSE] is not None
    return History(*fields)


def test_the_set_is_the_registry_and_then_the_extras_in_the_order_of_the_configuration(own):
    texts = ("CCI(20)", f"{own}:wick(14)", "ADX(14)", "BBANDS(20,2,2).upper", "STOCH(14,3,3).slowk", "BOP")
    found = feature_set(FeaturesConfig(extra=texts))
    expected = ("cci_20", "my_features.wick_14", "adx_14", "bbands_20_2_2_upperband", "stoch_14_3_3_slowk", "bop")
    assert found.names == (*NAMES, *(f"extra.{name}" for name in expected))
    assert [extra.feature for extra in found.extras] == list(found.features[len(NAMES) :])
    assert feature_set(FeaturesConfig()).names == NAMES


@pytest.mark.parametrize(
    ("text", "function", "arguments"),
    [
        ("CCI(20)", "CCI", {"timeperiod": 20}),
        ("adx", "ADX", {"timeperiod": 14}),
        ("MACD(fastperiod=10, signalperiod=5).macdsignal", "MACD", {"fastperiod": 10, "signalperiod": 5}),
        ("BBANDS(20, 2.5, 2, matype=1).lower", "BBANDS", {"timeperiod": 20, "nbdevup": 2.5, "matype": 1}),
        ("STOCH(14, 3, 4).slowd", "STOCH", {"fastk_period": 14, "slowk_period": 3, "slowd_period": 4}),
        ("EMA(530)", "EMA", {"timeperiod": 530}),
        ("EMA(540)", "EMA", {"timeperiod": 540}),
        ("HT_TRENDMODE", "HT_TRENDMODE", {}),
        ("KAMA(10)", "KAMA", {"timeperiod": 10}),
        ("SAR(0.01, 0.1)", "SAR", {"acceleration": 0.01, "maximum": 0.1}),
        ("MFI(14)", "MFI", {"timeperiod": 14}),
    ],
)
def test_a_window_is_long_enough_that_older_bars_do_not_matter(text, function, arguments):
    extra = parse(text)
    bars = market(extra.window + 2000)
    inputs = [getattr(bars, name) for name in extra.function.inputs]
    found = getattr(talib, function)(*inputs, **arguments)
    found = found[extra.function.output] if isinstance(found, tuple) else found
    ends = np.arange(extra.window + 800, len(bars.close), 7)
    values = np.array([extra.function(bars, end - extra.window, end) for end in ends])
    np.testing.assert_allclose(values, found[ends - 1], rtol=1e-6, atol=1e-6 * np.median(np.abs(values)))


@pytest.mark.parametrize("function", sorted(set(talib.get_functions()) - {"MAVP"}))
def test_every_function_of_the_library_is_a_feature(function):
    output = talib.abstract.Function(function).output_names[-1]
    extra = parse(f"{function}.{output}")
    assert extra.window == extra.feature.warm_up
    assert isinstance(extra.function(market(), 0, extra.window), float)


def test_a_function_that_never_forgets_counts_from_the_start_of_a_session_of_bars():
    assert parse("OBV").window == 390


def test_a_mode_remembers_as_long_as_what_it_is_decided_from():
    assert parse("HT_TRENDMODE").window == parse("HT_SINE.sine").window


@pytest.mark.parametrize("text", ["EMA(700)", "RSI(300)", "ATR(320)"])
def test_a_function_that_forgets_too_slowly_is_refused(text):
    with pytest.raises(ConfigError, match="only after more than 5000"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CCJ(20)", "no function CCJ"),
        ("CCI(20, 3)", "2 numbers, expected at most 1"),
        ("CCI(20, timeperiod=20)", "timeperiod is given twice"),
        ("CCI(period=20)", "period is unknown"),
        ("CCI(20.5)", "timeperiod is a whole number, found 20.5"),
        ("CCI(1)", "cannot compute it with timeperiod = 1"),
        ("CCI(20000)", "looks back 19999 bars"),
        ("CCI(True)", "expected numbers, found True"),
        ("CCI(*[20])", "expected numbers"),
        ("CCI(1e400)", "expected numbers"),
        ("CCI(99999999999)", "expected numbers"),
        ("MAVP(30)", "MAVP needs periods"),
        ("BBANDS(20)", "expected one of upperband, middleband, lowerband"),
        ("CCI(20).upper", "output 'upper'"),
        ("CCI(20", "not readable"),
        ("a.b.c(3)", "not readable"),
        ("CCI(20); CCI(30)", "not readable"),
        ("absent.py:wick(14)", "absent.py is not readable"),
        ("my_features.py:wick(14, 15)", "too many positional arguments"),
        ("my_features.py:wick(m=14)", "unexpected keyword"),
        ("my_features.py:wick(14).upper", "one output"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_reason(text, message, own):
    with pytest.raises(ConfigError) as error:
        feature_set(FeaturesConfig(extra=("ADX(14)", text)))
    assert error.value.message.startswith(f"features.extra: '{text}': ")
    assert message in error.value.message


def test_the_nearest_name_is_proposed():
    with pytest.raises(ConfigError) as error:
        parse("BBAND(20)")
    assert error.value.hint == "did you mean BBANDS?"


def test_the_same_feature_twice_is_refused():
    with pytest.raises(ConfigError, match=r"'CCI\(14\)' and 'cci' are the same feature"):
        feature_set(FeaturesConfig(extra=("CCI(14)", "cci")))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("scalar", "expected an array of 300 values"),
        ("broken", "AttributeError"),
        ("greedy", "read-only"),
        ("absent", "it has wick, long, scalar, broken, greedy"),
    ],
)
def test_an_own_function_that_fails_is_named_when_it_is_configured(call, message, own):
    with pytest.raises(DataError) as error:
        parse(f"{own}:{call}")
    assert message in f"{error.value.message} {error.value.hint}"


@pytest.mark.parametrize("lookback", ["60", '{"wick": 0}', '{"wick": "60"}', '{"wick": 5001}'])
def test_a_lookback_that_is_no_number_of_bars_is_named(lookback, tmp_path):
    (tmp_path / "mine.py").write_text(f"LOOKBACK = {lookback}\ndef wick(bars):\n    return bars.close\n")
    with pytest.raises(ConfigError, match=r'expected such as \{"wick": 300\}, 1 to 5000 bars'):
        parse(f"{tmp_path}/mine.py:wick")


def test_a_file_that_does_not_run_is_named(tmp_path):
    (tmp_path / "bad.py").write_text("import nothing_of_this_name")
    with pytest.raises(DataError, match=r"bad.py: ModuleNotFoundError"):
        parse(f"{tmp_path}/bad.py:wick")


def test_an_own_function_sees_exactly_its_window(own):
    bars = market()
    assert parse(f"{own}:long").function(bars, 100, 400) == 300.0
    extra = parse(f"{own}:wick(14)")
    assert extra.window == 60
    assert extra.function(bars, 40, 100) == pytest.approx(0.1 / bars.close[99], rel=1e-6)


def test_an_extra_travels_with_the_source_of_its_file_and_a_changed_file_is_another_one(own, tmp_path):
    extra = parse(f"{own}:wick(14)")
    (tmp_path / own).write_text(OWN.replace("bars.high", "2 * bars.high"))
    again = pickle.loads(pickle.dumps(extra))
    assert again.function(market(), 0, 60) == extra.function(market(), 0, 60)
    changed = parse(f"{own}:wick(14)")
    assert changed.feature.name == extra.feature.name
    assert changed.origin != extra.origin


@pytest.mark.parametrize(
    "line", ["import helpers", "from helpers.deep import x", "from . import helpers", "import kit.part"]
)
def test_an_own_function_that_imports_a_file_beside_it_is_refused(line, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "kit").mkdir()
    (tmp_path / "helpers.py").write_text("")
    (tmp_path / "mine.py").write_text(f"def wick(bars):\n    return bars.close\ndef other(bars):\n    {line}\n")
    with pytest.raises(ConfigError, match=r"mine.py imports .* beside it") as error:
        parse(f"{tmp_path}/mine.py:wick")
    assert error.value.hint == "put all that it needs into the one file"


def test_an_own_function_is_the_same_feature_whatever_is_loaded(own, monkeypatch):
    path = Path(own).parent / "late.py"
    path.write_text("import json\ndef late(bars):\n    import sklearn\n    return bars.close\n")
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    origins = [parse(f"{path}:late").origin.split()[1:] for _ in range(2)]
    assert origins == [["json==", f"sklearn=={version('scikit-learn')}"]] * 2


def test_another_version_of_a_package_that_an_own_function_imports_is_another_feature(own, monkeypatch):
    (Path(own).parent / "own.py").write_text("import pandas\nfrom numpy import abs\n" + OWN)
    before = parse(f"{Path(own).parent}/own.py:wick(14)")
    _installed.cache_clear()
    monkeypatch.setattr(own_function, "version", {"numpy": np.__version__, "pandas": "99.0"}.__getitem__)
    after = parse(f"{Path(own).parent}/own.py:wick(14)")
    assert after.origin != before.origin and after.feature == before.feature
    assert f"numpy=={np.__version__}" in after.origin.split() and "pandas==99.0" in after.origin.split()
    _installed.cache_clear()
