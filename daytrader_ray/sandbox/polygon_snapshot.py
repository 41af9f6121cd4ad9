"""Snapshots as Polygon answers: the day so far, the day before, the last minute, trade and quote of many symbols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiohttp import web

from daytrader_ray.domain.sessions import NS_PER_MINUTE
from daytrader_ray.sandbox.bars import Bars
from daytrader_ray.sandbox.doors import (
    BadQueryError,
    Handler,
    NotFoundError,
    choice_of,
    json_response,
    list_page,
    matches,
    options_of,
    ordered,
    request_id,
)
from daytrader_ray.sandbox.polygon_ticks import LAST_QUOTE, LAST_TRADE, last_tick
from daytrader_ray.sandbox.source import Listing
from daytrader_ray.sandbox.visible import Visible

STOCKS = "/v2/snapshot/locale/us/markets/stocks"
MOVERS, MOVERS_VOLUME = 20, 10_000
DEFAULT_LIMIT, MAX_LIMIT = 10, 250
NOTHING_YET = dict.fromkeys(("o", "h", "l", "c", "v", "vw"), 0)
UNKNOWN = {"error": "NOT_FOUND", "message": "Ticker not found."}
MS_NS = 1_000_000


@dataclass(frozen=True)
class Snapshot:
    """One symbol as of now: bars of the day (empty before its first), the day itself and the day before."""

    visible: Visible
    listing: Listing
    bars: Bars
    day: Bars
    before: Bars

    @cached_property
    def change(self) -> tuple[float, float]:
        """Return the change since the last close, USD and percent; 0 where one of the two is unknown."""
        if not len(self.day) or not len(self.before):
            return 0.0, 0.0
        before, now = float(self.before.close[0]), float(self.day.close[0])
        return round(now - before, 4), round(100 * (now / before - 1), 6)

    def stock(self) -> dict[str, Any]:
        """Return the object of `/v2/snapshot`."""
        usd, percent = self.change
        body = {
            "ticker": self.listing.symbol,
            "day": _prices(self.day),
            "prevDay": _prices(self.before),
            "todaysChange": usd,
            "todaysChangePerc": percent,
            "updated": self._updated,
        }
        if len(self.bars):
            minute = self.bars.part(len(self.bars) - 1, len(self.bars)).rows(index=False)[0]
            body["min"] = {"av": int(self.day.volume[0]), **minute}
        if trade := last_tick(self.visible, self.listing.symbol, LAST_TRADE):
            body["lastTrade"] = {name: trade[name] for name in "cipstx"}
        if quote := last_tick(self.visible, self.listing.symbol, LAST_QUOTE):
            body["lastQuote"] = {name: quote[name] for name in "PSpst"}
        return body

    def universal(self) -> dict[str, Any]:
        """Return the object of `/v3/snapshot`."""
        index = self.listing.kind == "INDEX"
        body: dict[str, Any] = {
            "ticker": self.listing.symbol,
            "type": "indices" if index else "stocks",
            "name": self.listing.name,
            "market_status": self.visible.trading[0],
            **self._session(index=index),
        }
        if index and len(self.day):
            body |= {"value": float(self.day.close[0]), "last_updated": self._updated, "timeframe": "REAL-TIME"}
        if trade := last_tick(self.visible, self.listing.symbol, LAST_TRADE):
            words = {"price": "p", "size": "s", "exchange": "x", "id": "i", "conditions": "c"}
            stamps = dict.fromkeys(("last_updated", "sip_timestamp", "participant_timestamp"), trade["t"])
            body["last_trade"] = {k: trade[v] for k, v in words.items()} | stamps | {"timeframe": "REAL-TIME"}
        if quote := last_tick(self.visible, self.listing.symbol, LAST_QUOTE):
            words = {"ask": "P", "bid": "p", "ask_size": "S", "bid_size": "s", "ask_exchange": "X", "bid_exchange": "x"}
            middle = {"midpoint": round((quote["P"] + quote["p"]) / 2, 6), "last_updated": quote["t"]}
            body["last_quote"] = {k: quote[v] for k, v in words.items()} | middle | {"timeframe": "REAL-TIME"}
        return body

    def _session(self, *, index: bool) -> dict[str, Any]:
        if not len(self.day):
            return {}
        usd, percent = self.change
        row = self.day.rows(index=index)[0]
        words = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
        session = {word: row[name] for word, name in words.items() if name in row}
        before = float(self.before.close[0]) if len(self.before) else 0.0
        session |= {"change": usd, "change_percent": percent, "previous_close": before}
        return {"session": session if index else {**session, "price": row["c"]}}

    @cached_property
    def _updated(self) -> int:
        return int(self.bars.start[-1]) * MS_NS + NS_PER_MINUTE if len(self.bars) else 0


class PolygonSnapshots:
    """Snapshots of one exchange."""

    def __init__(self, visible: Visible) -> None:
        self._visible = visible

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each path."""
        return {
            f"{STOCKS}/tickers": self._all,
            f"{STOCKS}/tickers/{{symbol}}": self._one,
            f"{STOCKS}/{{direction:gainers|losers}}": self._movers,
            "/v3/snapshot": self._universal,
            "/v3/snapshot/indices": self._indices,
        }

    def _snapshot(self, listing: Listing) -> Snapshot:
        visible, symbol = self._visible, listing.symbol
        today = [at for at, day in enumerate(visible.sessions) if day.date == visible.today]
        session = today[0] if today else visible.last_session(visible.today)
        none = Bars.concatenate([])
        if session is None:
            return Snapshot(visible, listing, none, none, none)
        before = visible.day(symbol, session - 1, adjusted=True) if session else none
        return Snapshot(visible, listing, visible.bars(symbol, session), visible.day(symbol, session), before)

    def _stocks(self) -> list[Listing]:
        """Return all stocks and funds that are listed today."""
        today = self._visible.today
        return [
            one
            for one in self._visible.market.listing()
            if one.kind != "INDEX" and one.listed <= today and (one.delisted is None or today <= one.delisted)
        ]

    async def _all(self, request: web.Request) -> web.Response:
        asked = request.query.get("tickers", "")
        named = (self._visible.listing(symbol) for symbol in asked.split(","))
        listings = [one for one in named if one and one.kind != "INDEX"] if asked else self._stocks()
        rows = [self._snapshot(one).stock() for one in listings]
        return json_response({"count": len(rows), "status": "OK", "tickers": rows})

    async def _one(self, request: web.Request) -> web.Response:
        listing = self._visible.listing(request.match_info["symbol"])
        if listing is None or listing.kind == "INDEX":
            raise NotFoundError("Ticker not found.")
        ticker = self._snapshot(listing).stock()
        return json_response({"status": "OK", "request_id": request_id(request), "ticker": ticker})

    async def _movers(self, request: web.Request) -> web.Response:
        side = 1 if request.match_info["direction"] == "gainers" else -1
        found = [self._snapshot(one) for one in self._stocks()]
        moved = [one for one in found if one.change[1] * side > 0 and one.day.volume[0] >= MOVERS_VOLUME]
        moved.sort(key=lambda one: (-one.change[1] * side, one.listing.symbol))
        return json_response({"status": "OK", "tickers": [one.stock() for one in moved[:MOVERS]]})

    async def _universal(self, request: web.Request) -> web.Response:
        return self._rows(request, kinds=("stocks", "indices"))

    async def _indices(self, request: web.Request) -> web.Response:
        return self._rows(request, kinds=("indices",))

    def _rows(self, request: web.Request, kinds: Sequence[str]) -> web.Response:
        options = options_of(request)
        page, following = list_page(request, self._asked(options, kinds), DEFAULT_LIMIT, MAX_LIMIT)
        rows = [{"ticker": row["ticker"], **UNKNOWN} if row["type"] == "" else self._row(row) for row in page]
        return json_response({"results": rows, "status": "OK", "request_id": request_id(request), **following})

    def _row(self, row: Mapping[str, str]) -> dict[str, Any]:
        listing = self._visible.listing(row["ticker"])
        assert listing is not None
        return self._snapshot(listing).universal()

    def _asked(self, options: Mapping[str, str], kinds: Sequence[str]) -> list[dict[str, Any]]:
        """Return ticker and type of what is asked for; the type of what nobody knows is empty."""
        named = options.get("ticker.any_of") or options.get("ticker")
        if named is None:
            rows = [_typed(one.symbol, one) for one in self._visible.market.listing()]
        elif len(symbols := named.split(",")) > MAX_LIMIT:
            raise BadQueryError(f"ticker.any_of takes at most {MAX_LIMIT} tickers, found {len(symbols)}")
        else:
            rows = [_typed(symbol, self._visible.listing(symbol)) for symbol in symbols]
        wanted = (choice_of(options, "type", ("stocks", "indices")),) if "type" in options else kinds
        found = [row for row in rows if row["type"] in ("", *wanted) and matches(row, options, "ticker")]
        return ordered(found, options, ("ticker",))


def _typed(symbol: str, listing: Listing | None) -> dict[str, Any]:
    kind = "" if listing is None else "indices" if listing.kind == "INDEX" else "stocks"
    return {"ticker": symbol, "type": kind}


def _prices(bars: Bars) -> dict[str, float]:
    """Return the prices and volume of one bar in one letter each; zeros where there is none yet."""
    if not len(bars):
        return dict(NOTHING_YET)
    row = bars.rows(index=False)[0]
    return {name: row[name] for name in NOTHING_YET}
