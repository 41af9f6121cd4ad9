"""The market-data REST of the exchange, as Polygon answers: aggregates of any window, grouped days, open and close."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from daytrader_ray.sandbox.bar_pages import BarPage, BarQuery, bar_page
from daytrader_ray.sandbox.doors import (
    BadQueryError,
    NotFoundError,
    choice_of,
    date_of,
    is_number,
    json_response,
    limit_of,
    midnight_ms,
    next_url,
    options_of,
    polygon_door,
    request_id,
    time_number,
)
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.polygon_reference import PolygonReference
from daytrader_ray.sandbox.polygon_snapshot import PolygonSnapshots
from daytrader_ray.sandbox.polygon_ticks import PolygonTicks
from daytrader_ray.sandbox.visible import Visible
from daytrader_ray.sandbox.windows import SPANS, Window

DEFAULT_LIMIT, MAX_LIMIT = 5_000, 50_000
MAX_MULTIPLIER = 1_000
CLOSE_MS = 16 * 3_600_000
"""Grouped and previous days are stamped with 16:00 New York, unlike days of a range."""


class PolygonRest:
    """Routes of the market-data REST over one exchange; nothing shows before it is over at the exchange's time."""

    def __init__(self, exchange: Exchange) -> None:
        self._visible = Visible(exchange)
        self._reference = PolygonReference(self._visible)
        self._ticks = PolygonTicks(self._visible)
        self._snapshots = PolygonSnapshots(self._visible)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        handlers = {
            "/v2/aggs/ticker/{symbol}/range/{multiplier}/{timespan}/{start}/{end}": self._aggs,
            "/v2/aggs/grouped/locale/us/market/stocks/{date}": self._grouped,
            "/v2/aggs/ticker/{symbol}/prev": self._previous,
            "/v1/open-close/{symbol}/{date}": self._open_close,
            **self._reference.handlers(),
            **self._ticks.handlers(),
            **self._snapshots.handlers(),
        }
        return [web.get(path, polygon_door(handler)) for path, handler in handlers.items()]

    async def _aggs(self, request: web.Request) -> web.Response:
        query = _aggs_query(request)
        listing = self._visible.listing(query.symbol)
        page = bar_page(self._visible, query) if listing else BarPage.empty()
        index = listing is not None and listing.kind == "INDEX"
        return _aggs_answer(request, query, page, index=index)

    async def _grouped(self, request: web.Request) -> web.Response:
        date, adjusted = date_of(request.match_info["date"]), _adjusted(request.query)
        session = self._visible.last_session(date)
        rows: list[dict[str, Any]] = []
        if session is not None and self._visible.sessions[session].date == date:
            for listing in self._visible.market.listing():
                if listing.kind != "INDEX":
                    found = self._visible.day(listing.symbol, session, adjusted=adjusted).rows(index=False)
                    rows += [{"T": listing.symbol, **row, "t": midnight_ms(date) + CLOSE_MS} for row in found]
        return json_response(_counted(request, rows, {"adjusted": adjusted}))

    async def _previous(self, request: web.Request) -> web.Response:
        symbol, adjusted = request.match_info["symbol"], _adjusted(request.query)
        listing = self._visible.listing(symbol)
        session = self._visible.last_session(self._visible.today - dt.timedelta(days=1))
        rows: list[dict[str, Any]] = []
        if listing and session is not None:
            stamp = midnight_ms(self._visible.sessions[session].date) + CLOSE_MS
            found = self._visible.day(symbol, session, adjusted=adjusted).rows(index=listing.kind == "INDEX")
            rows = [{"T": symbol, **row, "t": stamp} for row in found]
        return json_response(_counted(request, rows, {"ticker": symbol, "adjusted": adjusted}))

    async def _open_close(self, request: web.Request) -> web.Response:
        symbol, date = request.match_info["symbol"], date_of(request.match_info["date"])
        listing, session = self._visible.listing(symbol), self._visible.last_session(date)
        found: list[dict[str, float]] = []
        if listing and session is not None and self._visible.sessions[session].date == date:
            day = self._visible.day(symbol, session, adjusted=_adjusted(request.query))
            found = day.rows(index=listing.kind == "INDEX")
        if not found:
            raise NotFoundError("Data not found.")
        words = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
        values = {word: found[0][name] for word, name in words.items() if name in found[0]}
        return json_response({"status": "OK", "from": str(date), "symbol": symbol, **values})


def _aggs_answer(request: web.Request, query: BarQuery, page: BarPage, *, index: bool) -> web.Response:
    """Write a page; its rows, which are nearly all of it, go from columns to text without an object for each."""
    bars = page.bars.reversed() if query.descending else page.bars
    body: dict[str, Any] = {
        "ticker": query.symbol,
        "queryCount": page.n_base,
        "resultsCount": len(bars),
        "adjusted": query.adjusted,
        "status": "OK",
        "request_id": request_id(request),
        "count": len(bars),
    }
    if page.more:
        body["next_url"] = _following(request, query, int(bars.start[-1]))
    if len(bars):
        body["results"] = orjson.Fragment(bars.json(index=index))
    return json_response(body)


def _following(request: web.Request, query: BarQuery, reached: int) -> str:
    """Return the address of the next page: the rest of the range in ms, and the other options in the cursor."""
    start, end = (query.start, reached - 1) if query.descending else (reached + 1, query.end)
    window = query.window
    path = f"/v2/aggs/ticker/{query.symbol}/range/{window.multiplier}/{window.span}/{start}/{end}"
    order = "desc" if query.descending else "asc"
    return next_url(request, {"limit": query.limit, "sort": order, "adjusted": str(query.adjusted).lower()}, path)


def _aggs_query(request: web.Request) -> BarQuery:
    info, options = request.match_info, options_of(request)
    many, span = info["multiplier"], info["timespan"]
    if not is_number(many) or not 1 <= int(many) <= MAX_MULTIPLIER or span not in SPANS:
        raise BadQueryError(f"expected 1 to {MAX_MULTIPLIER} of {', '.join(SPANS)}, found {many} {span}")
    window = Window(int(many), span)
    return BarQuery(
        symbol=info["symbol"],
        window=window,
        start=_edge(info["start"], window, last=False),
        end=_edge(info["end"], window, last=True),
        limit=limit_of(options, DEFAULT_LIMIT, MAX_LIMIT),
        descending=choice_of(options, "sort", ("asc", "desc")) == "desc",
        adjusted=_adjusted(options),
    )


def _edge(text: str, window: Window, *, last: bool) -> int:
    """Return an end of the range in ms: given in ms, or a date of New York, from the window that holds it on."""
    if is_number(text):
        return time_number(text)
    try:
        date = date_of(text)
    except BadQueryError:
        raise BadQueryError(f"expected a date YYYY-MM-DD or milliseconds, found {text!r}") from None
    return midnight_ms(date + dt.timedelta(days=1)) - 1 if last else window.start_of_day(date)


def _adjusted(options: Mapping[str, str]) -> bool:
    return choice_of(options, "adjusted", ("true", "false")) == "true"


def _counted(request: web.Request, rows: list[dict[str, Any]], head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body around the rows of grouped and previous days; without a row `results` is left out."""
    counts = {"queryCount": len(rows), "resultsCount": len(rows), "count": len(rows)}
    results = {"results": rows} if rows else {}
    return {**head, **counts, "status": "OK", "request_id": request_id(request), **results}
