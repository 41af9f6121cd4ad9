"""Minute bars from Polygon (Massive) by the vendor's own REST client."""

import datetime as dt
import json
import logging
from typing import Any

import pyarrow as pa
import urllib3
from polygon import RESTClient
from polygon.exceptions import BadResponse

from daytrader_ray.adapters.store import BAR_SCHEMA
from daytrader_ray.domain.errors import FeedError

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
PAGE_LIMIT = 50_000

_FIELDS = {
    "timestamp": "timestamp",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "vwap": "vwap",
    "trades": "transactions",
}


def client(base_url: str, api_key: str, read_seconds: float = READ_SECONDS) -> RESTClient:
    """Return the vendor's client for `base_url`, with the two guards that it lacks.

    polygon-api-client 1.16 keeps its timeouts to itself (they are set on its pool here) and takes an answer that is
    no JSON for an empty one (an error here).
    """
    logging.getLogger("RESTClient").setLevel(logging.CRITICAL)
    made = RESTClient(api_key, base=base_url.rstrip("/"), retries=3, custom_json=_StrictJson())
    made.client.connection_pool_kw["timeout"] = urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)
    return made


def minute_bars(vendor: RESTClient, symbol: str, start: dt.date, end: dt.date) -> pa.Table:
    """Return the raw (unadjusted) one-minute bars of the days `start` to `end` as sent, extended hours included.

    Columns of `BAR_SCHEMA`; a value that the vendor left out is null. `FeedError` where they cannot be had.
    """
    try:
        pages = vendor.list_aggs(symbol, 1, "minute", start, end, adjusted=False, sort="asc", limit=PAGE_LIMIT)
        bars = list(pages)
    except BadResponse as error:
        raise _refused(symbol, str(error)) from None
    except urllib3.exceptions.HTTPError as error:
        raise _unreachable(vendor.BASE, symbol, error) from None
    columns = {name: [getattr(bar, field) for bar in bars] for name, field in _FIELDS.items()}
    columns["timestamp"] = pa.array(columns["timestamp"], pa.timestamp("ms", "UTC"))
    columns["symbol"] = [symbol] * len(bars)
    return pa.table({name: _column(columns[name], name) for name in BAR_SCHEMA.names}, schema=BAR_SCHEMA)


class _StrictJson:
    """The json module as the client uses it, with an error that the client does not swallow."""

    def loads(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            raise FeedError(
                f"the market data vendor sent an answer that is no JSON: {text[:60]!r}",
                "try again later; a proxy in between may answer in the vendor's place",
            ) from None


def _column(values: Any, name: str) -> pa.Array:
    if isinstance(values, pa.Array):
        return values.cast(BAR_SCHEMA.field(name).type)
    return pa.array(values, BAR_SCHEMA.field(name).type)


def _refused(symbol: str, body: str) -> FeedError:
    try:
        answer = json.loads(body)
        reason = answer.get("error") or answer.get("message") or answer.get("status") or body
    except (ValueError, AttributeError):
        reason = body
    return FeedError(
        f"{symbol}: the market data vendor refused: {str(reason)[:200]}",
        "check POLYGON_API_KEY (or MASSIVE_API_KEY) and that your plan includes minute bars of these dates",
    )


def _unreachable(base: str, symbol: str, error: urllib3.exceptions.HTTPError) -> FeedError:
    reason = getattr(error, "reason", None) or error
    text = str(reason)
    if "429" in text:
        hint = "the vendor limits requests a minute: wait and run the same command again, it resumes"
    else:
        hint = "check the address and the network, then run the same command again, it resumes"
    return FeedError(f"{symbol}: no answer from {base}: {type(reason).__name__}: {text[:160]}", hint)
