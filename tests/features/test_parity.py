"""Batch and live are the same bits, for every feature and from any snapshot."""

import numpy as np
import pytest

from daytrader_ray.features.bar import EVENTS, TICKS, Bars
from daytrader_ray.features.compute import compute
from daytrader_ray.features.live import LiveFeatures
from daytrader_ray.features.step import CROSS_SECTION, FEATURES, NAMES
from tests.features.conftest import make_inputs


def live_features(panel, expected_volume, warm_rows=0, peers=None, ticks=None, events=None):
    ticks = np.full((*panel.close.shape, len(TICKS)), np.nan) if ticks is None else ticks
    events = np.full((*panel.close.shape, len(EVENTS)), np.nan) if events is None else events
    live = LiveFeatures(panel.symbols, bar_minutes=panel.grid.bar_minutes)
    if warm_rows:
        n, rows = panel.grid.session_of_row[warm_rows], slice(0, warm_rows)
        known = {"ticks": ticks[rows], "events": events[rows]}
        live.warm(panel.part(0, n), expected_volume[rows], peers=peers and peers.part(0, n), **known)
    values, aux = [], []
    for row in range(warm_rows, panel.grid.n_rows):
        session = panel.grid.session_of_row[row]
        if row == panel.grid.first_row[session]:
            today = peers and peers.part(session, session + 1)
            live = LiveFeatures(panel.symbols, live.state, panel.grid.bar_minutes, today)
        raw = (getattr(panel, name)[row] for name in ("open", "high", "low", "close", "volume", "vwap", "traded"))
        factors = panel.price_factor[session], panel.share_factor[session]
        bars = Bars(*raw, expected_volume[row], *factors, ticks[row], events[row])
        step = live.step(panel.grid.sessions[session], int(panel.grid.slot_of_row[row]), bars)
        values.append(step[0])
        aux.append(step[1])
    return np.array(values), np.array(aux)


@pytest.fixture(scope="module")
def batch(panel, expected_volume, inputs):
    return compute(panel, expected_volume, **inputs)


@pytest.fixture(scope="module")
def live(panel, expected_volume, inputs):
    return live_features(panel, expected_volume, **inputs)


@pytest.mark.parametrize("name", NAMES)
def test_batch_and_live_give_the_same_bits(name, batch, live):
    k = NAMES.index(name)
    assert np.isfinite(batch.values[:, :, k]).any()
    assert batch.values[:, :, k].tobytes() == live[0][:, :, k].tobytes()


def test_batch_and_live_give_the_same_ranges(batch, live):
    for k, name in enumerate(("atr_5", "return_30", "sigma_30")):
        assert np.isfinite(getattr(batch, name)).any()
        assert getattr(batch, name).tobytes() == np.ascontiguousarray(live[1][:, :, k]).tobytes()


@pytest.mark.parametrize("n_sessions", [1, 3, 17])
def test_live_continues_a_warmed_history_with_the_same_bits(n_sessions, panel, expected_volume, inputs, batch):
    rows = int(panel.grid.first_row[n_sessions])
    values, aux = live_features(panel, expected_volume, rows, **inputs)
    assert values.tobytes() == batch.values[rows:].tobytes()
    assert np.ascontiguousarray(aux[:, :, 0]).tobytes() == batch.atr_5[rows:].tobytes()


def test_five_minute_bars_agree_too(panel_maker):
    panel = panel_maker(n_sessions=6, bar_minutes=5)
    expected, inputs = np.full(panel.close.shape, 900.0), make_inputs(panel)
    values, _ = live_features(panel, expected, **inputs)
    assert values.tobytes() == compute(panel, expected, **inputs).values.tobytes()


def test_every_feature_has_a_family_file_and_a_unique_name():
    assert len(set(NAMES)) == len(NAMES)
    assert all(feature.family and feature.formula and feature.source and feature.warm_up >= 1 for feature in FEATURES)


def test_values_start_when_the_registry_says(panel, batch):
    whole = batch.values[:, panel.column("CCC")]
    needs_volume = {"volume.relative_volume", "cross_section.rank_volume", "microstructure.amihud"}
    for k, feature in enumerate(FEATURES):
        first = int(np.flatnonzero(np.isfinite(whole[:, k]))[0])
        waits_for_a_session = feature.name in needs_volume | {"lag.overnight_gap"}
        assert first == (panel.grid.first_row[1] if waits_for_a_session else feature.warm_up - 1), feature.name


def test_minutes_without_data_are_nan_and_do_not_move_the_state(panel, expected_volume, batch):
    missing = np.isnan(panel.close)
    assert missing.any()
    assert np.isnan(batch.values[missing]).all()
    assert np.isnan(batch.atr_5[missing]).all()


def test_a_warm_session_has_every_value_in_its_first_row(panel, batch):
    assert np.isfinite(batch.values[panel.grid.first_row[17], panel.column("CCC")]).all()


def test_without_peers_only_the_cross_section_is_missing(panel, expected_volume, inputs, batch):
    other = compute(panel, expected_volume, ticks=inputs["ticks"], events=inputs["events"])
    k = CROSS_SECTION
    assert np.isnan(other.values[:, :, k:]).all()
    assert other.values[:, :, :k].tobytes() == batch.values[:, :, :k].tobytes()


def test_warming_with_other_symbols_is_refused(panel, expected_volume):
    with pytest.raises(ValueError, match="expected"):
        LiveFeatures(("AAA", "SPY")).warm(panel, expected_volume)
