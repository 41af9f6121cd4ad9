"""Scores as data: what one member said in one window, a Parquet file that any reader of Parquet opens.

::

    <root>/processed/signals/<key>.scores.parquet    a row per bar, a float64 column per symbol; NaN: no complete window

    >>> scores = pandas.read_parquet("<key>.scores.parquet")        # doctest: +SKIP
    >>> scores[scores.block == "test"].set_index("timestamp").AAPL  # doctest: +SKIP

`timestamp` is the start of the bar (UTC), `block` what the row is to the window: `a` (early stopping, calibration),
`b` (weights, threshold), `test`, or, where stacking asks for folds, `fit`, scored by fits that were not shown it. The
schema's metadata say under `daytrader`, as JSON, which member and window it is and all that the key is made of.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from daytrader_ray.adapters.atomic import atomic_write_bytes, filesystem_of
from daytrader_ray.adapters.tables import UTC
from daytrader_ray.domain.errors import DataError

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_ABOUT = b"daytrader"
_LEADING = ("timestamp", "block")


@dataclass(frozen=True)
class ScoreTable:
    """One member's scores `values` `[row, symbol]`; `minute` (epoch minutes UTC) and `block` of each row `[row]`."""

    symbols: tuple[str, ...]
    minute: Int64
    block: Sequence[str]
    values: Float64

    def part(self, *blocks: str) -> Float64:
        """Return the rows of some blocks `[row, symbol]`."""
        return self.values[np.isin(np.asarray(self.block), blocks)]

    def write(self, path: str, about: Mapping[str, Any]) -> None:
        """Write the table whole or not at all; equal values are equal bytes."""
        columns = [
            pa.array(self.minute * 60_000_000, UTC),
            pa.array(self.block, pa.string()),
            *(pa.array(column) for column in np.ascontiguousarray(self.values.T)),
        ]
        told = json.dumps(about, sort_keys=True, allow_nan=False).encode()
        table = pa.table(columns, names=[*_LEADING, *self.symbols]).replace_schema_metadata({_ABOUT: told})
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="lz4", row_group_size=1 << 20)
        atomic_write_bytes(path, sink.getvalue())

    @classmethod
    def read(cls, path: str) -> Self:
        """Read what `write` wrote; `DataError` for a file that is damaged or missing."""
        try:
            filesystem, target = filesystem_of(path)
            content = pa.BufferReader(filesystem.cat_file(target))
            table = pq.ParquetFile(content).read(use_threads=False)
            minute = table["timestamp"].cast(pa.int64()).to_numpy() // 60_000_000
            symbols = tuple(name for name in table.column_names if name not in _LEADING)
            values = np.stack([table[name].to_numpy() for name in symbols], axis=1)
            return cls(symbols, minute, table["block"].to_pylist(), values)
        except (pa.ArrowException, KeyError, ValueError, OSError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise DataError(f"{path}: no table of scores: {reason}", "remove it and search again") from None
