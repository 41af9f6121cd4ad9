"""Bars with their features, as training, search and backtest read them: bars from the store, features mapped.

::

    <root>/processed/features/latest.json         the set built last
    <root>/processed/features/sets/<name>.json    its columns, their layers, and the parts of every symbol

A set is what one build made: it names parts (`adapters.feature_parts`) and the keys by which they are known.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_matrix import MappedMatrix, PartRows
from daytrader_ray.adapters.feature_parts import FOLDER, INPUTS, KERNEL, Layer
from daytrader_ray.adapters.folder import Folder
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.panel import FeatureMatrix, Float64, Frames, Panel
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.features.step import N_AUX, NAMES
from daytrader_ray.market_data.statistics import session_statistics

_HINT = "run `daytrader features` first"
_LATEST = f"{FOLDER}/latest.json"


@dataclass(frozen=True)
class Manifest:
    """A set: `content` hashes all it was made of, `layers` are folders with their number of columns.

    `parts` by symbol count rows from the open of the session `first`; `last` is the last session of any symbol.
    """

    name: str
    content: str
    names: tuple[str, ...]
    layers: tuple[tuple[str, int], ...]
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


def publish(store: Folder, manifest: Manifest) -> None:
    """Keep a manifest and make its set the one that `load_frames` reads; the parts are there before."""
    values = {
        **asdict(manifest),
        "first": manifest.first.isoformat(),
        "last": manifest.last.isoformat(),
        "parts": {
            symbol: [[part.month, part.start, part.stop, list(part.keys)] for part in parts]
            for symbol, parts in manifest.parts.items()
        },
    }
    store.write_json(_place(manifest.name), values)
    store.write_json(_LATEST, {"set": manifest.name})


def find_manifest(store: Folder, name: str) -> Manifest | None:
    """Return the manifest of a set; None where it has never been built."""
    values = store.read_json(_place(name))
    if not values:
        return None
    parts = {
        symbol: tuple(PartRows(month, start, stop, tuple(keys)) for month, start, stop, keys in found)
        for symbol, found in values["parts"].items()
    }
    first, last = (dt.date.fromisoformat(values[key]) for key in ("first", "last"))
    layers = tuple((layer, width) for layer, width in values["layers"])
    names = tuple(values["names"])
    return Manifest(name, values["content"], names, layers, first, last, values["bar_minutes"], parts)


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
    ranges = (np.ascontiguousarray(one[rows]) for one in _ranges(store, manifest, chosen))
    return Frames(
        panel=panel.part(start, stop),
        features=FeatureMatrix(manifest.names, manifest.matrix(store.root, chosen)[rows], *ranges),
        adv=adv[start:stop],
        sigma_day=sigma_day[start:stop],
        expected_volume=expected[rows],
    )


def _manifest(store: Folder, name: str | None) -> Manifest:
    manifest = find_manifest(store, name or str(store.read_json(_LATEST).get("set", "none")))
    if manifest is None:
        raise DataError(f"no features in {store.path(FOLDER)}", _HINT)
    if manifest.names[: len(NAMES)] != NAMES:
        raise DataError(f"the features of {store.path(FOLDER)} are of another version", _HINT)
    return manifest


def _ranges(store: Folder, manifest: Manifest, symbols: tuple[str, ...]) -> Float64:
    """Return atr_5, return_30 and sigma_30 `[3, row, symbol]`."""
    found = np.full((N_AUX, manifest.grid.n_rows, len(symbols)), np.nan)
    for column, symbol in enumerate(symbols):
        layer = Layer(store, KERNEL, symbol)
        for part in manifest.parts[symbol]:
            inputs = layer.array(part.month, INPUTS)[: part.stop - part.start, :N_AUX]
            found[:, part.start : part.stop, column] = inputs.T
    return found


def _shared(panel: Panel) -> tuple[int, int]:
    """Return the sessions `[start, stop)` from the first to the last in which most symbols but indices have bars."""
    stocks = [column for column, symbol in enumerate(panel.symbols) if not is_index(symbol)]
    priced = np.logical_or.reduceat(np.isfinite(panel.close[:, stocks]), panel.grid.first_row[:-1])
    sessions = np.flatnonzero(2 * priced.sum(axis=1) > len(stocks))
    if not len(sessions):
        raise DataError(f"{', '.join(panel.symbols)} share no session", "choose symbols whose bars overlap")
    return int(sessions[0]), int(sessions[-1]) + 1


def _place(name: str) -> str:
    return f"{FOLDER}/sets/{name}.json"
