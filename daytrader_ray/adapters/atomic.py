"""Writing a file so that a reader finds the whole old one or the whole new one, whatever happens in between."""

import json
import os
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec

from daytrader_ray.domain.errors import ConfigError

_WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
"""Stores in which an object appears when its upload is complete, and never before."""

_LEFT_SECONDS = 86_400.0
"""No write takes as long: a file aside that is older was left by a writer that was killed."""


def filesystem_of(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a path or URL, without a cache of listings, and the path inside it.

    Credentials, region and end point come from the usual variables of the service (`AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL` ...). `ConfigError` for a kind of URL that nothing here can read.
    """
    try:
        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"{url} cannot be used as a data root: {error}", "give a folder, or s3://bucket/path"
        ) from None
    return filesystem, path.rstrip("/")


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` aside and rename it to `path` (a local path or any fsspec URL); makes missing folders."""
    text = str(path)
    if "://" not in text:
        _write_local(Path(text), data)
        return
    filesystem, target = filesystem_of(text)
    if text.partition("://")[0] in _WHOLE_PUTS:
        filesystem.pipe_file(target, data)
        return
    folder, _, name = target.rpartition("/")
    filesystem.makedirs(folder, exist_ok=True)
    aside = f"{folder}/.{name}.{uuid.uuid4().hex}.aside"
    filesystem.pipe_file(aside, data)
    filesystem.mv(aside, target)


def atomic_write_json(path: str | Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys (the same value is always the same bytes); NaN is refused."""
    text = json.dumps(value, sort_keys=True, indent=1, allow_nan=False)
    atomic_write_bytes(path, f"{text}\n".encode())


def _write_local(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".aside")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o644)
        Path(aside).replace(target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    _sweep(target)


def _sweep(written: Path) -> None:
    """Remove what killed writers left in the folder of a file more than a day before it was written.

    The file is safe by now: what cannot be listed or removed stays.
    """
    with suppress(OSError):
        oldest = written.stat().st_mtime - _LEFT_SECONDS
        for aside in written.parent.glob(".*.aside"):
            if aside.stat().st_mtime < oldest:
                aside.unlink()
