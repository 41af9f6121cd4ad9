"""The contract of a member, run over every registered one."""

import numpy as np
import pytest

from daytrader_ray.models import registry
from daytrader_ray.models.members.surface import SCORE_STEPS, Fitted
from tests.models.samples import samples

NAMES = ("xgboost",)
TRAIN, VALIDATION, TEST = samples(2000, 1), samples(400, 2), samples(500, 3)


@pytest.fixture(scope="module", params=NAMES)
def name(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(name) -> Fitted:
    return registry.member(name).fit(TRAIN[0], VALIDATION[0], seed=7)


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
    for size in (1, 7, 63, 64, 65, 200):
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


def test_the_seed_decides_the_fit_and_no_ambient_state_does(name, fitted):
    np.random.seed(1)  # noqa: TID251 - the ambient state is disturbed on purpose
    same = registry.member(name).fit(TRAIN[0], VALIDATION[0], seed=7)
    other = registry.member(name).fit(TRAIN[0], VALIDATION[0], seed=8)
    windows = TEST[0].windows
    assert np.array_equal(same.predict(windows), fitted.predict(windows))
    assert not np.array_equal(other.predict(windows), fitted.predict(windows))


def test_a_fit_without_validation_or_without_one_class_still_scores(name):
    dataset = TRAIN[0]
    keep = np.flatnonzero(dataset.labels != 0)[:300]
    two_classes = type(dataset)(dataset.windows[keep], dataset.labels[keep], dataset.weights[keep])
    empty = type(dataset)(dataset.windows[:0], dataset.labels[:0], dataset.weights[:0])
    scores = registry.member(name).fit(two_classes, empty, seed=1).predict(TEST[0].windows[:10])
    assert np.isfinite(scores).all()
