"""Features on disk: layers of parts, one for each symbol and month, in which every row is computed once.

::

    <root>/processed/features/<layer>/symbol=AAPL/_parts.json          the sessions of every part and their keys
    <root>/processed/features/<layer>/symbol=AAPL/_states.npz          float64 [state] after each part's last row
    <root>/processed/features/<layer>/symbol=AAPL/2025-03.values.npy   float32 [row, column], row by row: mapped
    <root>/processed/features/<layer>/symbol=AAPL/2025-03.inputs.npy   float64 [row, 8]: what other layers read
    <root>/processed/features/<layer>/symbol=AAPL/2025-03.parquet      the same for people, with names and times

A layer holds columns that are computed together: `kernel` (one symbol by itself), `cross-<peers>` (against others),
one for each extra, and `table-<columns>`, which repeats them for people. The key of a session hashes the key of the
session before it and all that its rows are made of: equal keys are equal bits, and the first key that differs is where
the computation goes on.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from daytrader_ray.adapters.folder import Folder
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.panel import Float64

FOLDER = "processed/features"
KERNEL = "kernel"
"""The layer of what one symbol's own bars say."""
VALUES, INPUTS = "values", "inputs"
HINT = "run `daytrader features` again"
_PARTS, _STATES = "_parts.json", "_states.npz"


@dataclass(frozen=True)
class Part:
    """One month: the key `before` its first session, its sessions' dates and keys, the SHA-256 of its last state."""

    before: str
    dates: tuple[str, ...]
    keys: tuple[str, ...]
    state: str = ""


class Computed(NamedTuple):
    """A part with all its rows: `arrays` `[row, ...]` by name, the `state` after the last one, `table` for people."""

    month: str
    part: Part
    arrays: Mapping[str, npt.NDArray[Any]]
    state: Float64
    table: pa.Table | None = None


@dataclass(frozen=True)
class Layer:
    """The parts of one layer (`name` is its folder) and one symbol."""

    store: Folder
    name: str
    symbol: str

    def contents(self) -> dict[str, Part]:
        """Return the parts that are whole, by month."""
        found = self.store.read_json(self._place(_PARTS))
        return {
            month: Part(one["before"], tuple(one["dates"].split()), tuple(one["keys"].split()), one["state"])
            for month, one in sorted(found.items())
        }

    def save(self, kept: Mapping[str, Part], new: Iterable[Computed]) -> None:
        """Write new parts beside those that are `kept`; all others go.

        A kept part may grow: its rows are then the first ones of the new arrays, so it stays true all the while. Parts
        that change are undeclared before their arrays are written: no key ever stands beside rows of another one.
        """
        before = self.contents()
        states = {month: state for month, state in self._states().items() if month in kept}
        if before != kept:
            self._declare(kept)
        contents = dict(kept)
        for one in new:
            for name, array in one.arrays.items():
                self.store.write(self._place(f"{one.month}.{name}.npy"), _npy(array))
            if one.table is not None:
                self.store.write(self._place(f"{one.month}.parquet"), _parquet(one.table))
            states[one.month] = one.state
            contents[one.month] = Part(one.part.before, one.part.dates, one.part.keys, _sha(one.state))
        sink = io.BytesIO()
        np.savez(sink, allow_pickle=False, **{month: states[month] for month in sorted(states)})
        self.store.write(self._place(_STATES), sink.getvalue())
        self._declare(contents)
        for month in before.keys() - contents.keys():
            for path in self.store.find(self._place(f"{month}.*")):
                self.store.remove(path)

    def array(self, month: str, name: str = VALUES) -> npt.NDArray[Any]:
        """Return an array of a part: of a local root mapped into memory, of any other one read whole."""
        place = self._place(f"{month}.{name}.npy")
        try:
            if "://" not in self.store.root:
                mapped: npt.NDArray[Any] = np.load(Path(self.store.root, place), mmap_mode="r", allow_pickle=False)
                return mapped
            loaded: npt.NDArray[Any] = np.load(io.BytesIO(self.store.read(place) or b""), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.store.path(place)}: no feature file: {str(error).splitlines()[0]}", HINT) from None
        return loaded

    def verified(self, keys: Mapping[str, str]) -> list[npt.NDArray[np.float32]]:
        """Return the values of months, each with a session of the given key; `DataError` where they are others now.

        The contents are read after the arrays: what another build replaces in between has another key, or none.
        """
        arrays = [self.array(month) for month in keys]
        contents = self.contents() if keys else {}
        for month, key in keys.items():
            if month not in contents or key not in contents[month].keys:
                where = self.store.path(self._place(f"{month}.{VALUES}.npy"))
                raise DataError(f"{where}: another build replaced it", HINT)
        return arrays

    def state(self, month: str) -> Float64 | None:
        """Return the state after a part's last row; None where it is not what was written."""
        state = self._states().get(month)
        return state if state is not None and _sha(state) == self.contents()[month].state else None

    def _states(self) -> dict[str, Float64]:
        content = self.store.read(self._place(_STATES))
        if content is None:
            return {}
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as states:
                return dict(states)
        except (OSError, ValueError, zipfile.BadZipFile):
            return {}

    def _declare(self, contents: Mapping[str, Part]) -> None:
        values = {
            month: {"before": part.before, "dates": " ".join(part.dates), "keys": " ".join(part.keys), "state": part.state}
            for month, part in contents.items()
        }
        self.store.write_json(self._place(_PARTS), values)

    def _place(self, name: str) -> str:
        return f"{FOLDER}/{self.name}/symbol={self.symbol}/{name}"


def _npy(array: npt.NDArray[Any]) -> bytes:
    """Return the bytes of `np.save`, which takes thirty times as long for what is no file on disk."""
    solid, head = np.ascontiguousarray(array), io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(solid))
    return head.getvalue() + solid.data


def _parquet(table: pa.Table) -> bytes:
    """Return the bytes of a table of floats: dictionaries and statistics of them cost time and save nothing."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="lz4", use_dictionary=False, write_statistics=False)
    return sink.getvalue()


def _sha(state: Float64) -> str:
    return hashlib.sha256(state.tobytes()).hexdigest()
