"""Trades and quotes as Polygon answers: pages of a range, newest first unless asked otherwise, and the last of each."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiohttp import web

from daytrader_ray.market_data.ticks import IN_SHARES_SINCE_NS, ROUND_LOT
from daytrader_ray.sandbox.doors import (
    FOREVER,
    Handler,
    NotFoundError,
    choice_of,
    date_of,
    is_number,
    json_response,
    limit_of,
    midnight_ms,
    next_url,
    offset_of,
    options_of,
    request_id,
    time_number,
)
from daytrader_ray.sandbox.source import Float64, Quotes, Trades
from daytrader_ray.sandbox.tick_pages import Feed, Int64, Place, TickQuery, tick_page
from daytrader_ray.sandbox.visible import Visible

DEFAULT_LIMIT, MAX_LIMIT = 1_000, 50_000
MS_NS = 1_000_000
VENUE, OTHER_VENUE, TAPE = 11, 12, 1
TWO_SIDED = 1
"""Polygon's condition of a regular quote with two sides. Trades carry none: all are regular."""


def trade_rows(_: str, ticks: Trades, at: Int64, sequence: Sequence[int]) -> list[dict[str, Any]]:
    """Write trades as `/v3/trades` has them."""
    columns = (ticks.stamp_ns[at].tolist(), ticks.price[at].tolist(), ticks.size[at].tolist(), sequence)
    return [
        {
            "exchange": VENUE,
            "id": str(number),
            "participant_timestamp": stamp,
            "price": price,
            "sequence_number": number,
            "sip_timestamp": stamp,
            "size": size,
            "tape": TAPE,
        }
        for stamp, price, size, number in zip(*columns, strict=True)
    ]


