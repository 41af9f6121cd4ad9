"""Bundles at a URL: kept there, read from a copy on this machine, and never believed without a check."""

import dataclasses
import datetime as dt
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import fsspec
import numpy as np
import pytest

from daytrader_ray.adapters import libraries, model_store
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


def test_a_damaged_copy_is_fetched_again_and_never_uploaded(bundle: Bundle, local: Path) -> None:
    bundle_id = model_store.save(bundle, ROOT)
    copy = local / "models" / bundle_id / "arrays.safetensors"
    whole = copy.read_bytes()
    copy.write_bytes(b"")
    assert model_store.load(ROOT, bundle_id).symbols == ("AAA",)
    assert copy.read_bytes() == whole
    copy.write_bytes(b"")
    assert model_store.save(bundle, ROOT) == bundle_id
    shutil.rmtree(local)
    assert model_store.load(ROOT, bundle_id).symbols == ("AAA",)


def test_two_trainings_that_end_together_publish_one_bundle(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, chmod = Barrier(2), Path.chmod

    def together(self: Path, mode: int) -> None:
        with suppress(BrokenBarrierError):
            both.wait(0.2)
        chmod(self, mode)

    monkeypatch.setattr(Path, "chmod", together)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: model_store.save(bundle, tmp_path), range(2))
    assert one == other == model_store.latest(tmp_path)
    model_store.load(tmp_path, one)


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


def test_a_bundle_made_with_another_major_version_is_refused_and_another_minor_one_is_not(
    bundle: Bundle, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(**others: str) -> None:
        monkeypatch.setattr(model_store, "scoring_libraries", lambda: libraries.scoring_libraries() | others)

    installed(torch="1.13.1")
    old = model_store.save(bundle, ROOT)
    installed()
    now = version("torch")
    with pytest.raises(BundleError, match=f"another major version: torch 1.13.1, now {re.escape(now)}") as refused:
        model_store.load(ROOT, old)
    assert "daytrader train" in refused.value.hint
    installed(torch="2.0.1", numpy="2.0.0")
    assert model_store.load(ROOT, model_store.save(bundle, ROOT)).symbols == ("AAA",)


def test_a_glance_reads_two_files_and_tells_of_each_bundle_why_it_is_refused(
    bundle: Bundle, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = (
        model_store.save(dataclasses.replace(bundle, last_training_session=dt.date(2025, 11, day)), ROOT)
        for day in (3, 28)
    )
    read: list[str] = []
    true = model_store.Folder.read
    monkeypatch.setattr(model_store.Folder, "read", lambda self, name: (read.append(name), true(self, name))[1])
    assert [one.bundle_id for one in model_store.glances(ROOT)] == [late, early]
    assert len(read) == 4
    seen = model_store.glance(ROOT, late)
    assert (seen.values["symbols"], seen.refused) == (["AAA"], "")
    assert set(seen.libraries) == {"numba", "numpy", "scikit-learn", "torch", "xgboost"}
    monkeypatch.setattr(model_store, "SCHEMA", model_store.SCHEMA + 1)
    assert "has schema" in model_store.glance(ROOT, late).refused
    monkeypatch.undo()
    assert model_store.glance(ROOT, "0" * 16).refused == "bundle 0000000000000000: manifest.json is missing"


def test_xgboost_is_the_same_library_with_and_without_code_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    have = {"numba": "0.68", "numpy": "2", "scikit-learn": "1", "torch": "2", "xgboost-cpu": "3.1"}

    def found(name: str) -> str:
        if name not in have:
            raise PackageNotFoundError(name)
        return have[name]

    monkeypatch.setattr(libraries, "version", found)
    assert libraries.scoring_libraries()["xgboost"] == "3.1"
    assert libraries.other_majors({"xgboost": "3.0.2"}, {"xgboost": libraries.ABSENT}) == ["xgboost 3.0.2, now absent"]


def test_a_whole_bundle_that_holds_something_else_is_refused_with_what_to_do(
    bundle: Bundle, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_store, "_arrays_of", lambda ensemble: {"weights": ensemble.weights})
    monkeypatch.setattr(Calibrated, "save", lambda self, folder: (folder / "calibration.json").write_text("{}"))
    bundle_id = model_store.save(bundle, ROOT)
    for read in (model_store.load, lambda *of: model_store.load_member(*of, "xgboost")):
        with pytest.raises(BundleError, match=f"bundle {bundle_id} does not hold what this") as refused:
            read(ROOT, bundle_id)
        assert "daytrader train" in refused.value.hint
