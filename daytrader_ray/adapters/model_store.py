"""Bundles on disk: one immutable folder each, named by its content and checked file by file when it is read.

::

    <root>/models/<id>/manifest.json          schema version, library versions, whose column each weight and score is,
                                              and the SHA-256 of every other file
    <root>/models/<id>/bundle.json            selection of features, names, configuration, provenance, verdict
    <root>/models/<id>/arrays.safetensors     scaler and ensemble
    <root>/models/<id>/members/<name>/...     one folder for each member
    <root>/models/<id>/regime/...             the regime model, where there is one
    <root>/models/latest.json                 the id published last

The id is the start of the manifest's own SHA-256: the same bundle always gets the same id. Where the root is a URL, a
bundle is read from a copy on this machine, made when it is first asked for.
"""

import datetime as dt
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.adapters.folder import Folder, local_root
from daytrader_ray.adapters.libraries import other_majors, scoring_libraries
from daytrader_ray.domain.budget import Sizing
from daytrader_ray.domain.errors import BundleError
from daytrader_ray.domain.selection import Selection
from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models import registry
from daytrader_ray.models.bundle import SCHEMA, Bundle, SearchVerdict
from daytrader_ray.models.calibration import Calibrated
from daytrader_ray.models.ensemble import Ensemble
from daytrader_ray.models.online import Online
from daytrader_ray.models.scaling import Scaler
from daytrader_ray.regime import files as regime_files

Float64 = npt.NDArray[np.float64]

MODELS = "models"
MANIFEST = "manifest.json"
VALUES = "bundle.json"
LATEST = f"{MODELS}/latest.json"
_ID = re.compile(r"[0-9a-f]{16}")
_TUPLES = ("symbols", "left_out")
_PLAIN = ("seed", "fingerprint", "importances")
_OF_ENSEMBLE = ("scheme", "mask", "note", "score_every_minutes")
_TRAIN_AGAIN = "train again: daytrader train"


def save(bundle: Bundle, root: str | Path) -> str:
    """Write `bundle` under the data root `root` (a folder or a URL), publish it as the latest, and return its id."""
    models = local_root(root) / MODELS
    models.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=models, prefix=".aside-"))
    try:
        _write(bundle, aside)
        hashes = _hashes(aside)
        made = {"schema": SCHEMA, "libraries": scoring_libraries(), "columns": MEMBERS, "files": hashes}
        atomic_write_json(aside / MANIFEST, made)
        bundle_id = _id_of((aside / MANIFEST).read_bytes())
        _place(aside, models / bundle_id)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if "://" in str(root):
        _upload(models / bundle_id, Folder(str(root)), sorted(hashes))
    Folder(str(root)).write_json(LATEST, {"id": bundle_id})
    return bundle_id


def latest(root: str | Path) -> str:
    """Return the id of the bundle published last under `root`; a `BundleError` when there is none."""
    folder = Folder(str(root))
    content = folder.read(LATEST)
    if content is None:
        raise BundleError(f"no bundle under {folder.path(MODELS)}", _TRAIN_AGAIN)
    try:
        return str(json.loads(content)["id"])
    except (ValueError, KeyError, TypeError):
        raise BundleError(f"{folder.path(LATEST)} is not readable: expected the id of a bundle", _TRAIN_AGAIN) from None


@dataclass(frozen=True)
class Glance:
    """What a bundle says of itself without being read whole.

    `refused` says why it cannot be used; where that is not empty, `values` (of bundle.json) and `libraries` (name to
    version) are empty.
    """

    bundle_id: str
    values: Mapping[str, Any]
    libraries: Mapping[str, str]
    refused: str = ""


def glances(root: str | Path) -> list[Glance]:
    """Return a glance at every bundle under `root`, trained to the latest session first; only two files are read."""
    folder = Folder(str(root))
    ids = [path.split("/")[-2] for path in folder.find(f"{MODELS}/*/{MANIFEST}")]
    found = [glance(root, bundle_id) for bundle_id in ids if _ID.fullmatch(bundle_id)]
    return sorted(found, key=lambda one: str(one.values.get("last_training_session", "")), reverse=True)


def glance(root: str | Path, bundle_id: str) -> Glance:
    """Return what a bundle says of itself, after checking the two files that are read."""
    folder, name = Folder(str(root)), f"{MODELS}/{bundle_id}"
    try:
        manifest = _manifest(folder.read(f"{name}/{MANIFEST}"), bundle_id)
        content = folder.read(f"{name}/{VALUES}") or b""
        if _hash(content) != manifest["files"][VALUES]:
            raise BundleError(f"bundle {bundle_id}: {VALUES} has been changed")
    except BundleError as error:
        return Glance(bundle_id, {}, {}, error.message)
    return Glance(bundle_id, json.loads(content), manifest["libraries"])


