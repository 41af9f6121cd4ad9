"""Corporate actions at work: the factors of a panel, and bars adjusted back from a day for reports."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.table_store import TableStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.panel import Float64
from daytrader_ray.market_data.adjust import MAX_CLOSE_AGE, Dividend, factors, unpriced

_PRICES = ("open", "high", "low", "close", "vwap")


def factors_of(
    store: TableStore, symbol: str, dates: Sequence[dt.date], as_of: dt.date | None = None
) -> tuple[Float64, Float64]:
    """Return price factor and share factor of a symbol's sessions `[date]`, by the actions up to `as_of`, else all."""
    last = as_of or max(dates, default=dt.date.min)
    splits = [split for split in store.splits(symbol) if split.date <= last]
    dividends = [dividend for dividend in store.dividends(symbol) if dividend.date <= last]
    if not splits and not dividends:
        return np.ones(len(dates)), np.ones(len(dates))
    return factors(dates, splits, dividends, closes_before(store, symbol, dividends))


def closes_before(store: TableStore, symbol: str, dividends: Sequence[Dividend]) -> dict[dt.date, float]:
    """Return the raw closes by date that price `dividends`: of daily bars, else of the last minute of a day."""
    if not dividends:
        return {}
    first, last = min(d.date for d in dividends), max(d.date for d in dividends)
    closes = store.daily_closes(symbol, first - MAX_CLOSE_AGE, last)
    for dividend in unpriced(dividends, closes):
        closes |= _minute_closes(store, symbol, dividend.date)
    return closes


def back_adjusted(store: TableStore, symbol: str, table: pa.Table, as_of: dt.date) -> pa.Table:
    """Return bars in the prices and shares of a day: the actions up to it, undone in the sessions before them."""
    stamps = table["timestamp"].combine_chunks().to_numpy(zero_copy_only=False).astype("datetime64[D]")
    days, at = np.unique(stamps, return_inverse=True)
    price, share = factors_of(store, symbol, [*days.tolist(), as_of], as_of)
    for name in (*_PRICES, "volume"):
        ratio = share[-1] / share[:-1] if name == "volume" else price[:-1] / price[-1]
        column = table.schema.get_field_index(name)
        values = table[name].combine_chunks()
        adjusted = pa.array(values.to_numpy(zero_copy_only=False) * ratio[at], mask=_nulls(values))
        table = table.set_column(column, table.schema.field(name), adjusted)
    return table


def _nulls(values: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False))


def _minute_closes(store: TableStore, symbol: str, ex_date: dt.date) -> dict[dt.date, float]:
    """Return the close of the last minute of each day in the week before `ex_date`."""
    spans = Kind.MINUTE.parts(ex_date - MAX_CLOSE_AGE, ex_date - dt.timedelta(days=1))
    found: dict[dt.date, float] = {}
    for month, first, last in spans:
        table = store.minutes(symbol, month)
        days = table["timestamp"].combine_chunks().to_numpy(zero_copy_only=False).astype("datetime64[D]")
        rows = np.flatnonzero(np.append(days[1:] != days[:-1], True)[: len(days)])
        closes = zip(days[rows].tolist(), table["close"].to_numpy()[rows].tolist(), strict=True)
        found |= {day: close for day, close in closes if first <= day <= last}
    return found
