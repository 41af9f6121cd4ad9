"""Quotes and trades of one session from Polygon (Massive), page by page into minutes: memory holds one page."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.polygon_rest import PAGE_LIMIT, Vendor, read
from daytrader_ray.adapters.tables import QUOTE_BARS, TRADE_BARS
from daytrader_ray.adapters.tick_tables import tick_table
from daytrader_ray.domain.sessions import NS_PER_MINUTE, Session
from daytrader_ray.market_data.conditions import trade_updates
from daytrader_ray.market_data.ticks import QuoteAggregator, TradeAggregator, shares_quoted

_QUOTE = pa.schema(
    [("sip_timestamp", pa.int64())]
    + [(name, pa.float64()) for name in ("bid_price", "ask_price", "bid_size", "ask_size")]
)
_TRADE = pa.schema(
    [
        ("sip_timestamp", pa.int64()),
        ("price", pa.float64()),
        ("size", pa.float64()),
        ("conditions", pa.list_(pa.int32())),
        ("correction", pa.int32()),
    ]
)


def quote_bars(vendor: Vendor, symbol: str, session: Session) -> tuple[pa.Table, Counter[str]]:
    """Return the minutes of a session with quotes (`QUOTE_BARS`), and how many quotes were left out by reason."""
    quotes, left_out = QuoteAggregator(), Counter[str]()
    for page in _pages(vendor, "quotes", symbol, session, _QUOTE, left_out):
        stamps, bid, ask, bid_size, ask_size = (_numbers(page, name) for name in _QUOTE.names)
        quotes.add(stamps, bid, ask, shares_quoted(bid_size, stamps), shares_quoted(ask_size, stamps))
    table = tick_table(quotes.take(session.close_minute), QUOTE_BARS)
    return table, left_out + Counter(late=quotes.late, unsound=quotes.unsound)


def trade_bars(vendor: Vendor, symbol: str, session: Session) -> tuple[pa.Table, Counter[str]]:
    """Return the minutes of a session with trades (`TRADE_BARS`), and how many trades were left out by reason."""
    trades, left_out = TradeAggregator(), Counter[str]()
    for page in _pages(vendor, "trades", symbol, session, _TRADE, left_out):
        updates = trade_updates(page["conditions"].to_pylist(), page["correction"].to_pylist())
        stamps, price, size = (_numbers(page, name) for name in _TRADE.names[:3])
        trades.add(stamps, price, size, updates)
    table = tick_table(trades.take(session.close_minute), TRADE_BARS)
    return table, left_out + Counter(late=trades.late, unsound=trades.unsound)


def _pages(
    vendor: Vendor, what: str, symbol: str, session: Session, schema: pa.Schema, left_out: Counter[str]
) -> Iterator[pa.Table]:
    """Yield the pages of a session's ticks in the order of the tape; ticks without a stamp are only counted."""
    params = {
        "timestamp.gte": str(session.open_minute * NS_PER_MINUTE),
        "timestamp.lt": str(session.close_minute * NS_PER_MINUTE),
        "order": "asc",
        "sort": "timestamp",
        "limit": str(PAGE_LIMIT),
    }
    for rows in vendor.pages(f"/v3/{what}/{quote(symbol)}", params):
        page = read(rows, schema, symbol)
        left_out["unstamped"] += page["sip_timestamp"].null_count
        yield page.filter(pa.compute.field("sip_timestamp").is_valid())


def _numbers(page: pa.Table, name: str) -> Any:
    """Return a column as numpy; null prices and sizes become NaN."""
    values = page[name].to_numpy()
    return values if values.dtype == np.int64 else values.astype(np.float64)
