"""Without stored features a replay computes what its bundle reads, a few sessions at a time."""

import numpy as np
import pytest

from daytrader_ray.cluster.feature_state import computed
from daytrader_ray.features import compute as steps
from daytrader_ray.features.feature_set import FeaturesConfig, feature_set
from daytrader_ray.market_data.statistics import session_statistics
from tests.engine.test_session_bars import N_SESSIONS, N_SLOTS, PEERS, whole


def test_what_a_bundle_reads_has_the_bits_of_one_pass_and_no_more_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, found, once = whole(), feature_set(FeaturesConfig(extra=("CCI(20)",))), steps.compute_from
    expected, rows = session_statistics(panel)[2], []
    ticks = np.random.default_rng(5).random((*panel.close.shape, 6))
    events = np.random.default_rng(6).random((*panel.close.shape, 2))
    whole_matrix = steps.compute(panel, expected, peers=PEERS, ticks=ticks, events=events, extras=found.extras)
    names = ("extra.cci_20", "cross_section.excess_spy_15", "microstructure.spread_bps", "events.minutes_to")
    monkeypatch.setattr(steps, "PART", 4)
    monkeypatch.setattr(steps, "compute_from", lambda *args: rows.append(args[1].grid.n_rows) or once(*args))
    matrix = computed(found, names, panel, expected, peers=PEERS, ticks=ticks, events=events)
    assert matrix.names == names and rows == [4 * N_SLOTS, (N_SESSIONS - 4) * N_SLOTS]
    columns = [found.names.index(name) for name in names]
    assert matrix.values.tobytes() == np.ascontiguousarray(whole_matrix.values[:, :, columns]).tobytes()
    for name in ("atr_5", "return_30", "sigma_30"):
        assert getattr(matrix, name).tobytes() == getattr(whole_matrix, name).tobytes()
