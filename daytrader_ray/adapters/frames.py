"""Features on disk: one folder per content key, per symbol plain arrays that are mapped into memory, not read.

::

    <root>/processed/features/latest.json               the key built last
    <root>/processed/features/<key>/manifest.json       grid, symbols, names: written last, so a folder with it is whole
    <root>/processed/features/<key>/AAPL/bars.npy       float64 [BAR_FIELDS, row]
                                         traded.npy     bool    [row]
                                         values.npy     float32 [row, feature]
                                         aux.npy        float64 [atr_5 return_30 sigma_30, row]
                                         sessions.npy   float64 [adv sigma_day price_factor share_factor, session]

The key is the SHA-256 of what is stored of the symbols, the sources that make features of it (calendar, panel,
statistics, features), the versions of numpy, numba and the calendar, and the options: the same key is the same bits,
and a build is repeated only when something it depends on has changed.
"""

import datetime as dt
import hashlib
import io
import json
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.atomic import atomic_write_bytes, atomic_write_json, filesystem_of
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.features.step import NAMES

BAR_FIELDS = ("open", "high", "low", "close", "volume", "vwap", "expected_volume")
"""Rows of `bars.npy`."""

SOURCES = (
    "adapters/actions.py",
    "adapters/calendar.py",
    "adapters/folder.py",
    "adapters/frames.py",
    "adapters/revisions.py",
    "adapters/store.py",
    "adapters/table_store.py",
    "adapters/tables.py",
    "cluster/features.py",
    "domain/errors.py",
    "domain/indices.py",
    "domain/jit.py",
    "domain/panel.py",
    "domain/peers.py",
    "domain/sessions.py",
    "domain/sources.py",
    "features",
    "market_data",
)
LIBRARIES = ("numpy", "numba", "exchange_calendars")

FOLDER = "processed/features"
_PARTS = ("bars", "traded", "values", "aux", "sessions")
_HINT = "run `daytrader features` first"


@dataclass(frozen=True)
class SymbolFrames:
    """One symbol's part of `Frames`, in the arrays of its files."""

    bars: npt.NDArray[np.float64]
    traded: npt.NDArray[np.bool_]
    values: npt.NDArray[np.float32]
    aux: npt.NDArray[np.float64]
    sessions: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Manifest:
    """What a complete folder holds."""

    key: str
    grid: SessionGrid
    symbols: tuple[str, ...]
    names: tuple[str, ...]


def frames_key(store: ParquetStore, symbols: Collection[str], reference: str) -> str:
    """Return the content key of the features of `symbols`, 16 hexadecimal digits."""
    digest = hashlib.sha256(repr((sorted(symbols), store.bar_minutes, reference)).encode())
    digest.update(repr([(name, version(name)) for name in LIBRARIES]).encode())
    digest.update(digest_of_sources(SOURCES).encode())
    for symbol in sorted(symbols):
        for name, content in store.contents(symbol):
            digest.update(name.encode() + content)
    return digest.hexdigest()[:16]


def save_symbol(store: ParquetStore, key: str, symbol: str, frames: SymbolFrames) -> None:
    """Write one symbol's arrays, each atomically; the same frames are the same bytes."""
    for part in _PARTS:
        buffer = io.BytesIO()
        np.save(buffer, getattr(frames, part), allow_pickle=False)
        atomic_write_bytes(store.path(FOLDER, key, symbol, f"{part}.npy"), buffer.getvalue())


def is_saved(store: ParquetStore, key: str, symbol: str) -> bool:
    """Return whether all arrays of a symbol are there: the last one is written last."""
    filesystem, path = filesystem_of(store.path(FOLDER, key, symbol, f"{_PARTS[-1]}.npy"))
    return bool(filesystem.exists(path))


def save_manifest(store: ParquetStore, manifest: Manifest) -> None:
    """Declare a folder complete."""
    sessions = [[s.date.isoformat(), s.open_minute, s.n_minutes] for s in manifest.grid.sessions]
    values = {
        "bar_minutes": manifest.grid.bar_minutes,
        "features": list(manifest.names),
        "key": manifest.key,
        "sessions": sessions,
        "symbols": list(manifest.symbols),
    }
    atomic_write_json(store.path(FOLDER, manifest.key, "manifest.json"), values)


def publish(store: ParquetStore, key: str) -> None:
    """Make a complete folder the one that `load_frames` reads."""
    atomic_write_json(store.path(FOLDER, "latest.json"), {"key": key})


