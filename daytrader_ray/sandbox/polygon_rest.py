"""The market-data REST of the exchange, as Polygon answers: minute aggregates, ticker details, market status."""

import base64
import datetime as dt
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from aiohttp import web

from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.orders import NAMESPACE
from daytrader_ray.sandbox.traits import KNOWN_SYMBOL

NEW_YORK = ZoneInfo("America/New_York")
MINUTE_MS = 60_000
DEFAULT_LIMIT, MAX_LIMIT = 5_000, 50_000
EXCHANGE_CODE = "XNYS"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_response(body: object, status: int = 200) -> web.Response:
    """Return `body` as JSON; floats are written so that reading them gives the same bits."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


class BadQueryError(ValueError):
    """A query that the vendor would refuse; the text is its answer."""


@dataclass(frozen=True, slots=True)
class AggsQuery:
    """One page of minute aggregates: `start` and `end` inclusive in ms, `limit` bars, newest first if `descending`."""

    symbol: str
    start: int
    end: int
    limit: int
    descending: bool


class PolygonRest:
    """Routes of the market-data REST over one exchange.

    While a rehearsal holds the clock only bars that are over at the exchange's time exist.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        path = r"/v2/aggs/ticker/{symbol}/range/{multiplier}/{timespan}/{start}/{end}"
        return [
            web.get(path, self._guarded(self._aggs)),
            web.get("/v1/marketstatus/now", self._guarded(self._status)),
            web.get("/v3/reference/tickers/{symbol}", self._guarded(self._details)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not _key_of(request):
                return _error("ERROR", "Unknown API Key", 401)
            try:
                return await handler(request)
            except BadQueryError as error:
                return _error("ERROR", str(error), 400)

        return guarded

    async def _aggs(self, request: web.Request) -> web.Response:
        query = _aggs_query(request)
        rows, more = self._page(query)
        body: dict[str, Any] = {
            "ticker": query.symbol,
            "queryCount": len(rows),
            "resultsCount": len(rows),
            "adjusted": request.query.get("adjusted", "true").lower() == "true",
            "status": "OK",
            "request_id": _request_id(request),
            "count": len(rows),
        }
        if rows:
            body["results"] = rows
        if more:
            body["next_url"] = _next_url(request, query, rows[-1]["t"])
        return json_response(body)

    def _page(self, query: AggsQuery) -> tuple[list[dict[str, Any]], bool]:
        """Return at most `limit` bars and whether there are more behind them."""
        if not KNOWN_SYMBOL.fullmatch(query.symbol):
            return [], False
        days = self._exchange.market.grid.sessions
        now = int(self._exchange.now.timestamp()) // 60
        order = range(len(days))
        rows: list[dict[str, Any]] = []
        for session in reversed(order) if query.descending else order:
            first, last = days[session].open_minute, min(days[session].close_minute, now) - 1
            low, high = max(first, -(-query.start // MINUTE_MS)), min(last, query.end // MINUTE_MS)
            if low > high:
                continue
            found = self._session_rows(query.symbol, session, low - first, high - first + 1)
            rows.extend(reversed(found) if query.descending else found)
            if len(rows) > query.limit:
                break
        return rows[: query.limit], len(rows) > query.limit

    def _session_rows(self, symbol: str, session: int, start: int, stop: int) -> list[dict[str, Any]]:
        bars = self._exchange.market.bars(symbol, session)
        opens = self._exchange.market.grid.sessions[session].open_minute
        on = start + np.flatnonzero(bars.traded[start:stop])
        columns = (bars.volume, bars.vwap, bars.open, bars.close, bars.high, bars.low)
        values = zip(on.tolist(), *(column[on].tolist() for column in columns), strict=True)
        return [
            {
                "v": int(v),
                "vw": vw,
                "o": o,
                "c": c,
                "h": h,
                "l": low,
                "t": (opens + slot) * MINUTE_MS,
                "n": trades(int(v)),
            }
            for slot, v, vw, o, c, h, low in values
        ]

    async def _status(self, _: web.Request) -> web.Response:
        is_open = self._exchange.is_open
        state = "open" if is_open else "closed"
        return json_response(
            {
                "market": state,
                "earlyHours": False,
                "afterHours": False,
                "serverTime": self._exchange.now.astimezone(NEW_YORK).isoformat(),
                "exchanges": {"nyse": state, "nasdaq": state, "otc": state},
                "currencies": {"crypto": "open", "fx": "open"},
            }
        )

    async def _details(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        if not KNOWN_SYMBOL.fullmatch(symbol):
            return _error("NOT_FOUND", "Ticker not found.", 404)
        traits = self._exchange.market.traits(symbol)
        results = {
            "ticker": symbol,
            "name": traits.name,
            "market": "stocks",
            "locale": "us",
            "primary_exchange": EXCHANGE_CODE,
            "type": "CS" if traits.signal else "ETF",
            "active": True,
            "currency_name": "usd",
            "ticker_root": symbol,
            "round_lot": 100,
        }
        return json_response({"request_id": _request_id(request), "results": results, "status": "OK"})


def trades(volume: int) -> int:
    """Return the number of trades that made a volume, as the market's trades have it; none made no volume."""
    return volume // 100 + 5 if volume else 0


def _aggs_query(request: web.Request) -> AggsQuery:
    info, query = request.match_info, request.query
    if (info["multiplier"], info["timespan"]) != ("1", "minute"):
        raise BadQueryError(f"only 1 minute aggregates here, not {info['multiplier']} {info['timespan']}")
    options: Mapping[str, str] = _read_cursor(query["cursor"]) if "cursor" in query else query
    limit = options.get("limit", str(DEFAULT_LIMIT))
    if not limit.isdigit() or not 1 <= int(limit) <= MAX_LIMIT:
        raise BadQueryError(f"limit must be 1 to {MAX_LIMIT}, found {limit!r}")
    start, end = _edge(info["start"], last=False), _edge(info["end"], last=True)
    return AggsQuery(info["symbol"], start, end, int(limit), options.get("sort", "asc") == "desc")


def _edge(text: str, *, last: bool) -> int:
    """Return an end of the range in ms: given in ms, or a date of New York from its first to its last ms."""
    if re.fullmatch(r"\d{1,16}", text):
        return int(text)
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        raise BadQueryError(f"expected a date YYYY-MM-DD or milliseconds, found {text!r}") from None
    day = date + dt.timedelta(days=1) if last else date
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    return int(midnight.timestamp()) * 1000 - last


def _next_url(request: web.Request, query: AggsQuery, reached: int) -> str:
    start, end = (query.start, reached - 1) if query.descending else (reached + 1, query.end)
    cursor = f"limit={query.limit}&sort={'desc' if query.descending else 'asc'}"
    text = base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")
    return f"http://{request.host}/v2/aggs/ticker/{query.symbol}/range/1/minute/{start}/{end}?cursor={text}"


def _read_cursor(text: str) -> dict[str, str]:
    try:
        cursor = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        return dict(part.split("=") for part in cursor.split("&"))
    except ValueError:
        raise BadQueryError(f"not a cursor of ours: {text!r}") from None


def _key_of(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer").strip() or request.query.get("apiKey", "")


def _request_id(request: web.Request) -> str:
    return uuid.uuid5(NAMESPACE, request.path_qs).hex


def _error(status: str, text: str, http_status: int) -> web.Response:
    word = "message" if status == "NOT_FOUND" else "error"
    return json_response({"status": status, "request_id": uuid.uuid5(NAMESPACE, text).hex, word: text}, http_status)
