"""Splits and dividends leave every feature as it was; what is not scale-free comes back in raw USD."""

import dataclasses

import numpy as np
import pytest

from daytrader_ray.features.compute import compute
from daytrader_ray.features.step import NAMES
from daytrader_ray.market_data.adjust import Dividend, Split, factors
from daytrader_ray.market_data.statistics import session_statistics
from tests.features.conftest import make_inputs
from tests.features.test_parity import live_features

PRICES = ("open", "high", "low", "close", "vwap")
EX_SESSION = 16


def split_in(panel, ratio, column=0):
    """The same market, its symbol `column` split before the open of EX_SESSION: raw prices fall, volumes rise."""
    first = panel.grid.first_row[EX_SESSION]
    fields = {name: getattr(panel, name).copy() for name in (*PRICES, "volume")}
    for name in PRICES:
        fields[name][first:, column] /= ratio
    fields["volume"][first:, column] *= ratio
    dates = [session.date for session in panel.grid.sessions]
    found = factors(dates, [Split(dates[EX_SESSION], ratio)], [], {})
    for name, mine in zip(("price_factor", "share_factor"), found, strict=True):
        fields[name] = getattr(panel, name).copy()
        fields[name][:, column] = mine
    return dataclasses.replace(panel, **fields)


def features_of(panel):
    return compute(panel, session_statistics(panel)[2], **make_inputs(panel))


@pytest.fixture(scope="module")
def whole(panel_maker):
    return panel_maker(n_sessions=18)


@pytest.mark.parametrize("ratio", [2.0, 0.25])
def test_a_split_leaves_every_feature_bit_by_bit(whole, ratio):
    plain, split = features_of(whole), features_of(split_in(whole, ratio))
    for k, name in enumerate(NAMES):
        assert np.isfinite(plain.values[whole.grid.first_row[EX_SESSION] :, 0, k]).any()
        assert split.values[:, :, k].tobytes() == plain.values[:, :, k].tobytes(), name
    for name in ("return_30", "sigma_30"):
        assert getattr(split, name).tobytes() == getattr(plain, name).tobytes()


def test_a_split_that_is_no_power_of_two_leaves_every_feature_to_the_last_digits(whole):
    plain, split = features_of(whole).values, features_of(split_in(whole, 7.0)).values
    scale = np.nanmedian(np.abs(plain), axis=(0, 1))
    assert (np.abs(split - plain) <= 1e-6 * np.maximum(np.abs(plain), scale))[np.isfinite(plain)].all()


def test_atr_is_in_the_raw_prices_of_its_own_session(whole):
    plain, split = features_of(whole), features_of(split_in(whole, 2.0))
    first = whole.grid.first_row[EX_SESSION]
    assert split.atr_5[:first].tobytes() == plain.atr_5[:first].tobytes()
    assert (split.atr_5[first:, 0] * 2.0).tobytes() == plain.atr_5[first:, 0].copy().tobytes()
    assert np.isfinite(split.atr_5[first, 0]), "the first bar of the split's session has an ATR"


def test_without_its_factors_a_split_is_a_crash(whole):
    """The same raw prices with all factors 1: the gap of the split's morning is ln(1/2) too low."""
    raw = split_in(whole, 2.0)
    blind = dataclasses.replace(raw, price_factor=np.empty((0, 0)), share_factor=np.empty((0, 0)))
    k, first = NAMES.index("lag.overnight_gap"), whole.grid.first_row[EX_SESSION]
    gaps = [features_of(panel).values[first, 0, k] for panel in (blind, raw)]
    assert gaps[0] - gaps[1] == pytest.approx(np.log(0.5), abs=1e-6)


def test_a_dividend_is_no_loss(whole):
    """The price falls by 2 USD overnight and 2 USD are paid: the gap is that of the market without the dividend."""
    first, dates = whole.grid.first_row[EX_SESSION], [session.date for session in whole.grid.sessions]
    before = float(whole.close[first - 1, 2])
    fields = {name: getattr(whole, name).copy() for name in PRICES}
    for name in PRICES:
        fields[name][first:, 2] *= (before - 2.0) / before
    price = np.ones((len(dates), len(whole.symbols)))
    price[:, 2], _ = factors(dates, [], [Dividend(dates[EX_SESSION], 2.0)], {dates[EX_SESSION - 1]: before})
    paid = features_of(dataclasses.replace(whole, **fields, price_factor=price))
    k = NAMES.index("lag.overnight_gap")
    assert paid.values[first, 2, k] == pytest.approx(features_of(whole).values[first, 2, k], abs=1e-7)


def test_batch_and_live_give_the_same_bits_across_splits_and_dividends(whole):
    panel = split_in(split_in(whole, 3.0), 0.1, column=2)
    price = panel.price_factor * np.cumprod(np.random.default_rng(1).uniform(1.0, 1.02, panel.price_factor.shape), 0)
    panel = dataclasses.replace(panel, price_factor=price)
    expected, inputs = session_statistics(panel)[2], make_inputs(panel)
    batch = compute(panel, expected, **inputs)
    for warm in (0, int(panel.grid.first_row[EX_SESSION]), int(panel.grid.first_row[EX_SESSION + 1])):
        values, aux = live_features(panel, expected, warm, **inputs)
        assert values.tobytes() == batch.values[warm:].tobytes()
        for k, name in enumerate(("atr_5", "return_30", "sigma_30")):
            assert np.ascontiguousarray(aux[:, :, k]).tobytes() == getattr(batch, name)[warm:].tobytes()
