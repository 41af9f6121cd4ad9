"""Importances find what a member's skill rests on, and say nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.models import registry
from daytrader_ray.models.calibration import Calibrated, Identity, calibrate
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.importances import importances, permutation
from tests.models.samples import samples

TRAIN, VALIDATION = samples(1500, 1)[0], samples(500, 2)[0]


NETWORKS = ("lstm", "cnn", "transformer")
"""So few samples teach them one of the two planted features for sure."""


class Mix:
    """A stand-in: the last value of feature 0, half the mean of feature 1, and a product of two others."""

    def score(self, block: np.ndarray) -> np.ndarray:
        return 0.1 * block[:, -1, 0] + 0.3 * block[:, :, 1].mean(axis=1) + 0.1 * block[:, -1, 2] * block[:, -1, 3]

    def save(self, folder) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("name", "options"), [(name, {}) for name in SCORERS] + [("random_forest", {"pca_variance": 0.99})]
)
def test_a_planted_feature_comes_first_for_every_member_and_both_for_the_tabular_ones(name, options) -> None:
    fitted = registry.member(name, options).fit(TRAIN, VALIDATION, seed=7)
    found = importances(calibrate(fitted, VALIDATION, "platt"), VALIDATION, seed=1, n=500)
    assert tuple(found["permutation_error"]) == VALIDATION.features
    for kind in found.keys() - {"permutation_error"}:
        values = found[kind]
        assert tuple(values) == VALIDATION.features
        first = sorted(values, key=values.get)[-2:]
        assert first[-1] in ("f0", "f1"), kind
        assert set(first) == {"f0", "f1"} or name in NETWORKS, kind
    assert ("gain" in found) == (name in ("random_forest", "xgboost", "boosting"))
    if "gain" in found:
        assert sum(found["gain"].values()) == pytest.approx(1.0)
        assert min(found["gain"].values()) >= 0.0


def test_a_forest_that_learned_noise_has_no_feature_that_works() -> None:
    rng = np.random.default_rng(11)
    train, validation = (
        replace(part, labels=rng.integers(-1, 2, len(part)).astype(np.int8)) for part in (TRAIN, VALIDATION)
    )
    forest = registry.member("random_forest", {}).fit(train, validation, seed=7)
    loss, error = permutation(Calibrated(forest, Identity()), validation, seed=1)
    assert (np.abs(loss) < 3 * error).all()
    honest = registry.member("random_forest", {}).fit(TRAIN, VALIDATION, seed=7)
    loss, error = permutation(Calibrated(honest, Identity()), VALIDATION, seed=1)
    assert (loss > 3 * error).tolist() == [True, True] + [False] * 6


def test_what_is_not_used_has_no_importance_and_the_samples_stay_as_they_are() -> None:
    before = VALIDATION.windows.copy()
    loss, error = permutation(Calibrated(Mix(), Identity()), VALIDATION, seed=3)
    assert [*loss[4:], *error[4:]] == pytest.approx([0.0] * 8, abs=1e-12)
    assert error[:4].min() > 0.0
    assert np.array_equal(VALIDATION.windows, before)
    assert np.array_equal(loss, permutation(Calibrated(Mix(), Identity()), VALIDATION, seed=3)[0])


def test_it_is_the_correlation_with_labels_that_is_lost_and_its_error_is_the_spread_of_that() -> None:
    member, drawn = Calibrated(Mix(), Identity()), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        windows = rng.standard_normal((500, 30, 4)).astype(np.float32)
        scores = member.predict(windows)
        labels = np.where(rng.uniform(size=len(scores)) < np.abs(scores), np.sign(scores), 0).astype(np.int8)
        drawn.append(permutation(member, Dataset(windows, labels, np.ones(500, np.float32), tuple("abcd")), seed=5))
    loss, error = (np.array(one) for one in zip(*drawn, strict=True))
    truth = np.corrcoef(scores, labels)[0, 1] * np.array([0.01, 0.003, 0.01, 0.01]) / 0.023
    assert loss.mean(axis=0) == pytest.approx(truth, abs=0.05)
    assert error.mean(axis=0) == pytest.approx(loss.std(axis=0), rel=0.3)


def test_scores_that_never_vary_and_no_samples_have_no_importance() -> None:
    class Still(Mix):
        def score(self, block: np.ndarray) -> np.ndarray:
            return np.zeros(len(block))

    assert not np.any(permutation(Calibrated(Still(), Identity()), VALIDATION, seed=1))
    assert not np.any(permutation(Calibrated(Mix(), Identity()), VALIDATION.part(np.arange(0)), seed=1))
