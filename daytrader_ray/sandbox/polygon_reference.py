"""Reference data as Polygon answers: tickers, details, splits, dividends, market status and holidays."""

import datetime as dt
import math
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.sessions import Session
from daytrader_ray.sandbox.doors import (
    Handler,
    NotFoundError,
    choice_of,
    date_of,
    json_response,
    list_page,
    matches,
    options_of,
    ordered,
    request_id,
)
from daytrader_ray.sandbox.exchange import moment
from daytrader_ray.sandbox.orders import NAMESPACE
from daytrader_ray.sandbox.source import Listing
from daytrader_ray.sandbox.visible import ANNOUNCED, Visible

EXCHANGE_CODE = "XNYS"
TICKERS_LIMIT, ACTIONS_LIMIT, MAX_LIMIT = 100, 10, 1_000
TICKER_SORTS = ("ticker", "name", "market", "locale", "primary_exchange", "type", "currency_name", "delisted_utc")
SPLIT_SORTS = ("execution_date", "ticker")
DIVIDEND_DATES = ("ex_dividend_date", "pay_date", "declaration_date", "record_date")
FULL_DAY = 390
HOLIDAYS = {
    1: ("Martin Luther King, Jr. Day", 15, 21),
    2: ("Washington's Birthday", 15, 21),
    3: ("Good Friday", 20, 31),
    4: ("Good Friday", 1, 23),
    5: ("Memorial Day", 25, 31),
    6: ("Juneteenth", 18, 20),
    7: ("Independence Day", 3, 5),
    9: ("Labor Day", 1, 7),
    11: ("Thanksgiving", 22, 29),
    12: ("Christmas", 24, 26),
}
"""Name, first and last possible day of the holiday of each month; January's other one is New Year's Day."""


