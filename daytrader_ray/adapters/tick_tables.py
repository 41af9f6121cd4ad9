"""Finished minutes of the tick aggregators as Arrow tables of the store."""

import pyarrow as pa

from daytrader_ray.market_data.ticks import Columns


def tick_table(columns: Columns, schema: pa.Schema) -> pa.Table:
    """Return what `take` gave as a table of `QUOTE_BARS` or `TRADE_BARS`; NaN becomes null."""
    arrays = [
        pa.array(columns[field.name], pa.int64()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array(columns[field.name], field.type, from_pandas=True)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)
