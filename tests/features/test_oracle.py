"""Every feature against an answer that does not come from the kernels: the functions in `tests/features/oracles`."""

import importlib

import numpy as np
import pytest

from daytrader_ray.domain.panel import Panel
from daytrader_ray.features.compute import compute
from daytrader_ray.features.step import FEATURES, NAMES
from tests.features.conftest import make_inputs
from tests.features.markets import cents, made_up, real

BY_NAME = {feature.name: feature for feature in FEATURES}
RANGES = {"ranges.atr_5": 1, "ranges.return_30": 30, "ranges.sigma_30": 60}
"""What comes with the features, and the one-minute bars before its first value."""
TOLERANCE = 1e-6
ENOUGH = 200
"""Values that some symbol of a market must have of a feature."""
MARKETS = {
    "made up": made_up,
    "five minutes": lambda: made_up(5),
    "cents": cents,
    "yf": lambda: real("yf_intraday_mit", ("SPY", "QQQ", "DIA", "TLT", "XLP", "XLV")),
    "lean": lambda: real("lean", ("SPY", "IBM", "BAC", "AIG")),
    "bonds": lambda: real("lean", ("SHY",)),
}
NO_EVENTS = ("events.",)
NO_TICKS = tuple(
    f"microstructure.{name}"
    for name in ("spread", "depth", "order_flow", "tick_imbalance", "trade_count", "mean_trade_size")
)
LACKS = {
    "made up": (),
    "five minutes": ("rolling.mean_15", "rolling.std_15", "rolling.skew_15", "rolling.kurtosis_15"),  # of three bars
    "yf": (*NO_EVENTS, *NO_TICKS),
    # Six sessions, and no QQQ among the minute bars.
    "lean": (*NO_EVENTS, "cross_section.excess_qqq", "cross_section.beta", "cross_section.correlation",
             "trend.ema_20_15m", "trend.ema_50_15m"),
}  # fmt: skip
"""Beginnings of the names that a market has no input, or too little history, for."""
HARDLY_MOVE = ("cents", "bonds")
HAVE_A_FLAT_VALUE = ("momentum.rsi_14", "momentum.williams_r_14", "volatility.bollinger_b_20",
                     "volatility.bollinger_width_20", "ranges.sigma_30")  # fmt: skip
"""The features that must tell a window without any move from one with a single cent."""


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
    found = {}

    def get(name):
        if name not in found:
            case = MARKETS[name]()
            matrix = compute(case.panel, case.expected_volume, peers=case.peers, ticks=case.ticks, events=case.events)
            found[name] = case, matrix
        return found[name]

    return get


def pairs():
    for name in (*NAMES, *RANGES):
        yield from ((name, one) for one in MARKETS if one not in HARDLY_MOVE or name in HAVE_A_FLAT_VALUE)


def errors_of(found, expected):
    """Return how far both are apart, in units of METHODS 1's tolerance; infinite where only one has a value."""
    known = np.isfinite(expected)
    error = np.where(np.isfinite(found) == known, 0.0, np.inf)
    if known.any():
        size = np.abs(expected[known])
        allowed = TOLERANCE * np.maximum(size, np.median(size))
        apart = np.abs(found[known] - expected[known])
        error[known] = np.where(apart == 0.0, 0.0, apart / np.where(allowed > 0, allowed, 1e-300))
    return error


@pytest.mark.parametrize(("name", "market"), list(pairs()))
def test_feature_equals_its_oracle_for_every_symbol(name, market, markets):
    case, matrix = markets(market)
    minutes, most = case.panel.grid.bar_minutes, 0
    warm_up = max(1, RANGES[name] // minutes) if name in RANGES else BY_NAME[name].warm_up_of(minutes)
    values = getattr(matrix, name.split(".")[1]) if name in RANGES else matrix.values[:, :, NAMES.index(name)]
    for column, symbol in enumerate(case.panel.symbols):
        one = case.of(column)
        found = values[one.rows, column].astype(np.float64)[warm_up - 1 :]
        expected = np.asarray(oracle(name)(one), dtype=np.float64)[warm_up - 1 :]
        most = max(most, int(np.isfinite(expected).sum()))
        errors = errors_of(found, expected)
        worst = int(errors.argmax()) if errors.size else 0
        bar = f"{symbol}, bar {worst} of the warm ones"
        assert errors.size == 0 or errors[worst] <= 1.0, f"{bar}: {found[worst]}, {expected[worst]}"
    assert (most == 0) if name.startswith(LACKS.get(market, ())) else (most >= ENOUGH), f"{most} values"


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
    late = panel.grid.first_row[5]  # BBB is back
    part, inputs = panel.part(5, 24), make_inputs(panel)
    peers = inputs["peers"].part(5, 24)
    long = compute(panel, np.full(panel.close.shape, 700.0), **inputs).values
    known = {"peers": peers, "ticks": inputs["ticks"][late:], "events": inputs["events"][late:]}
    short = compute(part, np.full(part.close.shape, 700.0), **known).values
    long, short = (values[:, panel.column("CCC")].astype(np.float64) for values in (long[late:], short))
    for k, name in enumerate(NAMES):
        warm = np.isfinite(short[:, k])
        if warm.any():
            assert errors_of(short[warm, k], long[warm, k]).max() <= 1.0, name
