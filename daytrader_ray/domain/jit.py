"""The one way a numba kernel is made: cached, strict IEEE arithmetic (x / 0 is inf or NaN, no error), one thread.

Numba checks only the file of a kernel itself for changes, not the files of the kernels it calls. The cache folder,
below the user's `NUMBA_CACHE_DIR` where there is one, therefore carries a hash of all sources of the package: a
changed callee can never be served from an old cache.

A kernel is inlined where another one calls it: handing a few arrays over costs more than most kernels' work.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.sources import digest_of_sources

_OPTIONS: dict[str, Any] = {
    "cache": True,
    "fastmath": False,
    "parallel": False,
    "error_model": "numpy",
    "forceinline": True,
}

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T", bound=np.generic)


def _cache_dir() -> str:
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "daytrader_ray" / "numba"
    return str(Path(os.environ.get("NUMBA_CACHE_DIR") or shared) / digest_of_sources(["."])[:16])


numba.config.CACHE_DIR = _cache_dir()  # type: ignore[attr-defined] # numba fills its config at run time


def njit(function: F) -> F:
    """Compile `function` in nopython mode, cached on disk, without fastmath and without threads."""
    return cast(F, numba.njit(**_OPTIONS)(function))


def njit_flat(function: F) -> F:
    """Compile, as `njit` does, a function that makes no array and is called with arrays only.

    References to arrays are not counted in it: where small functions take tuples of many arrays, counting costs five
    times their work.
    """
    return cast(F, numba.njit(**_OPTIONS | {"_nrt": False})(function))


def plain(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """Return an array as kernels are compiled for: contiguous and writable, which shared memory is not; else a copy.

    A kernel is compiled anew for every other kind, and a large one takes half a minute.
    """
    return np.require(array, requirements=("C", "W"))
