"""Files that a search keeps, so that nothing is computed twice; a damaged one is named, with what to do about it."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.atomic import atomic_write_bytes
from daytrader_ray.adapters.folder import Folder
from daytrader_ray.domain.errors import DataError
from daytrader_ray.models.members.surface import Fitted
from daytrader_ray.models.scaling import View

T = TypeVar("T")

SECONDS = "processed/seconds.json"
"""Not among what is kept under keys: two runs of the same work never take the same time."""


def exists(*paths: str) -> bool:
    """Return whether all of some files are there."""
    return all(folder.exists(name) for folder, name in map(_split, paths))


def load_json(path: str) -> dict[str, Any]:
    """Read a JSON object; `DataError` where it is missing or damaged, as for the others."""
    return _loaded(path, lambda content: dict(json.loads(content)))


def load_view(path: str) -> View:
    """Read what a window's members see."""
    return _loaded(path, lambda content: View.from_dict(json.loads(content)))


def load_array(path: str) -> npt.NDArray[Any]:
    """Read an array that `save_array` wrote."""
    return _loaded(path, lambda content: np.asarray(np.load(io.BytesIO(content), allow_pickle=False)))


def save_array(path: str, array: npt.NDArray[Any]) -> None:
    """Write an array whole or not at all."""
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    atomic_write_bytes(path, sink.getvalue())


def known_seconds(root: str) -> dict[str, float]:
    """Return what each piece of work took when it was done last on a store, in seconds of one processor by name."""
    return {name: float(value) for name, value in Folder(root).read_cache(SECONDS).items()}


def keep_seconds(root: str, seconds: Mapping[str, float]) -> None:
    """Note what pieces of work took; the others keep what is known of them."""
    Folder(root).write_json(
        SECONDS, {**known_seconds(root), **{name: round(took, 3) for name, took in seconds.items()}}
    )


def packed(fitted: Fitted) -> bytes:
    """Return what a fitted member saves as the bytes of one archive; equal members are equal bytes."""
    sink = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(sink, "w") as archive:
        fitted.save(Path(folder))
        for file in sorted(Path(folder).iterdir()):
            archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes())
    return sink.getvalue()


def load_state(path: str, load: Callable[[Path], Fitted]) -> Fitted:
    """Read a fitted member from an archive that `packed` made."""

    def parse(content: bytes) -> Fitted:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(folder)
            return load(Path(folder))

    return _loaded(path, parse)


def _loaded(path: str, parse: Callable[[bytes], T]) -> T:
    folder, name = _split(path)
    content, hint = folder.read(name), "remove it and search again"
    if content is None:
        raise DataError(f"{path}: there is no such file", "search again")
    try:
        return parse(content)
    except (ValueError, TypeError, LookupError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: damaged: {str(error) or type(error).__name__}", hint) from None


def _split(path: str) -> tuple[Folder, str]:
    folder, _, name = path.rpartition("/")
    return Folder(folder), name
