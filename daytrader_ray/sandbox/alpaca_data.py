"""Market data of stocks as Alpaca's REST answers: bars, trades, quotes, the latest of each, snapshots."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from aiohttp import web

from daytrader_ray.sandbox.bar_pages import BarQuery, bar_page
from daytrader_ray.sandbox.bars import Bars
from daytrader_ray.sandbox.doors import (
    FOREVER,
    BadQueryError,
    Handler,
    alpaca_door,
    choice_of,
    date_of,
    is_number,
    json_response,
    limit_of,
    midnight_ms,
    read_cursor,
    write_cursor,
)
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.polygon_ticks import last_tick
from daytrader_ray.sandbox.source import Quotes, Trades
from daytrader_ray.sandbox.tick_pages import Feed, Int64, Place, TickQuery, tick_page
from daytrader_ray.sandbox.visible import Visible
from daytrader_ray.sandbox.windows import MONDAY, Window

DEFAULT_LIMIT, MAX_LIMIT = 1_000, 10_000
MS_NS = 1_000_000
TIMEFRAME = re.compile(r"(\d{1,2})(Min|T|Hour|H|Day|D|Week|W|Month|M)")
SPAN_OF = {
    **{"Min": "minute", "Hour": "hour", "Day": "day", "Week": "week", "Month": "month"},
    **{"T": "minute", "H": "hour", "D": "day", "W": "week", "M": "month"},
}
VENUE, TAPE = "V", "C"
BAR_FIELDS = ("t", "o", "h", "l", "c", "vw", "v", "n")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one page is asked for: symbols by name, a range in ns (inclusive), rows, order, and where to go on."""

    symbols: Sequence[str]
    start: int
    end: int
    limit: int
    descending: bool
    symbol: str
    """The symbol to go on with, empty on the first page."""
    after: Mapping[str, str]
    """Where inside that symbol."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one symbol on one page, and where the next page goes on; empty where the symbol has no more."""

    rows: list[Json]
    following: dict[str, str | int]


Reader = Callable[[str, Asked, int], Part]
"""Reads at most so many rows of a symbol, which goes on where `Asked` says."""


def bar_rows(bars: Bars) -> list[Json]:
    """Write bars as Alpaca has them."""
    columns = (bars.open, bars.high, bars.low, bars.close, bars.vwap)
    whole = (bars.volume.astype(np.int64), bars.trades.astype(np.int64))
    values = zip(_stamps(bars.start, "ms", "s"), *(column.tolist() for column in (*columns, *whole)), strict=True)
    return [
        {"t": t, "o": o, "h": h, "l": low, "c": c, "vw": vw, "v": v, "n": n} for t, o, h, low, c, vw, v, n in values
    ]


def trade_rows(_: str, ticks: Trades, at: Int64, sequence: Sequence[int]) -> list[Json]:
    """Write trades as Alpaca has them."""
    sizes = ticks.size[at].astype(np.int64).tolist()
    values = zip(_stamps(ticks.stamp_ns[at], "ns", "ns"), ticks.price[at].tolist(), sizes, sequence, strict=True)
    return [{"t": t, "x": VENUE, "p": p, "s": s, "c": ["@"], "i": i, "z": TAPE} for t, p, s, i in values]


def quote_rows(_: str, ticks: Quotes, at: Int64, sequence: Sequence[int]) -> list[Json]:
    """Write quotes as Alpaca has them."""
    sides = (ticks.bid[at].tolist(), ticks.ask[at].tolist())
    sizes = (x[at].astype(np.int64).tolist() for x in (ticks.bid_size, ticks.ask_size))
    values = zip(_stamps(ticks.stamp_ns[at], "ns", "ns"), *sides, *sizes, sequence, strict=True)
    venues = {"ax": VENUE, "bx": VENUE, "c": ["R"], "z": TAPE}
    return [{"t": t, "bp": bp, "ap": ap, "bs": bs, "as": size, **venues} for t, bp, ap, bs, size, _ in values]


