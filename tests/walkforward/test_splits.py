"""A 2:1 split leaves features, labels, scores, weights and decisions as they would be without it."""

import dataclasses

import numpy as np
import pytest

from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.labels import LabelConfig, triple_barrier
from daytrader_ray.walkforward.replay import bundle_scores, replay
from tests.walkforward.chain import N_TRAIN, frames_of, made_up, study_of, trained_on

RATIO = 2.0
SPLITS = {"XOM": 6, "TSLA": N_TRAIN}
"""One in the training, one on the morning of the day that is traded."""

Outcome = tuple[Frames, Bundle, np.ndarray, BacktestResult]


def split(panel: Panel) -> Panel:
    """Return the same market in raw prices and volumes with SPLITS."""
    fields = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "vwap", "volume")}
    factors = {name: getattr(panel, name).copy() for name in ("price_factor", "share_factor")}
    for symbol, session in SPLITS.items():
        rows, column = slice(panel.grid.first_row[session], None), panel.column(symbol)
        for name, values in fields.items():
            values[rows, column] *= RATIO if name == "volume" else 1.0 / RATIO
        for values in factors.values():
            values[session:, column] *= RATIO
    return dataclasses.replace(panel, **fields, **factors)


def outcome(panel: Panel) -> Outcome:
    frames = frames_of(panel)
    bundle = trained_on(frames)
    _, study = study_of(frames)
    rows = np.arange(panel.grid.first_row[N_TRAIN], panel.grid.first_row[N_TRAIN + 1])
    scores = bundle_scores(bundle, frames.features, panel.grid, rows, study.columns)
    return frames, bundle, scores, replay(bundle, study, frames, (N_TRAIN, N_TRAIN + 1), 1e5).result


@pytest.fixture(scope="module")
def plain() -> Outcome:
    return outcome(made_up())


@pytest.fixture(scope="module")
def with_splits() -> Outcome:
    return outcome(split(made_up()))


def test_the_market_itself_has_a_split_and_a_dividend(plain: Outcome) -> None:
    panel = plain[0].panel
    assert panel.share_factor[-1, panel.column("META")] == 0.5
    assert 1.0 < panel.price_factor[-1, panel.column("TSLA")] < 1.05
    assert panel.share_factor[-1, panel.column("TSLA")] == 1.0


def test_features_and_labels_are_the_same_bits(plain: Outcome, with_splits: Outcome) -> None:
    before, after = plain[0], with_splits[0]
    assert after.features.values.tobytes() == before.features.values.tobytes()
    labels = [triple_barrier(frames, LabelConfig()) for frames in (before, after)]
    for field in dataclasses.fields(labels[0]):
        assert getattr(labels[0], field.name).tobytes() == getattr(labels[1], field.name).tobytes(), field.name
    scale = np.repeat(after.panel.share_factor / before.panel.share_factor, after.panel.grid.bars_per_session, 0)
    assert set(scale.ravel()) == {1.0, RATIO}
    assert np.array_equal(after.features.atr_5 * scale, before.features.atr_5, equal_nan=True)
    assert np.array_equal(after.expected_volume / scale, before.expected_volume, equal_nan=True)
    assert after.sigma_day.tobytes() == before.sigma_day.tobytes()


def test_members_weights_and_scores_are_the_same_bits(plain: Outcome, with_splits: Outcome) -> None:
    for name in ("weights", "q99"):
        assert np.array_equal(getattr(plain[1].ensemble, name), getattr(with_splits[1].ensemble, name)), name
    assert plain[1].regime is not None and with_splits[1].regime is not None
    assert plain[1].regime.means.tobytes() == with_splits[1].regime.means.tobytes()
    assert plain[2].tobytes() == with_splits[2].tobytes()


def test_decisions_are_the_same_in_twice_the_shares(plain: Outcome, with_splits: Outcome) -> None:
    """Half a share more or less: orders are in whole shares, and a split makes them smaller."""
    before, after = plain[3].orders, with_splits[3].orders
    known = [(o.slot, o.kind, o.symbol, o.side, o.reason) for o in before]
    assert known == [(o.slot, o.kind, o.symbol, o.side, o.reason) for o in after]
    scaled = [(a.qty, b.qty, RATIO if b.symbol in SPLITS else 1.0) for a, b in zip(after, before, strict=True)]
    assert any(ratio == RATIO for _, _, ratio in scaled)
    assert all(abs(now - ratio * then) <= ratio for now, then, ratio in scaled)
