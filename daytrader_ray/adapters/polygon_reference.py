"""What Polygon (Massive) knows of a symbol beside its minutes: daily bars, splits, dividends, and its details."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from daytrader_ray.adapters.polygon_rest import (
    NEW_YORK,
    UnknownSymbolError,
    Vendor,
    aggregates,
    misread,
    price_columns,
    read,
    typed,
)
from daytrader_ray.adapters.tables import DAILY, DIVIDENDS, FUNDAMENTALS, SPLITS
from daytrader_ray.market_data.sic import sector_of

LIMIT = "1000"


def daily_bars(vendor: Vendor, symbol: str, start: dt.date, end: dt.date) -> pa.Table:
    """Return the raw bars of the days `start` to `end` (`DAILY`)."""
    table = aggregates(vendor, symbol, "day", start, end)
    if table["t"].null_count:
        raise misread(symbol, "a daily bar without a time")
    dates = [dt.datetime.fromtimestamp(stamp / 1000, NEW_YORK).date() for stamp in table["t"].to_pylist()]
    return typed({"date": pa.array(dates, pa.date32()), **price_columns(table, symbol)}, DAILY, symbol)


def splits(vendor: Vendor, symbol: str) -> pa.Table:
    """Return all splits that the vendor knows, announced ones included (`SPLITS`)."""
    return _all(vendor, symbol, "splits", {"execution_date": "execution_date"}, SPLITS)


def dividends(vendor: Vendor, symbol: str) -> pa.Table:
    """Return all dividends that the vendor knows, announced ones included (`DIVIDENDS`)."""
    return _all(vendor, symbol, "dividends", {"ex_date": "ex_dividend_date", "kind": "dividend_type"}, DIVIDENDS)


def details(vendor: Vendor, symbol: str, day: dt.date) -> pa.Table:
    """Return what was known of `symbol` on `day`: one row of `FUNDAMENTALS`, none where it was not listed then."""
    try:
        answer = vendor.get(f"/v3/reference/tickers/{quote(symbol, safe=':')}", {"date": day.isoformat()})
    except UnknownSymbolError:
        return FUNDAMENTALS.empty_table()
    found = answer.get("results")
    if not isinstance(found, dict):
        raise misread(symbol, "'results' is no object")
    shares = found.get("share_class_shares_outstanding") or found.get("weighted_shares_outstanding")
    row = {
        "as_of": day.isoformat(),
        "name": found.get("name"),
        "kind": found.get("type"),
        "market_cap": found.get("market_cap"),
        "shares": shares,
        "sic_code": found.get("sic_code"),
        "sic_description": found.get("sic_description"),
        "sector": sector_of(found.get("sic_code")),
        "listed": found.get("list_date"),
    }
    return _as_read([row], {}, FUNDAMENTALS, symbol)


def _all(vendor: Vendor, symbol: str, what: str, renamed: Mapping[str, str], schema: pa.Schema) -> pa.Table:
    """Return every page of a reference table, by its first column, which is a date."""
    first = schema.names[0]
    order = {"order": "asc", "sort": renamed[first], "limit": LIMIT}
    pages = vendor.pages(f"/v3/reference/{what}", {"ticker": symbol, **order})
    tables = [_as_read(page, renamed, schema, symbol) for page in pages]
    return pa.concat_tables(tables).sort_by([(name, "ascending") for name in schema.names]).combine_chunks()


def _as_read(rows: list[dict[str, Any]], renamed: Mapping[str, str], schema: pa.Schema, symbol: str) -> pa.Table:
    """Return rows in the columns of `schema`, dates from their text; `FeedError` where they are something else."""
    keys = [renamed.get(name, name) for name in schema.names]
    kinds = [pa.string() if pa.types.is_date(field.type) else _number(field.type) for field in schema]
    table = read(rows, pa.schema(list(zip(keys, kinds, strict=True))), symbol)
    return typed(dict(zip(schema.names, table.columns, strict=True)), schema, symbol)


def _number(kind: pa.DataType) -> pa.DataType:
    return pa.float64() if pa.types.is_integer(kind) else kind
