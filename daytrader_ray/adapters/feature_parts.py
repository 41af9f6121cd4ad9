"""Features on disk: layers of parts, one for each symbol and month, in which every row is computed once.

::

    <root>/processed/features/<layer>/symbol=AAPL/_parts.json                the sessions of every part and their keys
    <root>/processed/features/<layer>/symbol=AAPL/2025-03.<key>.values.npy   float32 [row, column], row by row: mapped
    <root>/processed/features/<layer>/symbol=AAPL/2025-03.<key>.inputs.npy   float64 [row, 8]: what other layers read
    <root>/processed/features/<layer>/symbol=AAPL/2025-03.<key>.state.npy    float64 [state] after the last row
    <root>/processed/features/<layer>/symbol=AAPL/2025-03.<key>.parquet      the same for people, with names and times

A layer holds columns that are computed together, and is named by what they read, so that profiles that differ in it do
not replace each other's: `kernel` or `kernel-<quotes and trades>` (one symbol by itself), `cross-<peers>` (against
others), `<extra>-<origin>`, and `table-<columns>`, which repeats them for people. The key of a session hashes the key
of the session before it and all that its rows are made of: equal keys are equal bits, and the first key that differs is
where the computation goes on. Files bear the key of their last session: none is ever replaced by one with other bits,
and of two builds at once neither takes the other's rows for its own.
"""

import hashlib
import io
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
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
"""What one symbol's own bars say."""
VALUES, INPUTS, STATE = "values", "inputs", "state"
HINT = "run `daytrader features` again"
LATEST = f"{FOLDER}/latest.json"
SETS = f"{FOLDER}/sets/{{}}.json"
"""Where a set of features is described."""
_PARTS = "_parts.json"
_AHEAD = 2
"""Parts that may wait for the disk while others are computed."""


@dataclass(frozen=True)
class Part:
    """One month: the key `before` its first session, its sessions' dates and keys, the SHA-256 of its last state.

    `marks` hash what each session says to other layers; `sizes` are the bytes of its files by the ends of their names.
    """

    before: str
    dates: tuple[str, ...]
    keys: tuple[str, ...]
    marks: tuple[str, ...] = ()
    state: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)


class Computed(NamedTuple):
    """A part with all its `rows`: `arrays` by name (`[row, ...]`, and the state after the last one), its `table`."""

    month: str
    part: Part
    rows: int
    arrays: Mapping[str, npt.NDArray[Any]]
    table: pa.Table | None = None


