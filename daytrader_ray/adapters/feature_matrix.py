"""The feature matrix on disk: it knows where its rows are, and reads those that are asked for."""

from dataclasses import dataclass, replace
from typing import Self, overload

import numpy as np

from daytrader_ray.adapters.feature_parts import Layer
from daytrader_ray.adapters.folder import Folder
from daytrader_ray.domain.panel import Float32, Matrix


@dataclass(frozen=True)
class PartRows:
    """Where a month of one symbol lies: rows `[start, stop)` of the matrix, and the last key of each layer."""

    month: str
    start: int
    stop: int
    keys: tuple[str, ...]


@dataclass(frozen=True)
class MappedMatrix:
    """A `domain.panel.Matrix` of stored parts: rows `[start, stop)`, NaN where a symbol has no part.

    `layers` are folders with their number of columns, `parts` `[symbol]` the months of each symbol. Nothing is held in
    memory, and what is pickled are names: every process reads for itself.
    """

    root: str
    layers: tuple[tuple[str, int], ...]
    symbols: tuple[str, ...]
    parts: tuple[tuple[PartRows, ...], ...]
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, symbols, features."""
        return self.stop - self.start, len(self.symbols), sum(width for _, width in self.layers)

    @overload
    def __getitem__(self, key: slice, /) -> Self: ...

    @overload
    def __getitem__(self, key: tuple[slice, int], /) -> Float32: ...

    def __getitem__(self, key: slice | tuple[slice, int], /) -> "Self | Float32":
        """Return some rows (nothing is read), or some rows of one symbol, float32 `[row, feature]`."""
        if isinstance(key, slice):
            start, stop = self._rows(key)
            return replace(self, start=start, stop=stop)
        return self._read(*self._rows(key[0]), key[1])

    def _rows(self, key: slice) -> tuple[int, int]:
        start, stop, step = key.indices(self.stop - self.start)
        if step != 1:
            raise ValueError(f"rows of a stored matrix come in a run, not by steps of {step}")
        return self.start + start, self.start + max(start, stop)

    def _read(self, start: int, stop: int, column: int) -> Float32:
        symbol = self.symbols[column]
        values = np.full((stop - start, self.shape[2]), np.nan, dtype=np.float32)
        there = [part for part in self.parts[column] if part.start < stop and start < part.stop]
        first = 0
        for at, (name, width) in enumerate(self.layers):
            arrays = Layer(Folder(self.root), name, symbol).verified({part.month: part.keys[at] for part in there})
            for part, array in zip(there, arrays, strict=True):
                a, b = max(start, part.start), min(stop, part.stop)
                values[a - start : b - start, first : first + width] = array[a - part.start : b - part.start]
            first += width
        return values


@dataclass(frozen=True)
class JoinedRows:
    """Matrices of the same symbols and features, one after the other."""

    parts: tuple[Matrix, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, symbols, features."""
        return sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:]

    @overload
    def __getitem__(self, key: slice, /) -> Self: ...

    @overload
    def __getitem__(self, key: tuple[slice, int], /) -> Float32: ...

    def __getitem__(self, key: slice | tuple[slice, int], /) -> "Self | Float32":
        """Return some rows, or some rows of one symbol, float32 `[row, feature]`."""
        rows = key if isinstance(key, slice) else key[0]
        start, stop, _ = rows.indices(self.shape[0])
        cuts: list[slice] = []
        for part in self.parts:
            n = part.shape[0]
            cuts.append(slice(min(max(start, 0), n), min(max(stop, 0), n)))
            start, stop = start - n, stop - n
        if isinstance(key, slice):
            return replace(self, parts=tuple(part[cut] for part, cut in zip(self.parts, cuts, strict=True)))
        return np.concatenate([part[cut, key[1]] for part, cut in zip(self.parts, cuts, strict=True)])
