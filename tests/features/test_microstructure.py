"""Quotes and trades where there are any, and estimates from bars in markets that do not move or do not trade."""

import dataclasses

import numpy as np
import pytest

from daytrader_ray.domain.panel import Panel
from daytrader_ray.features.compute import compute
from daytrader_ray.features.step import NAMES

QUOTES = ("spread_bps", "depth_imbalance", "order_flow_imbalance")
TRADES = ("tick_imbalance", "trade_count", "mean_trade_size")
FROM_BARS = ("corwin_schultz", "abdi_ranaldo", "amihud", "bulk_volume_imbalance")


def column(features, name, symbol=0):
    return features.values[:, symbol, NAMES.index(f"microstructure.{name}")]


def test_missing_quotes_and_trades_are_nan_and_say_so(panel, expected_volume, inputs):
    features = compute(panel, expected_volume, **inputs)
    there = ~np.isnan(panel.close[:, 0])
    for lane, flag, names in ((0, "has_quotes", QUOTES), (3, "has_trades", TRADES)):
        missing = np.isnan(inputs["ticks"][:, 0, lane])
        assert (missing & there).any() and (~missing & there).any()
        assert (column(features, flag)[there] == ~missing[there]).all()
        for name in names:
            assert np.isnan(column(features, name)[missing]).all(), name
            assert not (column(features, name) == 0.0).any(), name


def test_without_ticks_everything_but_the_estimates_is_nan(panel, expected_volume):
    features = compute(panel, expected_volume)
    there = ~np.isnan(panel.close[:, 0])
    for name in (*QUOTES, *TRADES):
        assert np.isnan(column(features, name)).all(), name
    assert set(column(features, "has_quotes")[there]) == set(column(features, "has_trades")[there]) == {0.0}
    for name in FROM_BARS:
        assert np.isfinite(column(features, name)[-1]), name


def test_sizes_and_flow_do_not_feel_a_split(panel, expected_volume, inputs):
    ticks = inputs["ticks"].copy()
    split = dataclasses.replace(panel, share_factor=panel.share_factor.copy(), price_factor=panel.price_factor.copy())
    later = panel.grid.first_row[5]
    split.share_factor[5:] = 4.0
    ticks[later:, :, [2, 5]] *= 4.0
    plain, found = (compute(p, expected_volume, ticks=t) for p, t in ((panel, inputs["ticks"]), (split, ticks)))
    for name in (*QUOTES, *TRADES):
        assert column(found, name).tobytes() == column(plain, name).tobytes(), name


def test_what_is_relative_is_one_where_it_never_changes(panel, expected_volume, inputs):
    features, ccc = compute(panel, expected_volume, **inputs), panel.column("CCC")
    for name in ("order_flow_imbalance", "trade_count", "mean_trade_size"):
        assert column(features, name, ccc)[-1] == pytest.approx(1.0, rel=1e-6)


def test_no_flow_at_all_is_in_balance(panel, expected_volume, inputs):
    ticks = np.zeros_like(inputs["ticks"])
    assert column(compute(panel, expected_volume, ticks=ticks), "order_flow_imbalance")[-1] == 0.0


@pytest.fixture(scope="module")
def flat(panel):
    prices, traded = np.full(panel.close.shape, 50.0), np.ones(panel.close.shape, dtype=bool)
    return Panel(panel.grid, panel.symbols, prices, prices, prices, prices, prices, prices, traded)


def test_a_flat_market_has_no_spread_and_no_side(flat, expected_volume):
    features = compute(flat, expected_volume)
    for name in FROM_BARS:
        assert column(features, name)[-1] == 0.0, name


def test_a_flat_half_hour_leaves_no_trace_of_what_was_before(panel, expected_volume):
    fields = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    first = panel.grid.first_row[6]
    for prices in fields.values():
        prices[first + 100 : first + 200] = panel.close[first + 100]
    features = compute(dataclasses.replace(panel, **fields), expected_volume)
    for name in FROM_BARS:
        assert column(features, name)[first + 99] > 0 or name == "bulk_volume_imbalance"
        assert set(column(features, name)[first + 131 : first + 200]) == {0.0}, name


def test_without_volume_there_is_no_price_of_volume(flat, expected_volume):
    silent = dataclasses.replace(flat, volume=flat.volume * 0, traded=flat.traded & False)
    features = compute(silent, expected_volume)
    assert np.isnan(column(features, "amihud")).all() and np.isnan(column(features, "bulk_volume_imbalance")).all()
    assert column(features, "corwin_schultz")[-1] == column(features, "abdi_ranaldo")[-1] == 0.0


@pytest.mark.parametrize("name", FROM_BARS)
def test_the_night_is_in_no_estimate(name, panel, expected_volume):
    """Doubling all prices over the night, without a split, changes no estimate of the new session."""
    fields = {price: getattr(panel, price).copy() for price in ("open", "high", "low", "close", "vwap")}
    first = panel.grid.first_row[4]
    for prices in fields.values():
        prices[first:] *= 2.0
    moved = column(compute(dataclasses.replace(panel, **fields), expected_volume), name)
    plain = column(compute(panel, expected_volume), name)
    assert np.isfinite(plain[first]) and moved.tobytes() == plain.tobytes()
