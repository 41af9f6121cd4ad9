"""The bare loop that the download is compared with: the vendor's client, one month at a time, into the same Parquet."""

import datetime as dt
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from polygon import RESTClient
from polygon.rest.models import Agg

FIELDS = ("timestamp", "open", "high", "low", "close", "volume", "vwap", "transactions")
NAMES = (*FIELDS[:-1], "trades")
KINDS = (pa.timestamp("us", "UTC"), *[pa.float64()] * 6, pa.int32())


def main(url: str, root: str, symbols: str, first: str, last: str) -> None:
    """Fetch the minutes of every symbol and month and write each month that has bars."""
    client = RESTClient("sandbox", base=url)
    end = dt.date.fromisoformat(last)
    for symbol in symbols.split(","):
        folder = Path(root) / f"symbol={symbol}"
        folder.mkdir(parents=True)
        start = dt.date.fromisoformat(first)
        while start <= end:
            following = (start.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
            until = min(following - dt.timedelta(days=1), end)
            bars = list(client.list_aggs(symbol, 1, "minute", start, until, adjusted=False, sort="asc", limit=50_000))
            if bars:
                pq.write_table(table_of(bars), folder / f"{start:%Y-%m}.parquet", compression="lz4")
            start = following


def table_of(bars: list[Agg]) -> pa.Table:
    """Return the client's objects as columns."""
    columns = [[getattr(bar, field) for bar in bars] for field in FIELDS]
    columns[0] = pa.array(columns[0], pa.timestamp("ms", "UTC")).cast(KINDS[0])
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, KINDS, strict=True)], names=NAMES)


if __name__ == "__main__":
    main(*sys.argv[1:])
