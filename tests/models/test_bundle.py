"""A bundle is written, read back and refused through the store that keeps it."""

import dataclasses
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters import model_store
from daytrader_ray.domain.errors import BundleError
from daytrader_ray.domain.regime import RegimeModel
from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models import registry
from daytrader_ray.models.bundle import Bundle, SearchVerdict
from daytrader_ray.models.calibration import Calibrated, Platt
from daytrader_ray.models.ensemble import Ensemble
from daytrader_ray.models.online import Online
from daytrader_ray.models.scaling import Scaler
from tests.models.samples import N_FEATURES, keeping, samples

WINDOWS = samples(70, 5)[0].windows


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    train, validation = samples(300, 1)[0], samples(100, 2)[0]

    def member(name: str) -> Calibrated:
        return Calibrated(registry.member(name).fit(train, validation, seed=1), Platt(0.1, 1.2))

    names = tuple(f"f{i}" for i in range(N_FEATURES))
    one = np.ones((3, 1))
    regime = RegimeModel(
        ("log_rv",),
        ("vix",),
        ("AAA",),
        1,
        one[0],
        one[0],
        one[0],
        one[:, 0] / 3,
        np.eye(3),
        one,
        one,
        np.zeros((3, 2)),
        30.0,
    )
    return Bundle(
        selection=keeping(("extra", *names), names),
        symbols=("AAA", "SPY"),
        scaler=Scaler(np.arange(N_FEATURES, dtype=np.float64), np.ones(N_FEATURES)),
        members={name: member(name) for name in MEMBERS},
        ensemble=Ensemble(
            scheme="regime",
            mask=0b11111,
            weights=np.array([0.1, 0.2, 0.3, 0.2, 0.2]) + np.zeros((4, 1)),
            timeframes=np.array([0.5, 0.3, 0.2]),
            q99=0.125,
            threshold=float("inf"),
            hours=np.array([0.8, 0.9]),
            online=Online(np.arange(5.0), 2.5, 12, np.array([0.1, 0.2, np.nan, 0.1, 0.1])),
            note="the same in every regime: none is known on B",
            score_every_minutes=5,
        ),
        regime=regime,
        left_out=("vix",),
        plan={"kernel": {"max_gross": 2.0}},
        seed=7,
        last_training_session=dt.date(2025, 11, 28),
        fingerprint="ab" * 32,
        verdict=SearchVerdict(
            "search-1", "too short", "Too short.", {"dsr": None, "intervals": {"mean_bps": [1.0, 2.0]}}
        ),
    )


@pytest.fixture
def saved(bundle, tmp_path) -> Path:
    return tmp_path / "models" / model_store.save(bundle, tmp_path)


def test_a_bundle_comes_back_as_it_was(bundle, saved, tmp_path):
    assert model_store.latest(tmp_path) == saved.name
    again = model_store.load(tmp_path, saved.name, bundle.feature_set)
    plain = [f.name for f in dataclasses.fields(Bundle) if f.name not in ("scaler", "members", "ensemble", "regime")]
    assert all(getattr(again, name) == getattr(bundle, name) for name in plain)
    np.testing.assert_equal(dataclasses.asdict(again.ensemble), dataclasses.asdict(bundle.ensemble))
    assert np.array_equal(again.scaler.mean, bundle.scaler.mean)
    assert again.regime is not None
    assert again.regime.inputs == ("log_rv",)
    assert np.array_equal(again.score(WINDOWS), bundle.score(WINDOWS))


def test_a_member_that_is_not_there_scores_nan(bundle):
    small = dataclasses.replace(bundle, members={"cnn": bundle.members["cnn"]})
    assert np.isnan(small.score(WINDOWS)).tolist() == [[True, False, True, True, True]] * len(WINDOWS)


def test_the_same_bundle_has_the_same_id_and_the_last_saved_is_the_latest(bundle, saved, tmp_path):
    other = model_store.save(dataclasses.replace(bundle, seed=8, regime=None), tmp_path)
    assert other != saved.name
    assert model_store.latest(tmp_path) == other
    assert model_store.load(tmp_path, other).regime is None
    assert model_store.save(bundle, tmp_path) == saved.name == model_store.latest(tmp_path)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == sorted([saved.name, other, "latest.json"])


