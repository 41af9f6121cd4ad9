"""The feature matrix on disk: it knows where its rows are, and reads those that are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.feature_parts import INPUTS, VALUES, Layer
from daytrader_ray.adapters.folder import Folder
from daytrader_ray.domain.panel import Float32, Float64, Matrix
from daytrader_ray.features.step import N_AUX


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
        values = np.full((stop - start, self.shape[2]), np.nan, dtype=np.float32)
        first = 0
        for at, (_, width) in enumerate(self.layers):
            for rows, array in self._arrays(start, stop, column, at, VALUES):
                values[rows, first : first + width] = array
            first += width
        return values

    def ranges(self) -> Float64:
        """Return atr_5, return_30 and sigma_30 `[3, row, symbol]`, which the first layer keeps."""
        found = np.full((N_AUX, self.stop - self.start, len(self.symbols)), np.nan)
        for column in range(len(self.symbols)):
            for rows, array in self._arrays(self.start, self.stop, column, 0, INPUTS):
                found[:, rows, column] = array[:, :N_AUX].T
        return found

    def _arrays(
        self, start: int, stop: int, column: int, at: int, name: str
    ) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        """Yield what the parts of a layer have of the rows `[start, stop)` of one symbol, with where it belongs."""
        layer = Layer(Folder(self.root), self.layers[at][0], self.symbols[column])
        for part in self.parts[column]:
            a, b = max(start, part.start), min(stop, part.stop)
            if a < b:
                array = layer.array(part.month, part.keys[at], part.stop - part.start, name, mapped=True)
                yield slice(a - start, b - start), array[a - part.start : b - part.start]


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
