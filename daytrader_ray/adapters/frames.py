"""Bars with their features, as training, search and backtest read them: bars from the store, features mapped.

::

    <root>/processed/features/latest.json         the set built last, and those before it
    <root>/processed/features/sets/<name>.json    its columns, their layers, and the parts of every symbol

A set is what one build made: it names parts (`adapters.feature_parts`) and the keys by which they are known. The eight
sets that were built or used last stay, for whoever reads them meanwhile; with an older one go the layers that only it
names, and tables likewise.
"""

import datetime as dt
import fcntl
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_matrix import MappedMatrix, PartRows
from daytrader_ray.adapters.feature_parts import FOLDER, LATEST, SETS, Layer
from daytrader_ray.adapters.folder import Folder, local_root
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.features.step import NAMES
from daytrader_ray.market_data.statistics import session_statistics

_HINT = "run `daytrader features` first"
KEPT_SETS = 8


@dataclass(frozen=True)
class Manifest:
    """A set: `content` hashes all it was made of, `layers` are folders with their number of columns, `table` is one.

    `parts` by symbol count rows from the open of the session `first`; `last` is the last session of any symbol.
    """

    name: str
    content: str
    names: tuple[str, ...]
    layers: tuple[tuple[str, int], ...]
    table: str
    first: dt.date
    last: dt.date
    bar_minutes: int
    parts: Mapping[str, tuple[PartRows, ...]]

    @cached_property
    def grid(self) -> SessionGrid:
        """All sessions from the first to the last one."""
        return session_grid(self.first, self.last, self.bar_minutes)

    def matrix(self, root: str, symbols: tuple[str, ...]) -> MappedMatrix:
        """Return the features of `symbols` over all sessions."""
        parts = tuple(self.parts[symbol] for symbol in symbols)
        return MappedMatrix(root, self.layers, symbols, parts, 0, self.grid.n_rows)


