"""Every feature against an answer that does not come from the kernels: the functions in `tests/features/oracles`."""

import importlib

import numpy as np
import pytest

from daytrader_ray.domain.panel import Panel
from daytrader_ray.features.compute import compute
from daytrader_ray.features.step import FEATURES, NAMES
from tests.features.conftest import make_inputs
from tests.features.markets import made_up, real

BY_NAME = {feature.name: feature for feature in FEATURES}
TOLERANCE = 1e-6


def oracle(name):
    family, function = name.split(".")
    where = f"`def {function}(case: Case) -> Float64` in tests/features/oracles/{family}.py (see case.py)"
    try:
        module = importlib.import_module(f"tests.features.oracles.{family}")
    except ModuleNotFoundError:
        pytest.fail(f"{name} has no oracle: write {where}")
    if not hasattr(module, function):
        pytest.fail(f"{name} has no oracle: write {where}")
    return getattr(module, function)


@pytest.fixture(scope="module")
def markets():
    """Return every case with its features, made when first asked for."""
    makers = {"made up": made_up, "five minutes": lambda: made_up(5), "yf": lambda: real("yf_intraday_mit"),
              "lean": lambda: real("lean")}  # fmt: skip
    found = {}

    def get(name):
        if name not in found:
            case = makers[name]()
            matrix = compute(case.panel, case.expected_volume, peers=case.peers, ticks=case.ticks, events=case.events)
            found[name] = case, matrix
        return found[name]

    return get


def errors_of(found, expected):
    """Return how far both are apart, in units of METHODS 1's tolerance; infinite where only one has a value."""
    known = np.isfinite(expected)
    error = np.where(np.isfinite(found) == known, 0.0, np.inf)
    if known.any():
        size = np.abs(expected[known])
        allowed = TOLERANCE * np.maximum(size, np.median(size))
        apart = np.abs(found[known] - expected[known])
        error[known] = np.where(apart == 0.0, 0.0, apart / np.where(allowed > 0, allowed, np.nextafter(0, 1)))
    return error


@pytest.mark.parametrize("market", ["made up", "five minutes", "yf", "lean"])
@pytest.mark.parametrize("name", NAMES)
def test_feature_equals_its_oracle(name, market, markets):
    case, matrix = markets(market)
    warm = slice(BY_NAME[name].warm_up_of(case.panel.grid.bar_minutes) - 1, None)
    found = matrix.values[case.rows, case.column, NAMES.index(name)].astype(np.float64)[warm]
    expected = np.asarray(oracle(name)(case), dtype=np.float64)[warm]
    assert np.isfinite(expected).sum() > 300 or market != "made up", "the made-up market has every input"
    errors = errors_of(found, expected)
    worst = int(errors.argmax()) if errors.size else 0
    assert errors.size == 0 or errors[worst] <= 1.0, f"bar {worst} of the warm ones: {found[worst]}, {expected[worst]}"


def test_return_and_sigma_over_thirty_minutes(markets):
    case, matrix = markets("made up")
    r = case.r
    deviation = np.array([np.std(r[t - 59 : t + 1], ddof=1) if t >= 59 else np.nan for t in range(len(r))])
    assert errors_of(matrix.sigma_30[case.rows, 0][60:], np.sqrt(30) * deviation[60:]).max() <= 1.0
    sums = np.array([r[t - 29 : t + 1].sum() for t in range(30, len(r))])
    assert errors_of(matrix.return_30[case.rows, 0][30:], sums).max() <= 1.0


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
    assert errors_of(found, np.array(averages)).max() <= 1.0


def test_a_flat_market_has_defined_values(panel_maker):
    panel = panel_maker(n_sessions=17)
    flat = np.full(panel.close.shape, 50.0)
    panel = Panel(panel.grid, panel.symbols, flat, flat, flat, flat, panel.volume * 0, flat * np.nan, panel.traded)
    features = compute(panel, np.full(flat.shape, 700.0))
    last = {name: float(features.values[-1, 0, k]) for k, name in enumerate(NAMES)}
    defined = {
        "momentum.rsi_14": 50,
        "momentum.williams_r_14": -50,
        "volatility.bollinger_b_20": 0.5,
        "volume.relative_volume": 0,
    }
    for name, value in last.items():
        family = name.split(".")[0]
        if name in {"volume.vwap_distance", "volume.obv", "volume.accumulation_distribution"}:
            assert np.isnan(value), name
        elif name in defined or family in {"momentum", "trend", "volatility", "rolling", "lag"}:
            assert value == pytest.approx(defined.get(name, 0.0), abs=1e-15), name
    assert np.isnan(features.sigma_30[-1, 0])


def test_after_warm_up_a_longer_history_changes_nothing_that_matters(panel_maker):
    panel = panel_maker(n_sessions=24)
    late = panel.grid.first_row[4]
    part, inputs = panel.part(4, 24), make_inputs(panel)
    peers = inputs["peers"].part(4, 24)
    long = compute(panel, np.full(panel.close.shape, 700.0), **inputs).values
    known = {"peers": peers, "ticks": inputs["ticks"][late:], "events": inputs["events"][late:]}
    short = compute(part, np.full(part.close.shape, 700.0), **known).values
    long, short = (values[:, panel.column("CCC")].astype(np.float64) for values in (long[late:], short))
    for k, name in enumerate(NAMES):
        warm = np.isfinite(short[:, k])
        if warm.any():
            assert errors_of(short[warm, k], long[warm, k]).max() <= 1.0, name
