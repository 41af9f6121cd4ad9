"""The dry run before a session goes the way that the session goes, and leaves no trace in it."""

import datetime as dt
import pickle
from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.cluster import practice
from daytrader_ray.cluster.practice import practise
from daytrader_ray.domain.fakes import FakeScorer
from daytrader_ray.domain.regime import RegimeModel
from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.engine.market import Start, Terms
from daytrader_ray.engine.session import SessionEngine
from daytrader_ray.features.extras import parse
from daytrader_ray.features.step import NAMES
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.online import Online
from daytrader_ray.models.scaling import Scaler
from tests.engine.test_session_bars import N_SLOTS, SYMBOLS, TODAY, market_of, whole
from tests.models.ensembles import equal
from tests.models.samples import keeping

LONG, QUOTED, EXTRA = "trend.sma_20_15m", "microstructure.spread_bps", "extra.cci_20"
"""Features that a single session does not warm up, that need quotes, that remember bars."""


def engine(*features: str, every: int = 1) -> SessionEngine:
    panel, n = whole(), len(features)
    market = replace(
        market_of(panel),
        past_ticks=np.ones((panel.grid.first_row[TODAY], len(SYMBOLS), 6)),
        extras=(parse("CCI(20)"),),
        tradable=np.ones(len(SYMBOLS), dtype=np.bool_),
    )
    online = Online.untaught(np.ones(len(MEMBERS)))
    learning = replace(equal(0b11111), online=online, score_every_minutes=every)
    bundle = Bundle(
        keeping((*NAMES, EXTRA), features), SYMBOLS, Scaler(np.zeros(n), np.ones(n)), {}, learning, regime_model(), (),
        {}, 0, dt.date(2025, 3, 1), "",
    )  # fmt: skip
    return SessionEngine(bundle, market, Terms(), Start(100_000.0), "run")


def regime_model() -> RegimeModel:
    three, one = np.ones((3, 1)), np.ones(1)
    return RegimeModel(
        inputs=("log_rv",),
        left_out=(),
        breadth=("AAA",),
        bar_minutes=1,
        profile=np.ones(N_SLOTS),
        mean=one,
        std=one,
        start=np.array([0.2, 0.3, 0.5]),
        transition=np.eye(3),
        means=three * [[0.0], [1.0], [2.0]],
        variances=three,
        anchors=np.zeros((3, 2)),
        crisis_vix=0.0,
    )


class Scores(FakeScorer):
    """Notes of how many windows it was asked."""

    asked: list[int]

    async def score(self, windows: np.ndarray) -> np.ndarray:
        self.asked.append(len(windows))
        return await super().score(windows)


@pytest.mark.parametrize(
    ("feature", "every", "n_scored"),
    [(LONG, 1, 1 + practice.BARS_AFTER), (QUOTED, 1, 1 + practice.BARS_AFTER), (EXTRA, 5, 1)],
)
async def test_the_dry_run_scores_whenever_members_do_and_the_session_does_not_notice(
    feature: str, every: int, n_scored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scores, "asked", [], raising=False)
    monkeypatch.setattr(practice, "FakeScorer", Scores)
    real = engine("lag.return_1", feature, every=every)
    before = state_of(real)
    await practise(real, FakeScorer([0.0] * len(MEMBERS)))
    assert Scores.asked == [len(SYMBOLS)] * n_scored
    assert state_of(real) == before
    assert (real.thresholds == 0.5).all() and real.is_flat and not real.orders._sent


def state_of(engine: SessionEngine) -> bytes:
    features, windows = engine.inputs._features, engine.inputs._windows
    kept = [features.state, features.tails, windows.windows, windows._count, list(engine._book)]
    kept += [list(engine._signal_state), engine._announced, vars(engine.inputs._filter)]
    return pickle.dumps(kept)
