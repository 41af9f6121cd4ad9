"""A session whose members score every five minutes is its backtest, and they are asked then alone."""

import dataclasses

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.journal import journal_path, read
from daytrader_ray.cli.session_spec import rehearsal_spec
from tests.e2e.test_moving_weights import learning


def test_a_rehearsal_that_scores_every_five_minutes_has_no_difference(profile, exchange, day, monkeypatch):
    from daytrader_ray.cluster import rehearsal
    from daytrader_ray.cluster.scoring import ProcessScorer

    class Counted(ProcessScorer):
        async def score(self, windows):
            asked.append(len(windows))
            return await super().score(windows)

    asked = []
    monkeypatch.setattr(rehearsal, "ProcessScorer", Counted)
    bundle = model_store.load(day.root, day.bundle_id)
    learns = learning(bundle, day.root)
    coarse = dataclasses.replace(learns, ensemble=dataclasses.replace(learns.ensemble, score_every_minutes=5))
    try:
        found = rehearsal.rehearse(rehearsal_spec(profile, day.session, model_store.save(coarse, day.root), exchange))
    finally:
        model_store.save(bundle, day.root)
    assert found.differences == () and found.alarms == ()
    found.check()
    assert len(asked) <= 3 + 210 // 5
    records = read(journal_path(day.root, day.session, "rehearsal"))
    orders = [record for record in records if record["kind"] == "order"]
    entries = {order["slot"] for order in orders if order["order_kind"] == "ENTRY"}
    assert entries and all((slot + 1) % 5 == 0 for slot in entries)
    reasons = {why for record in records if record["kind"] == "decision" for why in record["reasons"].values()}
    assert "DENIED_HELD" in reasons
    assert any((order["slot"] + 1) % 5 for order in orders if order["order_kind"] == "STOP")
