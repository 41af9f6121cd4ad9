"""The contract of a member, run over every registered one and the baselines."""

from typing import get_args

import numpy as np
import pytest
import torch
import xgboost as xgb
from sklearn import decomposition
from sklearn.ensemble._hist_gradient_boosting import binning

from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.models import registry
from daytrader_ray.models.calibration import Calibrated, Kind, calibrate
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members import boosting, logistic, random_forest, xgboost
from daytrader_ray.models.members.boosting import Boosting
from daytrader_ray.models.members.logistic import Logistic
from daytrader_ray.models.members.random_forest import RandomForest, RandomForestConfig
from daytrader_ray.models.members.surface import SCORE_STEPS, score_in_blocks
from daytrader_ray.models.members.tabular import Inputs, TabularConfig, tabular
from daytrader_ray.models.members.xgboost import XGBoost
from tests.models.samples import samples

TRAIN, VALIDATION, TEST = samples(2000, 1), samples(400, 2), samples(500, 3)


PCA = {"pca_variance": 0.95}
KINDS = [(name, {}) for name in SCORERS] + [(name, PCA) for name in ("random_forest", "xgboost", "logistic")]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind[0] + "_pca" * bool(kind[1]))
def kind(request) -> tuple[str, dict[str, float]]:
    return request.param


@pytest.fixture(scope="module")
def name(kind) -> str:
    return kind[0]


@pytest.fixture(scope="module")
def fitted(kind) -> Calibrated:
    return fit(kind, seed=7)


def fit(kind, seed) -> Calibrated:
    name, options = kind
    drawn = TRAIN[0].thinned(1500, seed)
    return calibrate(registry.member(name, options).fit(drawn, VALIDATION[0], seed), VALIDATION[0], "platt")


def test_scores_follow_the_planted_signal(fitted):
    windows, drift = TEST[0].windows, TEST[1]
    scores = fitted.predict(windows)
    assert scores.shape == (500,)
    assert np.abs(scores).max() <= 1.0
    assert np.corrcoef(scores, drift)[0, 1] > 0.5


def test_scores_are_equal_bits_for_any_batch_size_and_order(fitted):
    windows = TEST[0].windows
    scores = fitted.predict(windows)
    order = np.random.default_rng(8).permutation(len(windows))
    assert np.array_equal(fitted.predict(windows[order]), scores[order])
    for size in (1, 7, 65, 200):
        parts = [fitted.predict(windows[at : at + size]) for at in range(0, 260, size)]
        assert np.array_equal(np.concatenate(parts)[:260], scores[:260])
    assert fitted.predict(windows[:0]).shape == (0,)


def test_scores_are_rounded(fitted):
    scores = fitted.predict(TEST[0].windows) * SCORE_STEPS
    assert np.array_equal(scores, np.rint(scores))


