"""Importances find what a member listens to, and say nothing else."""

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
    found = importances(calibrate(fitted, VALIDATION, "platt"), VALIDATION, seed=1, n=256)
    for kind, values in found.items():
        assert tuple(values) == VALIDATION.features
        first = sorted(values, key=values.get)[-2:]
        assert first[-1] in ("f0", "f1"), kind
        assert set(first) == {"f0", "f1"} or name in NETWORKS, kind
    assert ("gain" in found) == (name in ("random_forest", "xgboost", "boosting"))
    if "gain" in found:
        assert sum(found["gain"].values()) == pytest.approx(1.0)
        assert min(found["gain"].values()) >= 0.0


def test_what_is_not_used_has_no_importance_and_the_samples_stay_as_they_are() -> None:
    before = VALIDATION.windows.copy()
    found = permutation(Calibrated(Mix(), Identity()), VALIDATION, seed=3)
    assert [found[f"f{k}"] for k in range(4, 8)] == pytest.approx([0.0] * 4, abs=1e-12)
    assert min(found[f"f{k}"] for k in range(4)) > 0.05
    assert np.array_equal(VALIDATION.windows, before)
    assert found == permutation(Calibrated(Mix(), Identity()), VALIDATION, seed=3)


def test_it_is_the_share_of_the_covariance_with_labels_that_calibrated_scores_foresee() -> None:
    rng = np.random.default_rng(4)
    windows = rng.standard_normal((40_000, 30, 4)).astype(np.float32)
    member = Calibrated(Mix(), Identity())
    scores = member.predict(windows)
    labels = np.where(rng.uniform(size=len(scores)) < np.abs(scores), np.sign(scores), 0).astype(np.int8)
    dataset = Dataset(windows, labels, np.ones(len(labels), np.float32), tuple("abcd"))
    found = permutation(member, dataset, seed=5)
    for k, name in enumerate("abcd"):
        shuffled = windows.copy()
        shuffled[:, :, k] = rng.permutation(windows[:, :, k])
        loss = 1 - np.cov(member.predict(shuffled), labels)[0, 1] / np.cov(scores, labels)[0, 1]
        assert found[name] == pytest.approx(loss, abs=0.05)


def test_scores_that_never_vary_and_no_samples_have_no_importance() -> None:
    class Still(Mix):
        def score(self, block: np.ndarray) -> np.ndarray:
            return np.zeros(len(block))

    nothing = dict.fromkeys(VALIDATION.features, 0.0)
    assert permutation(Calibrated(Still(), Identity()), VALIDATION, seed=1) == nothing
    assert permutation(Calibrated(Mix(), Identity()), VALIDATION.part(np.arange(0)), seed=1) == nothing