def test_one_changed_byte_in_any_file_is_refused_by_name(saved, tmp_path):
    files = [path for path in saved.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(BundleError, match=f"{path.relative_to(saved).as_posix()} has been changed"):
            model_store.load(tmp_path, saved.name)
        path.write_bytes(whole)
    model_store.load(tmp_path, saved.name)


def test_a_missing_or_extra_file_is_refused_by_name(saved, tmp_path):
    (saved / "members/cnn/more.bin").write_bytes(b"")
    with pytest.raises(BundleError, match=r"members/cnn/more\.bin does not belong to it"):
        model_store.load(tmp_path, saved.name)
    (saved / "members/cnn/more.bin").unlink()
    (saved / "members/lstm/weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"members/lstm/weights\.safetensors is missing"):
        model_store.load(tmp_path, saved.name)
    (saved / "manifest.json").unlink()
    with pytest.raises(BundleError, match=r"manifest\.json is missing"):
        model_store.load(tmp_path, saved.name)


def test_another_schema_or_feature_set_is_refused(bundle, saved, tmp_path, monkeypatch):
    with pytest.raises(BundleError, match="another feature set: extra, new"):
        model_store.load(tmp_path, saved.name, ("new", *bundle.features))
    with pytest.raises(BundleError, match="another feature set: their order"):
        model_store.load(tmp_path, saved.name, tuple(reversed(bundle.feature_set)))
    monkeypatch.setattr(model_store, "SCHEMA", 6)
    with pytest.raises(BundleError, match="has schema 5, this program reads 6"):
        model_store.load(tmp_path, saved.name)


@pytest.mark.parametrize("members", [(MEMBERS[1], MEMBERS[0], *MEMBERS[2:]), (*MEMBERS, "cnn_lstm"), MEMBERS[:-1]])
def test_a_program_with_other_members_refuses_weights_that_would_be_somebody_elses(
    saved, tmp_path, monkeypatch, members
):
    monkeypatch.setattr(model_store, "MEMBERS", members)
    words = f"is of the members {', '.join(MEMBERS)}; this program's are {', '.join(members)}"
    with pytest.raises(BundleError, match=words) as refused:
        model_store.load(tmp_path, saved.name)
    assert "daytrader train" in refused.value.hint
    with pytest.raises(BundleError, match=words):
        model_store.load_member(tmp_path, saved.name, "cnn")
    assert words in model_store.glance(tmp_path, saved.name).refused


def test_training_again_heals_a_damaged_bundle(bundle, saved, tmp_path):
    (saved / "arrays.safetensors").write_bytes(b"")
    (saved / "members/cnn/more.bin").write_bytes(b"")
    assert model_store.save(bundle, tmp_path) == saved.name
    model_store.load(tmp_path, saved.name)


def test_an_extra_whose_file_has_changed_is_another_feature(bundle, tmp_path):
    own = {"extra.my_features.wick_14": "12ab"}
    name = model_store.save(dataclasses.replace(bundle, plan={**bundle.plan, "extras": own}), tmp_path)
    assert model_store.load(tmp_path, name, bundle.feature_set, own).plan["extras"] == own
    with pytest.raises(BundleError, match=r"another feature: extra.my_features.wick_14, then 12ab, is now 34cd"):
        model_store.load(tmp_path, name, bundle.feature_set, dict.fromkeys(own, "34cd"))


def test_a_bundle_that_is_not_there_is_an_error_with_a_hint(tmp_path):
    with pytest.raises(BundleError, match="no bundle under") as found:
        model_store.latest(tmp_path)
    assert "daytrader train" in found.value.hint
    for name in ("0" * 16, "../models"):
        with pytest.raises(BundleError, match="no bundle '"):
            model_store.load(tmp_path, name)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "latest.json").write_text(json.dumps(["x"]))
    with pytest.raises(BundleError, match=r"latest\.json is not readable"):
        model_store.latest(tmp_path)