def find_manifest(store: ParquetStore, key: str) -> Manifest | None:
    """Return the manifest of a complete folder; None where there is none."""
    values = _read_json(store.path(FOLDER, key, "manifest.json"))
    if values is None:
        return None
    sessions = tuple(Session(dt.date.fromisoformat(day), opens, n) for day, opens, n in values["sessions"])
    grid = SessionGrid(sessions, values["bar_minutes"])
    return Manifest(values["key"], grid, tuple(values["symbols"]), tuple(values["features"]))


def load_frames(root: str, symbols: Collection[str] | None = None, key: str | None = None) -> Frames:
    """Read the frames of `symbols` (default: all) that `daytrader features` built last, or those of `key`.

    Given symbols come with the sessions from the first to the last one in which all of them have bars. Raises
    `DataError` where nothing is built, a symbol is absent or the features are of another version of the program.
    """
    store = ParquetStore(root)
    latest = _read_json(store.path(FOLDER, "latest.json"))
    manifest = find_manifest(store, key or (latest or {}).get("key", "none"))
    if manifest is None:
        raise DataError(f"no features in {store.path(FOLDER, key or '')}", _HINT)
    if manifest.names != NAMES:
        raise DataError(f"the features of {manifest.key} are of another version: {len(manifest.names)} columns", _HINT)
    chosen = tuple(sorted(symbols or manifest.symbols))
    missing = sorted(set(chosen) - set(manifest.symbols))
    if missing:
        raise DataError(f"no features of {', '.join(missing)} in {store.path(FOLDER, manifest.key)}", _HINT)
    parts = [_load_symbol(store, manifest.key, symbol) for symbol in chosen]
    n_sessions = len(manifest.grid.sessions)
    span = (0, n_sessions) if symbols is None else _shared(manifest, chosen, parts)
    return _joined(manifest, chosen, parts, span)


def _load_symbol(store: ParquetStore, key: str, symbol: str) -> SymbolFrames:
    return SymbolFrames(*(_array(store.path(FOLDER, key, symbol, f"{part}.npy")) for part in _PARTS))


def _array(path: str) -> npt.NDArray[Any]:
    try:
        if "://" not in path:
            mapped: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
            return mapped
        with fsspec.open(path, "rb") as file:
            loaded: npt.NDArray[Any] = np.load(io.BytesIO(file.read()), allow_pickle=False)
        return loaded
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a feature file: {str(error).splitlines()[0]}", _HINT) from None


def _shared(manifest: Manifest, symbols: tuple[str, ...], parts: list[SymbolFrames]) -> tuple[int, int]:
    """Return the sessions `[start, stop)` from the first to the last in which all symbols but indices have a bar."""
    starts = manifest.grid.first_row[:-1]
    close = BAR_FIELDS.index("close")
    priced = [
        np.logical_or.reduceat(np.isfinite(part.bars[close]), starts)
        for symbol, part in zip(symbols, parts, strict=True)
        if not is_index(symbol)
    ]
    sessions = np.flatnonzero(np.logical_and.reduce(priced))
    if not len(sessions):
        raise DataError(f"{', '.join(symbols)} share no session", "choose symbols whose bars overlap")
    return int(sessions[0]), int(sessions[-1]) + 1


def _joined(manifest: Manifest, symbols: tuple[str, ...], parts: list[SymbolFrames], span: tuple[int, int]) -> Frames:
    """Lay the symbols side by side over the sessions of `span`."""
    start, stop = span
    rows = slice(int(manifest.grid.first_row[start]), int(manifest.grid.first_row[stop]))
    open_, high, low, close, volume, vwap, expected = np.stack([part.bars[:, rows] for part in parts], axis=2)
    traded = np.stack([part.traded[rows] for part in parts], axis=1)
    aux = np.stack([part.aux[:, rows] for part in parts], axis=2)
    adv, sigma_day, price, share = np.stack([part.sessions[:, start:stop] for part in parts], axis=2)
    values = np.stack([part.values[rows] for part in parts], axis=1)
    grid = manifest.grid.part(start, stop)
    return Frames(
        panel=Panel(grid, symbols, open_, high, low, close, volume, vwap, traded, price, share),
        features=FeatureMatrix(manifest.names, values, *aux),
        adv=adv,
        sigma_day=sigma_day,
        expected_volume=expected,
    )


def _read_json(path: str) -> dict[str, Any] | None:
    filesystem, where = filesystem_of(path)
    if not filesystem.exists(where):
        return None
    try:
        values: dict[str, Any] = json.loads(filesystem.cat_file(where))
    except ValueError:
        raise DataError(f"{path}: not JSON", _HINT) from None
    return values