def load(
    root: str | Path,
    bundle_id: str,
    feature_set: Sequence[str] | None = None,
    origins: Mapping[str, str] | None = None,
) -> Bundle:
    """Read a bundle after checking every byte of it.

    A changed, missing or extra file, another schema, other members than this program's, another major version of a
    library or (where given) another `feature_set`, or extras of other `origins` than those in its plan, is a
    `BundleError` that names what is wrong.
    """
    folder = _checked(root, bundle_id)
    with _as_expected(bundle_id):
        bundle = _read(folder)
    if feature_set is not None and tuple(feature_set) != bundle.feature_set:
        differ = sorted(set(feature_set) ^ set(bundle.feature_set)) or ["their order"]
        raise BundleError(f"bundle {bundle_id} was trained on another feature set: {', '.join(differ)}", _TRAIN_AGAIN)
    for name, origin in (origins or {}).items():
        if (then := bundle.plan["extras"][name]) != origin:
            found = f"{name}, then {then[:24]}, is now {origin[:24]}"
            raise BundleError(f"bundle {bundle_id} was trained on another feature: {found}", _TRAIN_AGAIN)
    return bundle


def load_member(root: str | Path, bundle_id: str, name: str) -> Calibrated:
    """Read one member of a bundle, for a process that needs no other, after checking every byte of the bundle."""
    folder = _checked(root, bundle_id) / "members" / name
    if not folder.is_dir():
        raise BundleError(f"bundle {bundle_id} has no member {name}", _TRAIN_AGAIN)
    with _as_expected(bundle_id):
        return registry.load(name, folder)


@contextmanager
def _as_expected(bundle_id: str) -> Iterator[None]:
    """Refuse a bundle whose files are whole, but hold other things than this program looks for."""
    try:
        yield
    except (KeyError, TypeError, ValueError, OSError) as error:
        found = f"bundle {bundle_id} does not hold what this program expects: {type(error).__name__}: {error}"
        raise BundleError(found, _TRAIN_AGAIN) from error


def _checked(root: str | Path, bundle_id: str) -> Path:
    folder = local_root(root) / MODELS / bundle_id
    if _ID.fullmatch(bundle_id) and "://" in str(root) and not _is_whole(folder):
        _download(Folder(str(root)), folder)
    if not _ID.fullmatch(bundle_id) or not folder.is_dir():
        raise BundleError(f"no bundle {bundle_id!r} under {root}/{MODELS}", _TRAIN_AGAIN)
    _check(folder, bundle_id)
    return folder


def _upload(bundle: Path, root: Folder, names: Sequence[str]) -> None:
    """Copy a bundle to a URL, its manifest last: without one there is no bundle."""
    for name in (*names, MANIFEST):
        root.write(f"{MODELS}/{bundle.name}/{name}", (bundle / name).read_bytes())


def _download(root: Folder, bundle: Path) -> None:
    """Copy a bundle from a URL to this machine, where it is there and every byte of it is right."""
    manifest = root.read(f"{MODELS}/{bundle.name}/{MANIFEST}")
    if manifest is None:
        return
    names = _manifest(manifest, bundle.name)["files"]
    bundle.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=bundle.parent, prefix=".aside-"))
    try:
        (aside / MANIFEST).write_bytes(manifest)
        for name in names:
            content = root.read(f"{MODELS}/{bundle.name}/{name}")
            if content is not None:
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                (aside / name).write_bytes(content)
        _check(aside, bundle.name)
        _place(aside, bundle)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _place(aside: Path, bundle: Path) -> None:
    """Give a whole folder its name, unless the same bundle is there; a damaged one makes way."""
    with Folder(str(bundle.parents[1])).locked(f"{MODELS}/{bundle.name}"):
        if not _is_whole(bundle):
            shutil.rmtree(bundle, ignore_errors=True)
            aside.chmod(0o755)
            aside.rename(bundle)


def _write(bundle: Bundle, folder: Path) -> None:
    values: dict[str, Any] = {name: list(getattr(bundle, name)) for name in _TUPLES}
    values |= {name: getattr(bundle, name) for name in _PLAIN}
    values |= {"plan": dict(bundle.plan), "last_training_session": bundle.last_training_session.isoformat()}
    values |= {"members": sorted(bundle.members), "selection": bundle.selection.as_list()}
    values |= {name: getattr(bundle.ensemble, name) for name in _OF_ENSEMBLE} | {"verdict": asdict(bundle.verdict)}
    atomic_write_json(folder / VALUES, values)
    arrays = {
        "mean": bundle.scaler.mean,
        "std": bundle.scaler.std,
        **_arrays_of(bundle.ensemble),
    }
    save_file({name: np.ascontiguousarray(a, dtype=np.float64) for name, a in arrays.items()}, _arrays(folder))
    for name in sorted(bundle.members):
        _made(folder / "members" / name)
        bundle.members[name].save(folder / "members" / name)
    if bundle.regime is not None:
        regime_files.save(bundle.regime, _made(folder / "regime"))


