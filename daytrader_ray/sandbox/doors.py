"""What all REST doors of the exchange share: JSON, keys, refusals in the vendor's words, cursors of pages."""

import base64
import datetime as dt
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web

from daytrader_ray.sandbox.orders import NAMESPACE, Refusal

NEW_YORK = ZoneInfo("America/New_York")
MINUTE_MS = 60_000
EARLIEST, LATEST = dt.date(1970, 1, 1), dt.date(2200, 1, 1)
FOREVER = 2**62
"""Later than any time, in any unit, and far from the end of 64 bits."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Row = TypeVar("Row")


class BadQueryError(ValueError):
    """A query that the vendor would refuse; the text is its answer."""


class NotFoundError(LookupError):
    """Something asked for by name that is not there; the text is the vendor's answer."""


def json_response(body: object, status: int = 200) -> web.Response:
    """Return `body` as JSON; floats are written so that reading them gives the same bits."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def polygon_door(handler: Handler) -> Handler:
    """Return `handler` behind the key check of Polygon, its refusals written as Polygon writes them."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not polygon_key(request):
            return polygon_error(401, "Unknown API Key")
        try:
            return await handler(request)
        except BadQueryError as error:
            return polygon_error(400, str(error))
        except NotFoundError as error:
            return polygon_error(404, str(error))

    return guarded


def alpaca_door(handler: Handler) -> Handler:
    """Return `handler` behind the key check of Alpaca, its refusals written as Alpaca writes them."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not (request.headers.get("APCA-API-KEY-ID") and request.headers.get("APCA-API-SECRET-KEY")):
            return alpaca_error(Refusal(401, 40110000, "request is not authorized"))
        try:
            return await handler(request)
        except BadQueryError as error:
            return alpaca_error(Refusal(400, 40010000, str(error)))

    return guarded


def alpaca_error(refusal: Refusal) -> web.Response:
    """Return a refusal as Alpaca writes it."""
    return json_response(refusal.body(), refusal.http_status)


def polygon_key(request: web.Request) -> str:
    """Return the API key of a request, empty where it has none."""
    return request.headers.get("Authorization", "").removeprefix("Bearer").strip() or request.query.get("apiKey", "")


def polygon_error(status: int, text: str) -> web.Response:
    """Return an error as Polygon words it for an HTTP status."""
    name = {403: "NOT_AUTHORIZED", 404: "NOT_FOUND"}.get(status, "ERROR")
    word = "error" if name == "ERROR" else "message"
    return json_response({"status": name, "request_id": uuid.uuid5(NAMESPACE, text).hex, word: text}, status)


def request_id(request: web.Request) -> str:
    """Return the id of a request: the same request has the same one."""
    return uuid.uuid5(NAMESPACE, request.path_qs).hex


def options_of(request: web.Request) -> Mapping[str, str]:
    """Return the query of a request; a `cursor` in it stands for all of them."""
    cursor = request.query.get("cursor")
    return request.query if cursor is None else read_cursor(cursor)


def write_cursor(options: Mapping[str, str | int]) -> str:
    """Write options as one word for a URL."""
    return base64.urlsafe_b64encode(urlencode(options).encode()).decode().rstrip("=")


def read_cursor(text: str) -> dict[str, str]:
    """Read what `write_cursor` wrote; `BadQueryError` where it is something else."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        return dict(parse_qsl(plain, strict_parsing=True, keep_blank_values=True))
    except ValueError:
        raise BadQueryError(f"not a cursor of ours: {text!r}") from None


def next_url(request: web.Request, options: Mapping[str, str | int], path: str = "") -> str:
    """Return the address of the next page: `path` (the request's own where empty) and a cursor with all options."""
    return f"http://{request.host}{path or request.path}?cursor={write_cursor(options)}"


def limit_of(options: Mapping[str, str], default: int, most: int) -> int:
    """Return the `limit` of a query."""
    text = options.get("limit", str(default))
    if not is_number(text) or not 1 <= int(text) <= most:
        raise BadQueryError(f"limit must be 1 to {most}, found {text!r}")
    return int(text)


def offset_of(options: Mapping[str, str]) -> int:
    """Return how many rows the pages before held."""
    text = options.get("offset", "0")
    if not is_number(text):
        raise BadQueryError(f"not a cursor of ours: offset {text!r}")
    return int(text)


def choice_of(options: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """Return an option that is one of `choices`, the first where it is not given."""
    found = options.get(name, choices[0])
    if found not in choices:
        raise BadQueryError(f"{name} must be one of {', '.join(choices)}, found {found!r}")
    return found


def date_of(text: str) -> dt.date:
    """Return a date written YYYY-MM-DD; one far off is as good as the nearest of `EARLIEST` and `LATEST`."""
    try:
        return min(max(dt.date.fromisoformat(text), EARLIEST), LATEST)
    except ValueError:
        raise BadQueryError(f"expected a date YYYY-MM-DD, found {text!r}") from None


def midnight_ms(date: dt.date) -> int:
    """Return the first millisecond of a day of New York."""
    return int(dt.datetime(date.year, date.month, date.day, tzinfo=NEW_YORK).timestamp()) * 1000


def list_page(
    request: web.Request, rows: Sequence[Row], default: int, most: int
) -> tuple[Sequence[Row], dict[str, str]]:
    """Return one page of `rows` and, where more follow, its `next_url` for the body."""
    options = options_of(request)
    limit, offset = limit_of(options, default, most), offset_of(options)
    page = rows[offset : offset + limit]
    if offset + limit >= len(rows):
        return page, {}
    return page, {"next_url": next_url(request, {**options, "offset": offset + limit})}


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gte": lambda found, asked: bool(found >= asked),
    "gt": lambda found, asked: bool(found > asked),
    "lte": lambda found, asked: bool(found <= asked),
    "lt": lambda found, asked: bool(found < asked),
    "any_of": lambda found, asked: found in asked.split(","),
}


def matches(row: Mapping[str, Any], options: Mapping[str, str], field: str) -> bool:
    """Return whether the text `row[field]` passes the filters `field`, `field.gte`, ... of a query."""
    found = row.get(field)
    if field in options and found != options[field]:
        return False
    asked = (
        (compare, options[f"{field}.{name}"]) for name, compare in _COMPARISONS.items() if f"{field}.{name}" in options
    )
    return all(found is not None and compare(found, value) for compare, value in asked)


def ordered(rows: list[dict[str, Any]], options: Mapping[str, str], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows by the `sort` field of a query (the first of `fields` where not given) in its `order`."""
    field = choice_of(options, "sort", fields)
    rows.sort(key=lambda row: (str(row.get(field, "")), row["ticker"]), reverse=options.get("order") == "desc")
    return rows


def is_number(text: str) -> bool:
    """Return whether a text is a whole number of at most 19 digits."""
    return re.fullmatch(r"[0-9]{1,19}", text) is not None


def time_number(text: str) -> int:
    """Return a time that `is_number`, at most `FOREVER`."""
    return min(int(text), FOREVER)