TRADES, QUOTES = Feed(quotes=False, rows=trade_rows), Feed(quotes=True, rows=quote_rows)


class AlpacaData:
    """Routes of the market-data REST over one exchange; nothing shows before it is over at the exchange's time."""

    def __init__(self, exchange: Exchange) -> None:
        self._visible = Visible(exchange)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount: each for many symbols, and for one that is in the path."""
        latest: dict[str, Callable[[str], Json | None]] = {
            "bar": self._latest_bar,
            "trade": lambda symbol: last_tick(self._visible, symbol, TRADES),
            "quote": lambda symbol: last_tick(self._visible, symbol, QUOTES),
        }
        handlers: dict[str, Handler] = {}
        for word, read in latest.items():
            pages, last = self._pages(f"{word}s"), self._latest(word, read)
            handlers |= {f"{word}s": pages, f"{{symbol}}/{word}s": pages}
            handlers |= {f"{word}s/latest": last, f"{{symbol}}/{word}s/latest": last}
        handlers |= {"snapshots": self._snapshots, "{symbol}/snapshot": self._snapshot_of_one}
        return [web.get(f"/v2/stocks/{path}", alpaca_door(handler)) for path, handler in handlers.items()]

    def _pages(self, word: str) -> Handler:
        async def pages(request: web.Request) -> web.Response:
            asked = self._asked(request)
            reader = self._bars(request) if word == "bars" else self._ticks(TRADES if word == "trades" else QUOTES)
            found, token = _gather(asked, reader)
            body: Json = {"next_page_token": token}
            if "symbol" in request.match_info:
                symbol = request.match_info["symbol"]
                return json_response({"symbol": symbol, word: found.get(symbol, []), **body})
            return json_response({word: found, **body})

        return pages

    def _latest(self, word: str, read: Callable[[str], Json | None]) -> Handler:
        async def latest(request: web.Request) -> web.Response:
            found = {symbol: row for symbol in self._symbols(request) if (row := read(symbol))}
            if "symbol" in request.match_info:
                symbol = request.match_info["symbol"]
                if symbol not in found:
                    raise BadQueryError(f"no {word} found for {symbol}")
                return json_response({"symbol": symbol, word: found[symbol]})
            return json_response({f"{word}s": found})

        return latest

    async def _snapshots(self, request: web.Request) -> web.Response:
        return json_response({symbol: self._snapshot(symbol) for symbol in self._symbols(request)})

    async def _snapshot_of_one(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        if symbol not in self._symbols(request):
            raise BadQueryError(f"no snapshot found for {symbol}")
        return json_response({"symbol": symbol, **self._snapshot(symbol)})

    def _snapshot(self, symbol: str) -> Json:
        visible = self._visible
        session = visible.last_session(visible.today)
        days = [] if session is None else [visible.day(symbol, at) for at in (session, session - 1) if at >= 0]
        rows = [rows[0] if (rows := bar_rows(day)) else None for day in days]
        body = {
            "latestTrade": last_tick(visible, symbol, TRADES),
            "latestQuote": last_tick(visible, symbol, QUOTES),
            "minuteBar": self._latest_bar(symbol),
            **dict(zip(("dailyBar", "prevDailyBar"), rows, strict=False)),
        }
        return {name: value for name, value in body.items() if value is not None}

    def _latest_bar(self, symbol: str) -> Json | None:
        session = self._visible.last_session(self._visible.today)
        bars = Bars.concatenate([]) if session is None else self._visible.bars(symbol, session)
        return bar_rows(bars.part(len(bars) - 1, len(bars)))[0] if len(bars) else None

    def _symbols(self, request: web.Request) -> list[str]:
        """Return those of the symbols asked for that are stocks or funds here, by name."""
        text = request.match_info.get("symbol") or request.query.get("symbols", "")
        if not text:
            raise BadQueryError("symbols is required")
        listings = (self._visible.listing(symbol.strip()) for symbol in text.split(","))
        return sorted({one.symbol for one in listings if one is not None and one.kind != "INDEX"})

    def _asked(self, request: web.Request) -> Asked:
        query, visible = request.query, self._visible
        after = read_cursor(query["page_token"]) if query.get("page_token") else {}
        return Asked(
            symbols=self._symbols(request),
            start=_time_ns(query["start"]) if query.get("start") else midnight_ms(visible.today) * MS_NS,
            end=_time_ns(query["end"]) if query.get("end") else int(visible.now.timestamp()) * 1_000_000_000,
            limit=limit_of(query, DEFAULT_LIMIT, MAX_LIMIT),
            descending=choice_of(query, "sort", ("asc", "desc")) == "desc",
            symbol=after.get("symbol", ""),
            after=after,
        )

    def _bars(self, request: web.Request) -> Reader:
        window = _window(request.query.get("timeframe", ""))
        adjusted = choice_of(request.query, "adjustment", ("raw", "split")) == "split"

        def read(symbol: str, asked: Asked, limit: int) -> Part:
            start, end = -(-asked.start // MS_NS), asked.end // MS_NS
            if asked.symbol == symbol and is_number(asked.after.get("reached", "")):
                reached = int(asked.after["reached"])
                start, end = (start, reached - 1) if asked.descending else (reached + 1, end)
            page = bar_page(self._visible, BarQuery(symbol, window, start, end, limit, asked.descending, adjusted))
            bars = page.bars.reversed() if asked.descending else page.bars
            following: dict[str, str | int] = {"symbol": symbol, "reached": int(bars.start[-1])} if page.more else {}
            return Part(bar_rows(bars), following)

        return read

    def _ticks(self, feed: Feed) -> Reader:
        def read(symbol: str, asked: Asked, limit: int) -> Part:
            numbers = [asked.after.get(name, "") for name in ("session", "sequence")]
            resumes = asked.symbol == symbol and all(is_number(number) for number in numbers)
            place = Place(int(numbers[0]), int(numbers[1])) if resumes else None
            query = TickQuery(symbol, asked.start, asked.end, limit, asked.descending, place)
            page = tick_page(self._visible, query, feed)
            if page.following is None:
                return Part(page.rows, {})
            reached = page.following
            return Part(page.rows, {"symbol": symbol, "session": reached.session, "sequence": reached.sequence})

        return read


def _gather(asked: Asked, read: Reader) -> tuple[dict[str, list[Json]], str | None]:
    """Return the rows of each symbol up to the limit of all together, and the token of the next page."""
    found: dict[str, list[Json]] = {}
    left = asked.limit
    symbols = [symbol for symbol in asked.symbols if symbol >= asked.symbol]
    for symbol in symbols:
        if not left:
            return found, write_cursor({"symbol": symbol})
        part = read(symbol, asked, left)
        if part.rows:
            found[symbol] = part.rows
            left -= len(part.rows)
        if part.following:
            return found, write_cursor(part.following)
    return found, None


def _window(text: str) -> Window:
    match = TIMEFRAME.fullmatch(text)
    if match is None or not int(match[1]):
        raise BadQueryError(f"invalid timeframe: {text!r}, expected 1Min, 5Min, 1Hour, 1Day, 1Week, 1Month ...")
    return Window(int(match[1]), SPAN_OF[match[2]], week_start=MONDAY)


def _time_ns(text: str) -> int:
    """Return a time in epoch ns: RFC 3339 (UTC where it names no zone) or a day of New York."""
    try:
        if len(text) == 10:
            return midnight_ms(date_of(text)) * MS_NS
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise BadQueryError(f"invalid time: {text!r}, expected RFC-3339 or YYYY-MM-DD") from None
    time = time if time.tzinfo else time.replace(tzinfo=dt.UTC)
    return min((time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) * 1_000, FOREVER)


def _stamps(values: Int64, given: Literal["ms", "ns"], written: Literal["s", "ns"]) -> list[str]:
    times: npt.NDArray[np.datetime64] = values.astype(f"datetime64[{given}]")
    return [f"{text}Z" for text in np.datetime_as_string(times, unit=written).tolist()]
