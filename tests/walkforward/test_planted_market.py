import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import spearmanr

from benchmarks.planted_market import FEATURES, HORIZON, PARTS, RETURN, SIGMA, Plant, made, oracle, strength
from daytrader_ray.domain.panel import Frames
from daytrader_ray.models.labels import LabelConfig, Labels, triple_barrier

PLANT = Plant(seed=100, ic=0.10, n_stocks=60, n_sessions=60)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return made(PLANT)


@pytest.fixture(scope="module")
def labels(frames: Frames) -> Labels:
    return triple_barrier(frames, LabelConfig())


def rank_ic(frames: Frames, labels: Labels, scores: npt.NDArray[np.float64]) -> float:
    apart = frames.panel.grid.slot_of_row % HORIZON == 0
    forward = labels.forward_return[apart]
    known = np.isfinite(forward)
    return float(spearmanr(scores[apart][known], forward[known]).statistic)


def test_the_oracle_has_the_rank_correlation_that_was_asked_for(frames: Frames, labels: Labels) -> None:
    assert rank_ic(frames, labels, oracle(frames)) == pytest.approx(0.10, abs=3 / np.sqrt(60 * 60 * 12))


def test_two_parts_show_alone_and_the_third_only_with_the_sign_of_the_first(frames: Frames, labels: Labels) -> None:
    values = frames.features.values
    first, second, gated = (values[:, :, k].astype(np.float64) for k in range(len(PARTS)))
    noise = 3 / np.sqrt(60 * 60 * 12)
    for scores in (first, second, np.sign(first) * gated):
        assert rank_ic(frames, labels, scores) == pytest.approx(0.10 / np.sqrt(3), abs=noise)
    assert rank_ic(frames, labels, gated) == pytest.approx(0.0, abs=noise)


def test_features_and_state_are_standard_and_persist(frames: Frames) -> None:
    jumping = FEATURES.index(PARTS[2]), FEATURES.index(RETURN)
    slow = [frames.features.values[:, :, k] for k in range(len(FEATURES)) if k not in jumping]
    for series in [oracle(frames), *slow]:
        assert series.std() == pytest.approx(1.0, abs=0.03)
        assert (series[HORIZON:] * series[:-HORIZON]).mean() == pytest.approx(0.5, abs=0.04)


def test_bars_hold_together_and_the_labels_are_of_all_classes(frames: Frames, labels: Labels) -> None:
    panel = frames.panel
    assert (panel.high >= np.maximum(panel.open, panel.close)).all()
    assert (panel.low <= np.minimum(panel.open, panel.close)).all()
    np.testing.assert_allclose(panel.open[1:], panel.close[:-1])
    assert np.log(panel.close / panel.open).std() == pytest.approx(SIGMA, rel=0.01)
    shares = [(labels.label == side).mean() for side in (-1, 0, 1)]
    assert min(shares) > 0.15 and max(shares) < 0.5


def test_the_null_market_has_the_same_features_and_nothing_to_know(frames: Frames) -> None:
    null = made(Plant(seed=100, ic=0.0, n_stocks=60, n_sessions=60))
    assert strength(0.0) == 0.0
    np.testing.assert_array_equal(null.features.values[:, :, : len(PARTS)], frames.features.values[:, :, : len(PARTS)])
    assert abs(rank_ic(null, triple_barrier(null, LabelConfig()), oracle(null))) < 3 / np.sqrt(60 * 60 * 12)


def test_a_market_is_a_function_of_its_seed() -> None:
    small = Plant(seed=3, ic=0.1, n_stocks=2, n_sessions=2)
    np.testing.assert_array_equal(made(small).panel.close, made(small).panel.close)
    assert (made(small).panel.close != made(Plant(4, 0.1, 2, 2)).panel.close).any()
