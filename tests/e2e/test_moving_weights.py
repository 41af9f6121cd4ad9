"""Weights that move, by what was learnt or by regime, are the same ones through real sockets and in the backtest."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.journal import journal_path, read
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.session_spec import rehearsal_spec
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.online import Online
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.fit import fit
from daytrader_ray.regime.observations import observe
from tests.e2e.conftest import MASK, STOCKS, frames_of

TIMEFRAMES, HOURS = np.array([0.5, 0.3, 0.2]), np.array([0.8, 0.9])


def learning(bundle: Bundle, root: str) -> Bundle:
    """Return the bundle as it was before its last sessions, with weights that learn from them."""
    dates = [session.date for session in ParquetStore(root).panel(bundle.symbols).grid.sessions]
    online = Online.untaught(np.full(5, bundle.ensemble.q99))
    ensemble = dataclasses.replace(bundle.ensemble, scheme="hedge", online=online, timeframes=TIMEFRAMES, hours=HOURS)
    return dataclasses.replace(bundle, ensemble=ensemble, last_training_session=dates[-4])


def by_regime(bundle: Bundle, root: str) -> Bundle:
    """Return the bundle with a regime model and other weights in each regime."""
    frames = frames_of(root)
    model = fit(observe(frames, STOCKS, 0, len(frames.panel.grid.sessions) - 1), RegimeConfig(), seed=7)
    assert model is not None
    shares = np.array([0.5, 0.9, 0.1, 0.6])
    table = np.zeros((4, 5))
    first, second = (bit for bit in range(5) if MASK >> bit & 1)
    table[:, first], table[:, second] = shares, 1.0 - shares
    ensemble = dataclasses.replace(
        bundle.ensemble, scheme="regime", weights=table, timeframes=TIMEFRAMES, hours=HOURS, threshold=0.15
    )
    return dataclasses.replace(bundle, ensemble=ensemble, regime=model)


@pytest.mark.parametrize("changed", [learning, by_regime])
def test_a_rehearsal_with_moving_weights_has_no_difference(profile, exchange, day, changed):
    from daytrader_ray.cluster.rehearsal import rehearse

    bundle = model_store.load(day.root, day.bundle_id)
    try:
        bundle_id = model_store.save(changed(bundle, day.root), day.root)
        found = rehearse(rehearsal_spec(profile, day.session, bundle_id, exchange))
    finally:
        model_store.save(bundle, day.root)
    assert found.differences == () and found.alarms == ()
    found.check()
    records = read(journal_path(Path(day.root), day.session, "rehearsal"))
    told = [(record["slot"], record["weights"]) for record in records if record["kind"] == "weights"]
    assert told[0][0] == 0 and len(told) > 1
    assert all(sum(weights.values()) == pytest.approx(1.0, abs=1e-5) for _, weights in told)
    if changed is learning:
        assert all((slot + 1) % 30 == 0 for slot, _ in told[1:])
        assert all(abs(weight - 0.5) > 0.001 for weight in told[0][1].values()), "nothing learnt from the days before"