def units_quoted(size: Float64, stamp_ns: Int64) -> Float64:
    """Return quote sizes `[n]` as the vendor tells them: in round lots, since November 2025 in shares."""
    return np.where(stamp_ns < IN_SHARES_SINCE_NS, size // ROUND_LOT, size)


def quote_rows(_: str, ticks: Quotes, at: Int64, sequence: Sequence[int]) -> list[dict[str, Any]]:
    """Write quotes as `/v3/quotes` has them."""
    prices = (ticks.bid[at].tolist(), ticks.ask[at].tolist())
    stamps = ticks.stamp_ns[at]
    sizes = (units_quoted(x[at], stamps).tolist() for x in (ticks.bid_size, ticks.ask_size))
    return [
        {
            "ask_exchange": OTHER_VENUE,
            "ask_price": ask,
            "ask_size": ask_size,
            "bid_exchange": VENUE,
            "bid_price": bid,
            "bid_size": bid_size,
            "conditions": [TWO_SIDED],
            "participant_timestamp": stamp,
            "sequence_number": number,
            "sip_timestamp": stamp,
            "tape": TAPE,
        }
        for stamp, bid, ask, bid_size, ask_size, number in zip(
            ticks.stamp_ns[at].tolist(), *prices, *sizes, sequence, strict=True
        )
    ]


def last_trade_rows(symbol: str, ticks: Trades, at: Int64, sequence: Sequence[int]) -> list[dict[str, Any]]:
    """Write trades in one letter each, as `/v2/last/trade` and snapshots have them."""
    letters = {"i": "id", "p": "price", "q": "sequence_number", "t": "sip_timestamp", "x": "exchange", "z": "tape"}
    return [
        {"T": symbol, "c": [], "s": int(row["size"]), "y": row["sip_timestamp"]}
        | {k: row[v] for k, v in letters.items()}
        for row in trade_rows(symbol, ticks, at, sequence)
    ]


def last_quote_rows(symbol: str, ticks: Quotes, at: Int64, sequence: Sequence[int]) -> list[dict[str, Any]]:
    """Write quotes in one letter each, as `/v2/last/nbbo` and snapshots have them."""
    letters = {"P": "ask_price", "p": "bid_price", "X": "ask_exchange", "x": "bid_exchange", "q": "sequence_number"}
    return [
        {"T": symbol, "S": int(row["ask_size"]), "s": int(row["bid_size"]), "z": row["tape"]}
        | dict.fromkeys("ty", row["sip_timestamp"])
        | {k: row[v] for k, v in letters.items()}
        for row in quote_rows(symbol, ticks, at, sequence)
    ]


TRADES, QUOTES = Feed(quotes=False, rows=trade_rows), Feed(quotes=True, rows=quote_rows)
LAST_TRADE, LAST_QUOTE = Feed(quotes=False, rows=last_trade_rows), Feed(quotes=True, rows=last_quote_rows)


def last_tick(visible: Visible, symbol: str, feed: Feed) -> dict[str, Any] | None:
    """Return the newest tick of the latest session that is over by now; None where that session has none."""
    session = visible.last_session(visible.today)
    if session is None or visible.listing(symbol) is None:
        return None
    start = visible.sessions[session].open_minute * 60_000 * MS_NS
    rows = tick_page(visible, TickQuery(symbol, start, FOREVER, 1, descending=True), feed).rows
    return rows[0] if rows else None


class PolygonTicks:
    """Trades and quotes of one exchange."""

    def __init__(self, visible: Visible) -> None:
        self._visible = visible

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each path."""
        return {
            "/v3/trades/{symbol}": self._pages(TRADES),
            "/v3/quotes/{symbol}": self._pages(QUOTES),
            "/v2/last/trade/{symbol}": self._last(LAST_TRADE),
            "/v2/last/nbbo/{symbol}": self._last(LAST_QUOTE),
        }

    def _pages(self, feed: Feed) -> Handler:
        async def pages(request: web.Request) -> web.Response:
            query = _query(request)
            body: dict[str, Any] = {"results": [], "status": "OK", "request_id": request_id(request)}
            if self._visible.listing(query.symbol):
                page = tick_page(self._visible, query, feed)
                body["results"] = page.rows
                if page.following is not None:
                    body["next_url"] = _following(request, query, page.following)
            return json_response(body)

        return pages

    def _last(self, feed: Feed) -> Handler:
        async def last(request: web.Request) -> web.Response:
            found = last_tick(self._visible, request.match_info["symbol"], feed)
            if found is None:
                raise NotFoundError("Ticker not found.")
            return json_response({"request_id": request_id(request), "results": found, "status": "OK"})

        return last


def _query(request: web.Request) -> TickQuery:
    options = options_of(request)
    start, end = _range(options)
    place = Place(int(options["session"]), offset_of(options)) if is_number(options.get("session", "")) else None
    limit = limit_of(options, DEFAULT_LIMIT, MAX_LIMIT)
    descending = choice_of(options, "order", ("desc", "asc")) == "desc"
    return TickQuery(request.match_info["symbol"], start, end, limit, descending, place)


def _following(request: web.Request, query: TickQuery, place: Place) -> str:
    options: dict[str, str | int] = {
        "timestamp.gte": query.start,
        "timestamp.lte": query.end,
        "limit": query.limit,
        "order": "desc" if query.descending else "asc",
        "session": place.session,
        "offset": place.sequence,
    }
    return next_url(request, options)


def _range(options: Mapping[str, str]) -> tuple[int, int]:
    """Return the first and the last ns of `timestamp`, `timestamp.gte`, ...: each in ns, or a day of New York."""
    start, end = 0, FOREVER
    for name, text in options.items():
        field, _, compare = name.partition(".")
        if field != "timestamp":
            continue
        first, last = _span(text)
        start = max(start, {"gte": first, "gt": last + 1, "": first}.get(compare, start))
        end = min(end, {"lte": last, "lt": first - 1, "": last}.get(compare, end))
    return start, end


def _span(text: str) -> tuple[int, int]:
    if is_number(text):
        return time_number(text), time_number(text)
    date = date_of(text)
    return midnight_ms(date) * MS_NS, midnight_ms(date + dt.timedelta(days=1)) * MS_NS - 1
