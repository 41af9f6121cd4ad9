"""No feature knows a bar before it has closed: change everything after a random minute, and nothing before moves.

The splits and dividends of later sessions are among what is changed: one announced for tomorrow is none of today's.
"""

import dataclasses

import numpy as np
import pytest

from daytrader_ray.features.compute import compute
from daytrader_ray.features.step import FEATURES, NAMES

PRICES = ("open", "high", "low", "close")


def changed_after(panel, inputs, row, rng):
    later = slice(row + 1, None)
    fields = {name: getattr(panel, name).copy() for name in (*PRICES, "volume", "vwap", "traded")}
    for name in ("open", "close", "vwap"):
        fields[name][later] *= np.exp(rng.normal(0, 0.05, panel.close[later].shape))
    fields["high"][later] = np.maximum(fields["open"], fields["close"])[later] * 1.01
    fields["low"][later] = np.minimum(fields["open"], fields["close"])[later] * 0.99
    fields["volume"][later] = rng.integers(0, 9000, panel.close[later].shape)
    fields["traded"][later] = fields["volume"][later] > 0
    tomorrow = slice(int(panel.grid.session_of_row[row]) + 1, None)
    for name in ("price_factor", "share_factor"):
        fields[name] = getattr(panel, name).copy()
        fields[name][tomorrow] *= rng.uniform(0.1, 7.0, fields[name][tomorrow].shape)
    ticks, member = inputs["ticks"].copy(), inputs["peers"].member.copy()
    ticks[later] = rng.permutation(ticks[later])
    events = inputs["events"].copy()
    events[later] = rng.permutation(events[later])
    member[tomorrow] = rng.random(member[tomorrow].shape) < 0.5
    peers = dataclasses.replace(inputs["peers"], member=member)
    return dataclasses.replace(panel, **fields), {"peers": peers, "ticks": ticks, "events": events}


def columns_that_look_ahead(features_of, panel, inputs, rows, seed=11):
    rng = np.random.default_rng(seed)
    truth = features_of(panel, inputs)
    leaks = set()
    for row in rows:
        other = features_of(*changed_after(panel, inputs, row, rng))
        same = [truth[: row + 1, :, k].tobytes() == other[: row + 1, :, k].tobytes() for k in range(truth.shape[2])]
        leaks |= {k for k, equal in enumerate(same) if not equal}
    return leaks


@pytest.fixture(scope="module")
def minutes(panel):
    """Random minutes of warm features, those before an aggregate is complete, and the last one of a session."""
    drawn = np.random.default_rng(3).integers(6100, panel.grid.n_rows - 20, 4)
    before = [row - panel.grid.slot_of_row[row] % 15 + 13 for row in drawn[:2]]
    return [*before, *drawn[2:], panel.grid.first_row[3] - 1]


@pytest.fixture(scope="module")
def leaks(panel, expected_volume, inputs, minutes):
    return columns_that_look_ahead(lambda p, i: compute(p, expected_volume, **i).values, panel, inputs, minutes)


@pytest.mark.parametrize("name", NAMES)
def test_feature_does_not_look_ahead(name, leaks):
    assert NAMES.index(name) not in leaks


def test_a_leak_planted_in_every_feature_is_found(panel, expected_volume, inputs, minutes):
    def leaky(p, i):
        values = compute(p, expected_volume, **i).values.copy()
        values[:-1] = values[1:]
        return values

    moving = {k for k, feature in enumerate(FEATURES) if feature.family != "time"}
    assert columns_that_look_ahead(leaky, panel, inputs, minutes) == moving


def test_ranges_do_not_look_ahead(panel, expected_volume, inputs, minutes):
    def ranges(p, i):
        features = compute(p, expected_volume, **i)
        return np.stack([features.atr_5, features.return_30, features.sigma_30], axis=2)

    assert columns_that_look_ahead(ranges, panel, inputs, minutes) == set()
