"""Polygon (Massive) by REST: the vendor's own client for address, key and connections; waiting and reading are ours.

polygon-api-client 1.16 keeps its timeouts to itself, ends its own retries after 0.6 s, takes an answer that is no
JSON for an empty one, loses the status of a refusal, and makes a Python object of every bar. Here timeouts are set on
each request, a 429 is waited out at the shared pace, and pages go from JSON to Arrow in one step.
"""

import datetime as dt
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlparse
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import urllib3

try:
    from polygon import RESTClient
except ImportError:  # the same client by the vendor's new name
    from massive import RESTClient

from daytrader_ray.adapters.rate_limit import LONGEST_PAUSE, Pace
from daytrader_ray.adapters.store import BAR_SCHEMA
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.indices import is_index

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
TRIES = 4
FIRST_RETRY_SECONDS = 0.5
PAGE_LIMIT = 50_000

LIMITED = 429
TRANSIENT = frozenset({408, 413, LIMITED, 499, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

NEW_YORK = ZoneInfo("America/New_York")

Day = dt.date | dt.datetime

_ASKED = re.compile(r"/(?:ticker|tickers|trades|quotes)/([^/?]+)|[?&]ticker=([^&]+)")


class NotDeliveredError(FeedError):
    """One thing that cannot be had (not in the plan, broken at the vendor) where others may."""


class UnknownSymbolError(NotDeliveredError):
    """The vendor knows nothing by this name on this day."""


class Vendor:
    """One connection to the vendor: `get` one answer, or all `pages` of one; named errors only.

    Transient failures (network, timeout, 5xx, JSON cut short) are tried `tries` times with growing pauses. With a
    `pace` every request waits for its permit, and a 429 is told to it and never counts as a try.
    """

    def __init__(
        self,
        rest: RESTClient,
        read_seconds: float = READ_SECONDS,
        tries: int = TRIES,
        pace: Pace | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rest = rest
        self._timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)
        self._tries = tries
        self._pace = pace
        self._sleep = sleep

    def get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer to one request."""
        return self._get(f"{path}?{urlencode(params)}")

    def _get(self, target: str) -> dict[str, Any]:
        failures = 0
        while True:
            try:
                return self._once(target)
            except _TransientError as error:
                if error.status == LIMITED and self._pace is not None:
                    self._pace.refused(error.retry_after)
                    continue
                failures += 1
                if failures >= self._tries:
                    raise _given_up(self._rest.BASE, target, error) from None
                backoff = FIRST_RETRY_SECONDS * 2 ** (failures - 1)
                self._sleep(min(error.retry_after or backoff, LONGEST_PAUSE))

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the `results` of each page; of the next one's address only path and query are used."""
        target = f"{path}?{urlencode(params)}"
        seen = {target}
        while True:
            answer = self._get(target)
            results = answer.get("results") or []
            if not isinstance(results, list):
                raise misread(_subject(target), "'results' is no list")
            yield results
            link = answer.get("next_url")
            if not link:
                return
            parsed = urlparse(str(link))
            target = f"{parsed.path}?{parsed.query}"
            if target in seen:
                raise misread(_subject(target), "the next page is one that came before")
            seen.add(target)

    def _once(self, target: str) -> dict[str, Any]:
        if self._pace is not None:
            self._pace.wait()
        url = self._rest.BASE + target
        try:
            answer = self._rest.client.request(
                "GET", url, headers=self._rest.headers, retries=False, timeout=self._timeout
            )
        except urllib3.exceptions.HTTPError as error:
            raise _TransientError(f"{type(error).__name__}: {str(error)[:160]}") from None
        if self._pace is not None and answer.status != LIMITED:
            self._pace.answered()
        if answer.status in TRANSIENT:
            raise _TransientError(f"HTTP status {answer.status}", answer.status, _retry_after(answer.headers))
        if answer.status != 200:
            raise _refused(target, answer.status, answer.data)
        try:
            decoded = orjson.loads(answer.data)
        except ValueError:
            text = answer.data[:60].decode(errors="replace")
            raise _TransientError(f"an answer that is no JSON: {text!r}", answer.status) from None
        if not isinstance(decoded, dict):
            raise misread(_subject(target), f"expected an object, found {type(decoded).__name__}")
        return decoded


class _TransientError(Exception):
    """A failure that may pass."""

    def __init__(self, text: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


def client(
    base_url: str,
    api_key: str,
    read_seconds: float = READ_SECONDS,
    tries: int = TRIES,
    pace: Pace | None = None,
    make: Callable[..., RESTClient] = RESTClient,
) -> Vendor:
    """Return a connection to the vendor at `base_url`; `make` is the client of polygon-api-client or of massive."""
    logging.getLogger("RESTClient").setLevel(logging.CRITICAL)
    return Vendor(make(api_key, base=base_url.rstrip("/")), read_seconds, tries, pace)


def minute_bars(vendor: Vendor, symbol: str, start: Day, end: Day) -> pa.Table:
    """Return the raw (unadjusted) one-minute bars from `start` to `end` as sent, extended hours included.

    Ends are days of New York, or moments (both included, to the ms). Columns of `BAR_SCHEMA`; a value that the vendor
    left out is null; an index has volume 0. `FeedError` where they cannot be had.
    """
    table = aggregates(vendor, symbol, "minute", start, end)
    columns = {"timestamp": table["t"].cast(pa.timestamp("ms", "UTC")), **price_columns(table, symbol)}
    columns["symbol"] = pa.repeat(pa.scalar(symbol, pa.string()), table.num_rows)
    return typed(columns, BAR_SCHEMA, symbol)


def aggregates(vendor: Vendor, symbol: str, timespan: str, start: Day, end: Day) -> pa.Table:
    """Return unadjusted aggregates as the vendor names their columns: t (ms), o, h, l, c, v, vw, n.

    One that starts outside the range asked for makes the whole answer one that cannot be read.
    """
    path = f"/v2/aggs/ticker/{quote(symbol, safe=':')}/range/1/{timespan}/{_edge(start)}/{_edge(end)}"
    pages = vendor.pages(path, {"adjusted": "false", "sort": "asc", "limit": str(PAGE_LIMIT)})
    table = pa.concat_tables([_AGGREGATE.empty_table(), *(read(page, _AGGREGATE, symbol) for page in pages)])
    ends = pc.min_max(table["t"]).as_py()
    if ends["min"] is not None and not _ms(start) <= ends["min"] <= ends["max"] < _ms(end, after=True):
        raise misread(symbol, f"bars from {ends['min']} to {ends['max']} (ms), asked for {start} to {end}")
    return table


def read(rows: list[dict[str, Any]], schema: pa.Schema, symbol: str) -> pa.Table:
    """Return rows of an answer as a table: keys that are missing become null, others are ignored."""
    try:
        return pa.Table.from_struct_array(pa.array(rows, pa.struct(list(schema)))).cast(schema)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise misread(symbol, str(error).splitlines()[0]) from None


def typed(columns: Mapping[str, Any], schema: pa.Schema, symbol: str) -> pa.Table:
    """Return columns as a table of `schema`, dates from their text; a value that does not fit is a named error."""
    try:
        return pa.table({field.name: _cast(columns[field.name], field.type) for field in schema}).combine_chunks()
    except pa.ArrowException as error:
        raise misread(symbol, str(error).splitlines()[0]) from None


def _cast(values: Any, kind: pa.DataType) -> Any:
    if pa.types.is_date(kind) and pa.types.is_string(values.type):
        return pc.strptime(values, format="%Y-%m-%d", unit="s").cast(kind)
    return values.cast(kind)


_AGGREGATE = pa.schema([("t", pa.int64()), *((name, pa.float64()) for name in ("o", "h", "l", "c", "v", "vw", "n"))])


def price_columns(table: pa.Table, symbol: str) -> dict[str, Any]:
    """Return prices, volume, vwap and trades of a table of aggregates by their names in the store."""
    names = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vw": "vwap", "n": "trades"}
    found = {name: table[key] for key, name in names.items()}
    if is_index(symbol):
        found["volume"] = pc.fill_null(found["volume"], 0.0)
    return found


def _edge(moment: Day) -> str:
    if isinstance(moment, dt.datetime):
        return str(int(moment.timestamp() * 1000))
    return moment.isoformat()


def _ms(moment: Day, *, after: bool = False) -> float:
    """Return the first ms of a day of New York, or with `after` the first that is no longer part of it."""
    if isinstance(moment, dt.datetime):
        return moment.timestamp() * 1000 + after
    day = moment + dt.timedelta(days=after)
    return dt.datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).timestamp() * 1000


def _retry_after(headers: Any) -> float | None:
    text = headers.get("Retry-After")
    if text is None:
        return None
    try:
        return float(urllib3.Retry().parse_retry_after(text))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return None


def _refused(target: str, status: int, body: bytes) -> FeedError:
    try:
        answer = orjson.loads(body)
        reason = answer.get("error") or answer.get("message") or answer.get("status") or ""
    except (ValueError, AttributeError):
        reason = body.decode(errors="replace")
    words = " ".join(str(reason).split())[:200] or f"HTTP status {status}"
    message = f"{_subject(target)}: the market data vendor refused: {words}"
    if status == 401:
        return FeedError(message, "check POLYGON_API_KEY (or MASSIVE_API_KEY)")
    if status == 404:
        return UnknownSymbolError(message, "check the spelling of the symbol")
    return NotDeliveredError(message, "your plan must include these data and dates")


def _given_up(base: str, target: str, error: _TransientError) -> FeedError:
    message = f"{_subject(target)}: no answer from {base}: {error}"
    if error.status == LIMITED:
        return FeedError(message, "the vendor limits requests a minute: wait, then run the same command again")
    if error.status:
        hint = "try again later, the same command goes on; a proxy in between may answer in the vendor's place"
        return NotDeliveredError(message, hint)
    return FeedError(message, "check the address and the network, then run the same command again, it goes on")


def misread(symbol: str, what: str) -> NotDeliveredError:
    """Return the error for an answer about `symbol` that is not what the vendor describes."""
    return NotDeliveredError(
        f"{symbol}: the market data vendor sent what cannot be read: {what}",
        "try again later; if it stays so, the vendor has changed its format",
    )


def _subject(target: str) -> str:
    """Return the symbol that a request asks about, else its path."""
    found = _ASKED.search(target)
    return unquote(next(filter(None, found.groups()))) if found else target.partition("?")[0]