@dataclass(frozen=True)
class Layer:
    """The parts of one layer (`name` is its folder) and one symbol."""

    store: Folder
    name: str
    symbol: str

    def contents(self) -> dict[str, Part]:
        """Return the declared parts by month; none where the file that declares them is damaged."""
        try:
            return {month: _part(**one) for month, one in sorted(self.store.read_cache(self._place(_PARTS)).items())}
        except (AttributeError, TypeError):
            return {}

    def whole(self) -> dict[str, Part]:
        """Return the declared parts whose files are all there, as long as they were written."""
        contents, sizes = self.contents(), self.store.sizes(self._place(""))
        return {
            month: part
            for month, part in contents.items()
            if all(sizes.get(_file(month, part.keys[-1], end)) == size for end, size in part.sizes.items())
        }

    def save(self, kept: Mapping[str, Part], new: Iterable[Computed]) -> dict[str, Part]:
        """Write new parts beside those that are `kept`, then declare them; all others go. Return all there are now.

        A part goes to the disk while the next one is computed.

        Raises `DataError` for a part with other rows than its sessions have.
        """
        contents = dict(kept)
        with ThreadPoolExecutor(1) as writer:
            written: deque[Future[None]] = deque()
            for one in new:
                self._check(one)
                ends = {f"{name}.npy": _npy(array) for name, array in one.arrays.items()}
                if one.table is not None:
                    ends["parquet"] = _parquet(one.table)
                state = _sha(one.arrays[STATE]) if STATE in one.arrays else ""
                contents[one.month] = replace(one.part, state=state, sizes={end: len(c) for end, c in ends.items()})
                written.append(writer.submit(self._write, one, ends))
                if len(written) > _AHEAD:
                    written.popleft().result()
            for rest in written:
                rest.result()
        self.store.write_json(self._place(_PARTS), {month: _json(part) for month, part in contents.items()})
        files = {_file(month, part.keys[-1], end) for month, part in contents.items() for end in part.sizes}
        for path in self.store.find(self._place("*")):
            if path.rpartition("/")[2] not in {_PARTS, *files}:
                self.store.remove(path)
        return contents

    def _write(self, one: Computed, ends: Mapping[str, bytes]) -> None:
        for end, content in ends.items():
            self.store.write(self._place(_file(one.month, one.part.keys[-1], end)), content)

    def _check(self, one: Computed) -> None:
        found = {name: len(array) for name, array in one.arrays.items() if name != STATE}
        if one.table is not None:
            found["table"] = one.table.num_rows
        for name, n in found.items():
            if n != one.rows:
                where = self.store.path(self._place(one.month))
                raise DataError(f"{where}: {n} rows of {name} for {one.rows} minutes", HINT)

    def array(self, month: str, key: str, rows: int, name: str = VALUES, *, mapped: bool = False) -> npt.NDArray[Any]:
        """Return the rows of a part up to the session of a key; `DataError` where there are none any more, or fewer.

        Where the part has grown since, its first rows are those that it had. Who reads few of them has the array of a
        local root `mapped` into memory; all of them are read faster whole.
        """
        found = self._load(month, key, name, mapped)
        if found is None:
            part = self.contents().get(month)
            found = self._load(month, part.keys[-1], name, mapped) if part and key in part.keys else None
        where = self.store.path(self._place(_file(month, key, f"{name}.npy")))
        if found is None:
            raise DataError(f"{where}: removed, or replaced by another build", HINT)
        if len(found) < rows:
            raise DataError(f"{where}: {len(found)} rows instead of {rows}", HINT)
        return found[:rows]

    def state(self, month: str, key: str) -> Float64 | None:
        """Return the state after the part that ends with a key; None where there is none, or not what was written."""
        part = self.contents().get(month)
        if part is None or part.keys[-1] != key:
            return None
        try:
            state = self._load(month, key, STATE, mapped=False)
        except DataError:
            return None
        return np.array(state) if state is not None and _sha(state) == part.state else None

    def _load(self, month: str, key: str, name: str, mapped: bool) -> npt.NDArray[Any] | None:
        place = self._place(_file(month, key, f"{name}.npy"))
        try:
            if "://" not in self.store.root:
                path = f"{self.store.root}/{place}"
                found: npt.NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
                return found
            content = self.store.read(place)
            return None if content is None else np.load(io.BytesIO(content), allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError(f"{self.store.path(place)}: no feature file: {str(error).splitlines()[0]}", HINT) from None

    def place(self, month: str, key: str, end: str) -> str:
        """Return where a file of a part is."""
        return self._place(_file(month, key, end))

    def _place(self, name: str) -> str:
        return f"{FOLDER}/{self.name}/symbol={self.symbol}/{name}"


def built(store: Folder, name: str = "") -> str:
    """Return by which `set/content` features are known: of the set built last, or of the set `name`; empty for none."""
    chosen = name or str(store.read_cache(LATEST).get("set", ""))
    content = store.read_cache(SETS.format(chosen)).get("content") if chosen else None
    return f"{chosen}/{content}" if content else ""


def stored_row(
    store: Folder, build: str, symbol: str, start: np.datetime64, month: str
) -> tuple[str, dict[str, float]]:
    """Return a symbol's features at the bar that starts at `start` (UTC), by name, and the build that they are of.

    The set is that of `build`, as it is now, or the one built last where there is no such set any more; no features
    where the set has none of that bar.
    """
    found = built(store, build.partition("/")[0]) or built(store)
    name = store.read_cache(SETS.format(found.partition("/")[0])).get("table") if found else None
    layer = Layer(store, str(name), symbol)
    part = layer.contents().get(month)
    content = store.read(layer.place(month, part.keys[-1], "parquet")) if part else None
    if content is None:
        return found, {}
    table = pq.read_table(pa.BufferReader(content), use_threads=False)
    rows = np.flatnonzero(table["timestamp"].to_numpy() == start)
    values = table.drop_columns("timestamp").slice(rows[0], 1).to_pylist() if len(rows) else [{}]
    return found, values[0]


def _part(dates: str, keys: str, marks: str, **others: Any) -> Part:
    return Part(dates=tuple(dates.split()), keys=tuple(keys.split()), marks=tuple(marks.split()), **others)


def _json(part: Part) -> dict[str, Any]:
    """Return what `_part` reads: one text for all sessions, since JSON by entries costs as much as some kernels."""
    return {name: " ".join(value) if isinstance(value, tuple) else value for name, value in vars(part).items()}


def _file(month: str, key: str, end: str) -> str:
    return f"{month}.{key}.{end}"


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
