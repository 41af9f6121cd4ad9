"""Content keys: what was computed is found again by everything that went into it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Panel


def digest_of_arrays(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays: their types, shapes and bytes, in this order."""
    digest = hashlib.sha256()
    add_arrays(digest, arrays)
    return digest.hexdigest()


def add_arrays(digest: "hashlib._Hash", arrays: Iterable[npt.NDArray[Any]]) -> None:
    """Let a digest go on over arrays: their types, shapes and bytes, in this order."""
    for array in arrays:
        solid = np.ascontiguousarray(array)
        digest.update(f"{solid.dtype.str}{solid.shape}".encode())
        digest.update(solid.reshape(-1).view(np.uint8).data)


def digest_of_panel(panel: Panel) -> str:
    """Return the SHA-256 of all that a backtest reads of a panel: when, bars and what adjusts them."""
    names = ("open", "high", "low", "close", "volume", "price_factor", "share_factor")
    return digest_of_arrays([panel.grid.minute_of_row, *(getattr(panel, name) for name in names)])


def key_of(parts: Mapping[str, Any]) -> str:
    """Return the key of plain values: the SHA-256 of their JSON with sorted keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
