"""Bundles at a URL: kept there, read from a copy on this machine, and never believed without a check."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.folder import local_root
from daytrader_ray.domain.errors import BundleError
from daytrader_ray.models import registry
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.calibration import Calibrated, Identity
from daytrader_ray.models.scaling import Scaler
from tests.models.ensembles import equal
from tests.models.samples import N_FEATURES, keeping, samples

ROOT = "memory://bundles"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    names = tuple(f"f{i}" for i in range(N_FEATURES))
    fitted = registry.member("xgboost").fit(samples(100, 1)[0], samples(60, 2)[0], seed=1)
    return Bundle(
        selection=keeping(names, names),
        symbols=("AAA",),
        scaler=Scaler(np.zeros(N_FEATURES), np.ones(N_FEATURES)),
        members={"xgboost": Calibrated(fitted, Identity())},
        ensemble=equal(8, q99=0.5, threshold=0.1),
        regime=None,
        left_out=(),
        plan={},
        seed=1,
        last_training_session=dt.date(2025, 11, 28),
        fingerprint="ab" * 32,
    )


@pytest.fixture(autouse=True)
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield local_root(ROOT)
    memory = fsspec.filesystem("memory")
    if memory.exists("/bundles"):
        memory.rm("/bundles", recursive=True)


def test_a_bundle_at_a_url_is_read_on_any_machine(bundle: Bundle, local: Path) -> None:
    bundle_id = model_store.save(bundle, ROOT)
    shutil.rmtree(local)
    assert model_store.latest(ROOT) == bundle_id
    assert model_store.load(ROOT, bundle_id).symbols == ("AAA",)
    model_store.load_member(ROOT, bundle_id, "xgboost")
    fsspec.filesystem("memory").rm("/bundles", recursive=True)
    model_store.load_member(ROOT, bundle_id, "xgboost")
    assert [path.name for path in (local / "models").iterdir()] == [bundle_id]


def test_a_bundle_that_was_changed_or_cut_at_the_url_is_refused(bundle: Bundle, local: Path) -> None:
    bundle_id = model_store.save(bundle, ROOT)
    files = fsspec.filesystem("memory")
    whole = files.cat_file(f"/bundles/models/{bundle_id}/bundle.json")
    shutil.rmtree(local)
    for name, content, words in (
        ("bundle.json", whole + b" ", r"bundle\.json has been changed"),
        ("bundle.json", None, r"bundle\.json is missing"),
        ("manifest.json", b"{}", r"manifest\.json has been changed"),
        ("manifest.json", None, "no bundle"),
    ):
        path = f"/bundles/models/{bundle_id}/{name}"
        before = files.cat_file(path)
        files.rm(path) if content is None else files.pipe_file(path, content)
        with pytest.raises(BundleError, match=words):
            model_store.load(ROOT, bundle_id)
        files.pipe_file(path, before)
    assert model_store.load(ROOT, bundle_id).symbols == ("AAA",)


def test_an_upload_cut_short_publishes_nothing(bundle: Bundle, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = model_store.Folder.write

    def cut(self: model_store.Folder, relative: str, data: bytes) -> None:
        if relative.endswith("manifest.json"):
            raise KeyboardInterrupt
        true(self, relative, data)

    monkeypatch.setattr(model_store.Folder, "write", cut)
    with pytest.raises(KeyboardInterrupt):
        model_store.save(bundle, ROOT)
    with pytest.raises(BundleError, match="no bundle under memory://bundles/models"):
        model_store.latest(ROOT)
    (made,) = [path.name for path in (local / "models").iterdir()]
    shutil.rmtree(local)
    with pytest.raises(BundleError, match=f"no bundle '{made}' under memory://bundles/models"):
        model_store.load(ROOT, made)