class PolygonReference:
    """Reference data of one exchange as known on its date."""

    def __init__(self, visible: Visible) -> None:
        self._visible = visible

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each path."""
        return {
            "/v3/reference/tickers": self._tickers,
            "/v3/reference/tickers/{symbol}": self._details,
            "/v3/reference/splits": self._splits,
            "/v3/reference/dividends": self._dividends,
            "/v1/marketstatus/now": self._status,
            "/v1/marketstatus/upcoming": self._upcoming,
        }

    async def _tickers(self, request: web.Request) -> web.Response:
        options = options_of(request)
        date = date_of(options["date"]) if "date" in options else self._visible.today
        active = choice_of(options, "active", ("true", "false")) == "true"
        search = options.get("search", "").lower()
        listings = (one for one in self._visible.market.listing() if one.listed <= min(date, self._visible.today))
        rows = [_ticker(one, date) for one in listings if search in f"{one.symbol} {one.name}".lower()]
        asked = {"primary_exchange" if name == "exchange" else name: value for name, value in options.items()}
        fields = ("ticker", "type", "market", "primary_exchange", "cik", "cusip")
        found = [row for row in rows if row["active"] == active and all(matches(row, asked, name) for name in fields)]
        return _list_answer(request, ordered(found, options, TICKER_SORTS), TICKERS_LIMIT)

    async def _details(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        date = date_of(request.query["date"]) if "date" in request.query else self._visible.today
        listing = self._visible.listing(symbol)
        if listing is None or listing.listed > date:
            raise NotFoundError("Ticker not found.")
        results = {
            **_ticker(listing, date),
            "ticker_root": symbol,
            "list_date": str(listing.listed),
            "round_lot": 100,
            **({"sic_code": listing.sic_code} if listing.sic_code else {}),
            **({"sic_description": listing.sic_description} if listing.sic_description else {}),
            **(self._size(symbol, date) if listing.kind == "CS" else {}),
        }
        return json_response({"request_id": request_id(request), "results": results, "status": "OK"})

    def _size(self, symbol: str, date: dt.date) -> dict[str, float]:
        """Return shares outstanding and market value at the last close by a date; nothing where none is known."""
        last = self._visible.last_session(date)
        for session in range(-1 if last is None else last, -1, -1):
            day, shares = self._visible.day(symbol, session), self._visible.market.shares(symbol, session)
            if math.isnan(shares):
                break
            if len(day):
                names = ("share_class_shares_outstanding", "weighted_shares_outstanding")
                return {**dict.fromkeys(names, round(shares)), "market_cap": round(shares * float(day.close[0]), 2)}
        return {}

    async def _splits(self, request: web.Request) -> web.Response:
        options = options_of(request)
        known = self._visible.today + ANNOUNCED
        rows: list[dict[str, Any]] = [
            {
                "execution_date": str(split.date),
                "id": _action_id("split", symbol, split.date),
                "split_from": split.old,
                "split_to": split.new,
                "ticker": symbol,
            }
            for symbol in self._asked(options)
            for split in self._visible.market.splits(symbol)
            if split.date <= known
        ]
        if "reverse_split" in options:
            reverse = choice_of(options, "reverse_split", ("true", "false")) == "true"
            rows = [row for row in rows if (row["split_from"] > row["split_to"]) == reverse]
        found = [row for row in rows if all(matches(row, options, name) for name in SPLIT_SORTS)]
        return _list_answer(request, ordered(found, _newest_first(options), SPLIT_SORTS), ACTIONS_LIMIT)

    async def _dividends(self, request: web.Request) -> web.Response:
        options = options_of(request)
        rows = [
            {
                "cash_amount": dividend.amount,
                "currency": "USD",
                "declaration_date": str(dividend.declared),
                "dividend_type": "CD",
                "ex_dividend_date": str(dividend.ex_date),
                "frequency": 4,
                "id": _action_id("dividend", symbol, dividend.ex_date),
                "pay_date": str(dividend.pay_date),
                "record_date": str(dividend.record_date),
                "ticker": symbol,
            }
            for symbol in self._asked(options)
            for dividend in self._visible.market.dividends(symbol)
            if dividend.declared <= self._visible.today
        ]
        fields = (*DIVIDEND_DATES, "ticker", "dividend_type")
        found = [row for row in rows if all(matches(row, options, name) for name in fields)]
        sorts = (*DIVIDEND_DATES, "ticker")
        return _list_answer(request, ordered(found, _newest_first(options), sorts), ACTIONS_LIMIT)

    def _asked(self, options: Mapping[str, str]) -> Iterable[str]:
        """Return the symbols to look at: the one that is asked for, else all that are named."""
        if "ticker" in options:
            return [options["ticker"]] if self._visible.listing(options["ticker"]) else []
        return [one.symbol for one in self._visible.market.listing()]

    async def _status(self, _: web.Request) -> web.Response:
        state, early, late = self._visible.trading
        return json_response(
            {
                "market": state,
                "earlyHours": early,
                "afterHours": late,
                "serverTime": self._visible.now.isoformat(timespec="seconds"),
                "exchanges": dict.fromkeys(("nyse", "nasdaq", "otc"), state),
                "currencies": {"crypto": "open", "fx": "open"},
            }
        )

    async def _upcoming(self, _: web.Request) -> web.Response:
        today = self._visible.today
        days = [today + dt.timedelta(days=at) for at in range(366)]
        sessions = {day.date: day for day in session_grid(days[0], days[-1]).sessions}
        rows = [row for date in days if date.weekday() < 5 for row in _holiday(date, sessions.get(date))]
        return json_response(rows)


def _ticker(listing: Listing, date: dt.date) -> dict[str, Any]:
    """Return a row of the list of tickers as of a date."""
    gone = listing.delisted is not None and listing.delisted < date
    index = listing.kind == "INDEX"
    return {
        "ticker": listing.symbol,
        "name": listing.name,
        "market": "indices" if index else "stocks",
        "locale": "us",
        **({} if index else {"primary_exchange": EXCHANGE_CODE}),
        "type": listing.kind,
        "active": not gone,
        "currency_name": "usd",
        "last_updated_utc": f"{date}T00:00:00Z",
        **({"delisted_utc": f"{listing.delisted}T00:00:00Z"} if gone else {}),
    }


def _list_answer(request: web.Request, rows: list[dict[str, Any]], limit: int) -> web.Response:
    page, following = list_page(request, rows, limit, MAX_LIMIT)
    counted = {"count": len(page), "results": page, "status": "OK", "request_id": request_id(request)}
    return json_response({**counted, **following})


def _newest_first(options: Mapping[str, str]) -> Mapping[str, str]:
    return {"order": "desc", **options}


def _action_id(kind: str, symbol: str, date: dt.date) -> str:
    return f"E{uuid.uuid5(NAMESPACE, f'{kind}/{symbol}/{date}').hex}"


def _holiday(date: dt.date, session: Session | None) -> list[dict[str, str]]:
    """Return what is special about a weekday, for each exchange; nothing on a full day."""
    if session is not None and session.n_minutes == FULL_DAY:
        return []
    row = {"date": str(date), "name": _holiday_name(date), "status": "closed"}
    if session is not None:
        hours = {"open": moment(session.open_minute), "close": moment(session.close_minute)}
        times = {word: f"{time:%Y-%m-%dT%H:%M:%S.000Z}" for word, time in hours.items()}
        row |= {"status": "early-close", **times}
    return [{**row, "exchange": exchange} for exchange in ("NYSE", "NASDAQ")]


def _holiday_name(date: dt.date) -> str:
    if date.month == 1 and date.day <= 2:
        return "New Years Day"
    name, first, last = HOLIDAYS.get(date.month, ("", 0, 0))
    return name if first <= date.day <= last else "Market Holiday"