@contextmanager
def building(store: Folder, waits: Callable[[], None]) -> Iterator[None]:
    """Be the only build on a store, on this machine; `waits` is called where another one has to end first.

    The lock is none of `Folder.locked`: a build is long, and may share it with no file that others write meanwhile.
    """
    path = local_root(store.root) / ".locks" / "features"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise DataError(f"{path}: cannot be locked: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def publish(store: Folder, manifest: Manifest) -> None:
    """Keep a manifest and make its set the one that `load_frames` reads; the parts are there before.

    Sets and layers that nobody has built or used for `KEPT_SETS` others are removed; sets that are not listed count as
    the oldest. Only inside `building`.
    """
    values = {
        **asdict(replace(manifest, parts={})),
        "first": manifest.first.isoformat(),
        "last": manifest.last.isoformat(),
        "parts": {
            symbol: [[part.month, part.start, part.stop, list(part.keys)] for part in parts]
            for symbol, parts in manifest.parts.items()
        },
    }
    store.write_json(_place(manifest.name), values)
    latest = store.read_cache(LATEST)
    there = [path.rpartition("/")[2].removesuffix(".json") for path in store.find(_place("*"))]
    listed = [name for name in (latest.get("set"), *latest.get("before", ())) if name in there]
    before = [name for name in dict.fromkeys([*listed, *there]) if name != manifest.name]
    kept, gone = before[: KEPT_SETS - 1], before[KEPT_SETS - 1 :]
    store.write_json(LATEST, {"set": manifest.name, "before": kept})
    for name in gone:
        _remove(store, name, [manifest.name, *kept])
    for path in store.find(f"{FOLDER}/*/manifest.json"):
        store.remove_folder(path.rpartition("/")[0])


def _remove(store: Folder, name: str, kept: Sequence[str]) -> None:
    """Remove a set and the layers that none of the sets that are `kept` names."""
    used = {layer for one in kept for layer in _folders(find_manifest(store, one))}
    for layer in _folders(find_manifest(store, name)) - used:
        store.remove_folder(f"{FOLDER}/{layer}")
    store.remove(_place(name))


def _folders(manifest: Manifest | None) -> set[str]:
    return {manifest.table, *(layer for layer, _ in manifest.layers)} if manifest else set()


def holds(store: Folder, manifest: Manifest) -> bool:
    """Return whether all parts of a set are there: with their keys, their files as long as they were written.

    Of the tables for people only the months count: no computation reads them.
    """
    for symbol, parts in manifest.parts.items():
        for at, (name, _) in enumerate(manifest.layers):
            there = Layer(store, name, symbol).whole()
            if any(part.month not in there or part.keys[at] not in there[part.month].keys for part in parts):
                return False
        if not Layer(store, manifest.table, symbol).whole().keys() >= {part.month for part in parts}:
            return False
    return True


def find_manifest(store: Folder, name: str) -> Manifest | None:
    """Return the manifest of a set; None where it has never been built, or its file is damaged."""
    try:
        return _manifest_of(**store.read_cache(_place(name)))
    except TypeError:
        return None


def _manifest_of(
    *,
    names: list[str],
    layers: list[tuple[str, int]],
    first: str,
    last: str,
    parts: Mapping[str, list[tuple[str, int, int, list[str]]]],
    **others: Any,
) -> Manifest:
    return Manifest(
        names=tuple(names),
        layers=tuple((layer, width) for layer, width in layers),
        first=dt.date.fromisoformat(first),
        last=dt.date.fromisoformat(last),
        parts={
            symbol: tuple(PartRows(month, start, stop, tuple(keys)) for month, start, stop, keys in found)
            for symbol, found in parts.items()
        },
        **others,
    )


def load_frames(root: str, symbols: Collection[str] | None = None, name: str | None = None) -> Frames:
    """Return the frames of `symbols` (default: all) of the set that was built last, or of the set `name`.

    Given symbols come with the sessions from the first to the last one in which most of them have bars: one that lists
    late or has delisted takes none from the others. Raises `DataError` where nothing is built, a symbol is absent or
    the features are of another version of the program.
    """
    store = ParquetStore(root)
    manifest = _manifest(store, name)
    chosen = tuple(sorted(symbols or manifest.parts))
    missing = sorted(set(chosen) - set(manifest.parts))
    if missing:
        raise DataError(f"no features of {', '.join(missing)} in {store.path(FOLDER)}", _HINT)
    panel = store.panel(chosen, manifest.first, manifest.last)
    n_sessions = len(panel.grid.sessions)
    start, stop = (0, n_sessions) if symbols is None else _shared(panel)
    rows = slice(int(panel.grid.first_row[start]), int(panel.grid.first_row[stop]))
    adv, sigma_day, expected = session_statistics(panel)
    matrix = manifest.matrix(store.root, chosen)[rows]
    return Frames(
        panel=panel.part(start, stop),
        features=FeatureMatrix(manifest.names, matrix, *matrix.ranges()),
        adv=adv[start:stop],
        sigma_day=sigma_day[start:stop],
        expected_volume=expected[rows],
    )


def built_last(store: Folder) -> Manifest | None:
    """Return the manifest of the set that was built last; None where there is none."""
    return find_manifest(store, str(store.read_cache(LATEST).get("set", "none")))


def _manifest(store: Folder, name: str | None) -> Manifest:
    manifest = built_last(store) if name is None else find_manifest(store, name)
    if manifest is None:
        raise DataError(f"no features in {store.path(FOLDER)}", _HINT)
    if manifest.names[: len(NAMES)] != NAMES:
        raise DataError(f"the features of {store.path(FOLDER)} are of another version", _HINT)
    return manifest


def _shared(panel: Panel) -> tuple[int, int]:
    """Return the sessions `[start, stop)` from the first to the last in which most symbols but indices have bars."""
    stocks = [column for column, symbol in enumerate(panel.symbols) if not is_index(symbol)]
    priced = np.logical_or.reduceat(np.isfinite(panel.close[:, stocks]), panel.grid.first_row[:-1])
    sessions = np.flatnonzero(2 * priced.sum(axis=1) > len(stocks))
    if not len(sessions):
        raise DataError(f"{', '.join(panel.symbols)} share no session", "choose symbols whose bars overlap")
    return int(sessions[0]), int(sessions[-1]) + 1


def _place(name: str) -> str:
    return SETS.format(name)
