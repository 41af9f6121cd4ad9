"""The one way a numba kernel is made: cached, strict IEEE arithmetic, one thread.

Numba checks only the file of a kernel itself for changes, not the files of the kernels it calls. The cache folder
therefore carries a hash of all sources of the package: a changed callee can never be served from an old cache.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def _source_hash() -> str:
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_dir() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return str(Path(base) / "daytrader_ray" / "numba" / _source_hash())


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = _cache_dir()  # type: ignore[attr-defined] # numba fills its config at run time


def njit(function: F) -> F:
    """Compile `function` in nopython mode, cached on disk, without fastmath and without threads."""
    return cast(F, numba.njit(cache=True, fastmath=False, parallel=False)(function))