def _read(folder: Path) -> Bundle:
    values = json.loads((folder / VALUES).read_text())
    arrays = load_file(_arrays(folder))
    named: dict[str, Any] = {name: tuple(values[name]) for name in _TUPLES} | {name: values[name] for name in _PLAIN}
    return Bundle(
        **named,
        selection=Selection.from_list(values["selection"]),
        scaler=Scaler(arrays["mean"], arrays["std"]),
        members={name: registry.load(name, folder / "members" / name) for name in values["members"]},
        ensemble=_ensemble_of({name: values[name] for name in _OF_ENSEMBLE}, arrays),
        regime=regime_files.load(folder / "regime") if (folder / "regime").is_dir() else None,
        plan=values["plan"],
        last_training_session=dt.date.fromisoformat(values["last_training_session"]),
        verdict=SearchVerdict(**values["verdict"]),
    )


def _arrays_of(ensemble: Ensemble) -> dict[str, Float64]:
    """Return an ensemble's numbers by name."""
    online = ensemble.online
    learnt = (
        {}
        if online is None
        else {
            "online_loss": online.loss,
            "online_scale": online.scale,
            "online_own_loss_rounds": np.array([online.own_loss, online.rounds]),
        }
    )
    return learnt | {
        "weights": ensemble.weights,
        "timeframes": ensemble.timeframes,
        "q99_threshold_ic": np.array([ensemble.q99, ensemble.threshold, ensemble.ic]),
        "hours": ensemble.hours,
        "sizing_edges": ensemble.sizing.edges,
        "sizing_weight": ensemble.sizing.weight,
        "sizing_fraction": np.array([ensemble.sizing.fraction]),
    }


def _ensemble_of(plain: Mapping[str, Any], arrays: Mapping[str, Float64]) -> Ensemble:
    """Return the ensemble that `_arrays_of` took apart; `plain` are its values that are no arrays."""
    online, (q99, threshold, ic) = None, arrays["q99_threshold_ic"].tolist()
    if "online_loss" in arrays:
        own_loss, rounds = arrays["online_own_loss_rounds"].tolist()
        online = Online(arrays["online_loss"], own_loss, int(rounds), arrays["online_scale"])
    return Ensemble(
        **plain,
        weights=arrays["weights"],
        timeframes=arrays["timeframes"],
        hours=arrays["hours"],
        q99=q99,
        threshold=threshold,
        online=online,
        sizing=Sizing(arrays["sizing_edges"], arrays["sizing_weight"], float(arrays["sizing_fraction"][0])),
        ic=ic,
    )


def _manifest(content: bytes | None, bundle_id: str) -> dict[str, Any]:
    """Return what a manifest holds; a `BundleError` where it is damaged or of a bundle that cannot be used here."""
    if content is None:
        raise BundleError(f"bundle {bundle_id}: {MANIFEST} is missing", _TRAIN_AGAIN)
    if _id_of(content) != bundle_id:
        raise BundleError(f"bundle {bundle_id}: {MANIFEST} has been changed", _TRAIN_AGAIN)
    manifest: dict[str, Any] = json.loads(content)
    if manifest["schema"] != SCHEMA:
        found = manifest["schema"]
        raise BundleError(f"bundle {bundle_id} has schema {found}, this program reads {SCHEMA}", _TRAIN_AGAIN)
    columns = manifest.get("columns", [])
    if columns != list(MEMBERS):
        found = f"is of the members {', '.join(columns) or 'unknown'}; this program's are {', '.join(MEMBERS)}"
        raise BundleError(f"bundle {bundle_id} {found}", _TRAIN_AGAIN)
    others = other_majors(manifest["libraries"], scoring_libraries())
    if others:
        found = f"bundle {bundle_id} was made with another major version: {'; '.join(others)}"
        raise BundleError(found, "install the version that it was made with, or train again: daytrader train")
    return manifest


def _check(folder: Path, bundle_id: str) -> None:
    path = folder / MANIFEST
    manifest = _manifest(path.read_bytes() if path.is_file() else None, bundle_id)
    expected, found = manifest["files"], _hashes(folder)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise BundleError(f"bundle {bundle_id}: {name} is missing", _TRAIN_AGAIN)
        if name not in expected:
            raise BundleError(f"bundle {bundle_id}: {name} does not belong to it", _TRAIN_AGAIN)
        if found[name] != expected[name]:
            raise BundleError(f"bundle {bundle_id}: {name} has been changed", _TRAIN_AGAIN)


def _is_whole(folder: Path) -> bool:
    """Return whether a bundle is there and nothing in it has been changed."""
    try:
        _check(folder, folder.name)
    except BundleError:
        return False
    return True


def _hashes(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): _hash(path.read_bytes()) for path in paths}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _id_of(manifest: bytes) -> str:
    return _hash(manifest)[:16]


def _arrays(folder: Path) -> Path:
    return folder / "arrays.safetensors"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