def test_a_saved_member_scores_the_same_and_saves_the_same_bytes(name, fitted, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    fitted.save(first)
    again = registry.load(name, first)
    assert np.array_equal(again.predict(TEST[0].windows), fitted.predict(TEST[0].windows))
    again.save(second)
    files = sorted(path.name for path in first.iterdir())
    assert files
    assert all(path.suffix in (".safetensors", ".json", ".ubj") for path in first.iterdir())
    assert files == sorted(path.name for path in second.iterdir())
    assert all((first / file).read_bytes() == (second / file).read_bytes() for file in files)


@pytest.mark.parametrize("calibration", get_args(Kind))
def test_every_calibration_keeps_the_order_and_comes_back_with_its_member(name, fitted, calibration, tmp_path):
    member, windows = calibrate(fitted.fitted, VALIDATION[0], calibration), TEST[0].windows[:100]
    assert member.calibration.kind == calibration
    scores, raw = member.predict(windows), calibrate(fitted.fitted, VALIDATION[0], "none").predict(windows)
    assert (np.diff(scores[np.argsort(raw)]) >= 0).all()
    assert (scores * raw >= 0).all()
    assert np.array_equal(np.concatenate([member.predict(windows[:37]), member.predict(windows[37:])]), scores)
    member.save(tmp_path)
    assert np.array_equal(registry.load(name, tmp_path).predict(windows), scores)


def test_the_seed_decides_the_fit_and_no_ambient_state_does(kind, fitted):
    np.random.seed(1)  # noqa: TID251 - the ambient state is disturbed on purpose
    same, other = fit(kind, seed=7), fit(kind, seed=8)
    windows = TEST[0].windows
    assert np.array_equal(same.predict(windows), fitted.predict(windows))
    assert not np.array_equal(other.predict(windows), fitted.predict(windows))


def test_a_fit_without_validation_or_without_one_class_still_scores(kind):
    dataset = TRAIN[0]
    keep = np.flatnonzero(dataset.labels != 0)[:300]
    two_classes, empty = dataset.part(keep), dataset.part(keep[:0])
    fitted = registry.member(*kind).fit(two_classes, empty, seed=1)
    assert np.isfinite(calibrate(fitted, empty, "platt").predict(TEST[0].windows[:10])).all()


def without(label: int) -> Dataset:
    return TRAIN[0].part(TRAIN[0].labels != label)


@pytest.mark.parametrize("dataset", [TRAIN[0], without(-1), without(0), without(1)], ids=["all", "-1", "0", "+1"])
@pytest.mark.parametrize("name", ["random_forest", "extra_trees", "xgboost", "boosting", "logistic"])
def test_flat_arrays_score_as_the_library_that_made_them(name, dataset):
    rows = tabular(TEST[0].windows)
    inputs = Inputs()
    if name == "xgboost":
        grown = XGBoost().grow(dataset, VALIDATION[0], inputs, seed=7)
        shares, classes = grown.predict(xgb.DMatrix(rows)), (-1, 0, 1)
        made = xgboost.flat(grown, inputs)
    else:
        grow, flat = {
            "random_forest": (RandomForest().grow, random_forest.flat),
            "extra_trees": (RandomForest(RandomForestConfig(extra=True)).grow, random_forest.flat),
            "boosting": (Boosting().grow, boosting.flat),
            "logistic": (Logistic().grow, logistic.flat),
        }[name]
        grown = grow(dataset, inputs, seed=7)
        shares, classes, made = grown.predict_proba(rows), grown.classes_, flat(grown, inputs)
    expected = (shares * np.array(classes)).sum(axis=1)
    assert np.ptp(expected) > 0.1
    assert np.abs(made.score(TEST[0].windows) - expected).max() <= 1e-6


def test_trees_turn_at_their_thresholds_as_the_library_does():
    """Rows that stand exactly on a threshold of the library, in float32."""
    grown = XGBoost().grow(TRAIN[0], VALIDATION[0], Inputs(), seed=7)
    made = xgboost.flat(grown, Inputs())
    on = np.nextafter(made.threshold[made.child[:, 0] != np.arange(len(made.child))], np.float32(np.inf))
    rows = np.random.default_rng(1).choice(on, (300, 16)).astype(np.float32)
    windows = np.repeat(rows[:, None, :8], 30, axis=1)
    shares = grown.predict(xgb.DMatrix(tabular(windows)))
    assert np.abs(made.score(windows) - (shares[:, 2] - shares[:, 0])).max() <= 1e-6


@pytest.mark.parametrize("n", [1, 200, 300, 5000])
def test_the_bins_of_boosting_are_those_of_the_library_to_the_bit(n):
    rng = np.random.default_rng(n)
    weights = rng.exponential(size=n) * (rng.random(n) > 0.1)
    for values in (rng.normal(size=n), rng.normal(size=n).round(1), rng.normal(size=n).round(2), np.zeros(n)):
        expected = binning._find_binning_thresholds(values, 255, weights)
        np.testing.assert_array_equal(boosting.bin_edges(values, 255, weights), expected)


@pytest.mark.parametrize("name", ["lstm", "cnn", "transformer"])
def test_networks_score_in_blocks_as_in_one_large_batch(name):
    fitted = registry.member(name, {"epochs": 1}).fit(TRAIN[0], VALIDATION[0], seed=7)
    windows = np.ascontiguousarray(TEST[0].windows)
    with torch.no_grad():
        whole = fitted.score(windows)
    blocks = score_in_blocks(windows, fitted.score)
    assert np.abs(blocks - whole).max() <= 1e-6 + 0.5 / SCORE_STEPS


def test_torch_settings_and_random_state_are_left_as_they_were():
    torch.set_num_threads(2)
    before = torch.random.get_rng_state()
    registry.member("cnn", {"epochs": 1}).fit(TRAIN[0], VALIDATION[0], seed=7).score(TEST[0].windows[:64].copy())
    assert torch.get_num_threads() == 2
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_unknown_member_or_option_is_named():
    with pytest.raises(ValueError, match="no member called 'svm'"):
        registry.member("svm")
    with pytest.raises(ConfigError, match=r"lstm: unknown key 'hiden'"):
        registry.member("lstm", {"hiden": 3})


def test_principal_components_are_the_fewest_that_keep_the_variance():
    rng = np.random.default_rng(9)
    windows = rng.standard_normal((800, 30, 6)).astype(np.float32)
    windows[:, :, 3:] = windows[:, :, :3] + 0.01 * windows[:, :, 3:]
    dataset = Dataset(windows, np.zeros(800, np.int8), np.ones(800, np.float32), tuple("abcdef"))
    rows = tabular(windows).astype(np.float64)
    oracle = decomposition.PCA(n_components=0.95, svd_solver="full").fit(rows)
    inputs = Inputs.fit(dataset, TabularConfig(pca_variance=0.95))
    turned = inputs.rows(windows)
    assert turned.shape == (800, oracle.n_components_)
    np.testing.assert_allclose(np.abs(turned.var(axis=0)), oracle.explained_variance_ * 799 / 800, rtol=1e-4)
    np.testing.assert_allclose(turned, rows @ inputs.components, atol=1e-5)


def test_all_of_the_variance_takes_all_components():
    inputs = Inputs.fit(TRAIN[0], TabularConfig(pca_variance=1.0))
    assert inputs.components.shape == (16, 16)
    np.testing.assert_allclose(inputs.components.T @ inputs.components, np.eye(16), atol=1e-12)
