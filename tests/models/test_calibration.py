"""Calibrations: probabilities that are frequencies, never another sign or another order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from daytrader_ray.models import calibration
from daytrader_ray.models.calibration import Calibrated, Calibration, Identity, Isotonic, Platt, calibrate
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.surface import SCORE_STEPS
from tests.models.samples import samples

GRID = np.linspace(-1.0, 1.0, 401)


class Raw:
    """A stand-in whose raw score is the last value of feature 0."""

    def score(self, block: np.ndarray) -> np.ndarray:
        return block[:, -1, 0]

    def save(self, folder) -> None:
        (folder / "raw.json").write_text("{}")


def drawn(n: int, slope: float, seed: int, drift: float = 0.0) -> Dataset:
    """Return samples whose labels follow logits (drift + slope s, 0, -drift - slope s) of the raw score s."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-0.6, 0.6, n)
    up, down = np.exp(drift + slope * scores), np.exp(-drift - slope * scores)
    u = rng.uniform(size=n) * (1 + up + down)
    labels = np.where(u < up, 1, np.where(u < up + down, -1, 0)).astype(np.int8)
    windows = np.zeros((n, 30, 1), np.float32)
    windows[:, -1, 0] = scores
    return Dataset(windows, labels, np.ones(n, np.float32), ("score",))


def fitted(kind: str, dataset: Dataset) -> Calibration:
    return calibrate(Raw(), dataset, kind).calibration


def shape_is_kept(found: Calibration) -> None:
    values = found.apply(GRID)
    np.testing.assert_array_equal(values, -found.apply(-GRID))
    assert (np.diff(values) >= -1e-15).all() and np.abs(values).max() <= 1.0


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["platt", "isotonic", "none"]), st.floats(-6, 6), st.floats(-2, 2), st.integers(200, 600), st.data()
)
def test_every_calibration_is_odd_and_keeps_the_order(kind, slope, drift, n, data) -> None:
    dataset = drawn(n, slope, data.draw(st.integers(0, 99)), drift)
    keep = dataset.labels != data.draw(st.sampled_from([-1, 0, 1, 5]))
    shape_is_kept(fitted(kind, dataset.part(keep)))


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_calibrated_scores_are_how_often_up_beats_down(kind) -> None:
    found = fitted(kind, drawn(10_000, 4.0, 1))
    test = drawn(200_000, 4.0, 2)
    scores = found.apply(test.windows[:, -1, 0].astype(np.float64))
    order = np.argsort(scores)
    for part in np.array_split(order, 10):
        assert abs(scores[part].mean() - test.labels[part].mean()) < 0.05


def test_platt_is_the_largest_likelihood_where_samples_are_many() -> None:
    dataset = drawn(10_000, 2.5, 3)
    scores, labels = dataset.windows[:, -1, 0].astype(np.float64), dataset.labels

    def loss(at) -> float:
        logits = np.stack([at[0] - at[1] * scores, 0 * scores, at[0] + at[1] * scores])
        chosen = np.take_along_axis(logits, labels[None].astype(np.int64) + 1, axis=0)[0]
        return float((np.log(np.exp(logits).sum(axis=0)) - chosen).sum())

    oracle = minimize(loss, [0.0, 1.0], method="Nelder-Mead").x
    found = fitted("platt", dataset)
    assert isinstance(found, Platt)
    np.testing.assert_allclose([found.a, found.b], oracle, atol=0.02)


def test_a_drift_of_validation_gives_no_direction() -> None:
    up = drawn(5_000, 0.0, 4, drift=1.0)
    for kind in ("platt", "isotonic"):
        assert fitted(kind, up).apply(np.zeros(1))[0] == 0.0


def test_a_member_that_validation_contradicts_becomes_small_and_keeps_its_sign() -> None:
    found = fitted("platt", drawn(5_000, -3.0, 5)).apply(GRID)
    assert np.abs(found).max() < 0.05
    assert (np.sign(found) == np.sign(GRID)).all()


def test_few_samples_leave_scores_alone_and_say_so() -> None:
    found = fitted("platt", drawn(199, 2.0, 6))
    assert found == Identity("199 samples in validation A, fewer than 200")
    assert fitted("none", drawn(1000, 2.0, 6)) == Identity("not asked for")


def test_many_samples_are_thinned(monkeypatch) -> None:
    monkeypatch.setattr(calibration, "MOST", 300)
    assert fitted("platt", drawn(9000, 2.0, 7)) == fitted("platt", drawn(9000, 2.0, 7).thinned(300, seed=0))


@pytest.mark.parametrize("found", [Platt(0.1, 2.0 / 3), Isotonic([0.0, 0.1, 0.7], [0.0, 1 / 3, 0.5]), Identity("x")])
def test_a_calibration_comes_back_to_the_bit(found, tmp_path) -> None:
    Calibrated(Raw(), found).save(tmp_path)
    assert calibration.load(tmp_path) == found


@pytest.mark.parametrize("found", [Platt(0.1, 2.0), Isotonic([0.0, 0.1, 0.7], [0.0, 0.3, 0.5]), Identity()])
def test_scores_are_calibrated_first_and_rounded_then_in_any_batch(found) -> None:
    windows = samples(300, 8)[0].windows * np.float32(0.2)
    member = Calibrated(Raw(), found)
    scores = member.predict(windows)
    raw = windows[:, -1, 0].astype(np.float64)
    np.testing.assert_array_equal(
        scores, np.rint(found.apply(raw) * SCORE_STEPS).clip(-SCORE_STEPS, SCORE_STEPS) / SCORE_STEPS
    )
    parts = [member.predict(windows[at : at + 7]) for at in range(0, 300, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), scores)
