"""Files that a user hands in: found in folders or at any fsspec URL, opened with their compression undone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO
from zlib import error as zlib_error

import fsspec
import pyarrow as pa

from daytrader_ray.adapters.atomic import filesystem_of
from daytrader_ray.domain.errors import DataError


def find_files(paths: Sequence[str], is_wanted: Callable[[str], bool], expected: str) -> list[str]:
    """Return the files meant by `paths` (files, folders or URLs), each once, folders searched without hidden files.

    `is_wanted` judges the names in folders; `DataError` where there is nothing, with what was `expected`.
    """
    found: dict[str, None] = {}
    for path in paths:
        inside = _inside(path, is_wanted)
        if not inside:
            raise DataError(f"{path}: no such file, or a folder without any", f"expected {expected}")
        found.update(dict.fromkeys(inside))
    return list(found)


def name_of(path: str) -> str:
    """Return the last part of a path or URL."""
    return path.rstrip("/").rpartition("/")[2]


def spelled(names: Iterable[str]) -> str:
    """Return names out of a file as text of one line."""
    return " ".join(", ".join(names).split())


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file for reading; whatever makes it unreadable inside the block is one `DataError` that names it."""
    compression = "gzip" if path.lower().endswith(".gz") else None
    try:
        with fsspec.open(path, "rb", compression=compression) as file:
            yield file
    except (pa.ArrowException, OSError, EOFError, zlib_error, UnicodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read: {reason}") from None


def _inside(path: str, is_wanted: Callable[[str], bool]) -> list[str]:
    try:
        filesystem, where = filesystem_of(path)
        if filesystem.isfile(where):
            return [path]
        names = sorted(filesystem.find(where)) if filesystem.isdir(where) else []
    except (OSError, ValueError, ImportError) as error:
        raise DataError(
            f"{path}: cannot be reached: {(str(error).splitlines() or [type(error).__name__])[0]}"
        ) from None
    visible = (name for name in names if not name_of(name).startswith(".") and is_wanted(name_of(name)))
    return [filesystem.unstrip_protocol(name) if "://" in path else name for name in visible]
