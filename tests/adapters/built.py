"""A month of bars and features of one symbol, as a download and a build leave them."""

import datetime as dt

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_parts import SETS, Computed, Layer, Part
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.domain.sessions import US_PER_MINUTE

N_FEATURES = 105
TABLE = "table-made"
SET = "made"


def stored_month(root: str, symbol: str, day: dt.date, content: str = "c0ffee") -> None:
    """Store the month of `day`, made up, in a set whose build is `made/<content>`."""
    store, month = ParquetStore(root), f"{day:%Y-%m}"
    first = day.replace(day=1)
    grid = session_grid(first, (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1))
    times = pa.array(grid.minute_of_row * US_PER_MINUTE, pa.timestamp("us", "UTC"))
    price = pa.array(50.0 + 0.001 * np.arange(grid.n_rows))
    bars = {name: price for name in ("open", "high", "low", "close", "volume", "vwap")}
    columns = {"timestamp": times, **bars, "trades": pa.array(np.ones(grid.n_rows, dtype=np.int64))}
    store.write_bars(symbol, month, pa.table(columns).select(FILE_SCHEMA.names).cast(FILE_SCHEMA), None)
    values = np.random.default_rng(1).normal(size=(N_FEATURES, grid.n_rows)).astype(np.float32)
    features = {f"feature_{k}": pa.array(column) for k, column in enumerate(values)}
    part = Part("", (str(day),), ("abc",))
    layer = Layer(store, TABLE, symbol)
    layer.save(layer.contents(), [Computed(month, part, grid.n_rows, {}, pa.table({"timestamp": times, **features}))])
    store.write_json(SETS.format(SET), {"table": TABLE, "content": content})
    store.write_json("processed/features/latest.json", {"set": SET})
