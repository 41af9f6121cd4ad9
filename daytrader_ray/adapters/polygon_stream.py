"""Polygon's (Massive's) WebSocket: one connection by the vendor's own client, and what its messages mean.

The client is made for one connection and never left to reconnect, because it forgets subscriptions, never pauses and
ends in silence (PROTOCOLS 1.5); `supervisor.Supervisor` does all that.
"""

import asyncio
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlparse

import orjson
from pydantic import SecretStr

from daytrader_ray.adapters.messages import Decoded, Quote, SeenBar, Trade, checked, start_minute
from daytrader_ray.adapters.supervisor import KeyRefusedError, PushedOutError, Supervisor
from daytrader_ray.adapters.waiting import finished
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.indices import is_index

try:
    from polygon import WebSocketClient
    from polygon.exceptions import AuthError
except ImportError:
    from massive import WebSocketClient
    from massive.exceptions import AuthError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ENDS = ("auth_failed", "force_disconnect", "slow_consumer")
_PUSHED_OUT = "max_connections"
_REFUSALS = ("error", "not_authorized")
_NS_PER_MS = 1_000_000
_MS_PER_MINUTE = 60_000
_LEAST_NS = 10**16
"""Stamps from here on count nanoseconds: in ms it would be the year 318,857."""
_PER_FRAME = 64 << 20


class PolygonLink:
    """One connection at a time to `stream_url` (ws(s)://HOST/stocks or /indices).

    It is ready once all `channels` are confirmed; `extras` are subscribed too and may be refused.
    """

    def __init__(self, stream_url: str, key: SecretStr, channels: Sequence[str], extras: Sequence[str] = ()) -> None:
        self._host, self._market, self._secure = _address(stream_url)
        self._key, self._channels, self._extras = key, frozenset(channels), frozenset(extras)
        self._options: dict[str, Any] = {"max_size": _PER_FRAME, "reconnect_delays": _one_try}
        if urlparse(stream_url).hostname in _LOOPBACK:
            self._options["proxy"] = None

    @staticmethod
    def decode(raw: str | bytes) -> Decoded:
        """Read one frame; what cannot be understood is counted, never raised."""
        return decode(raw)

    async def __call__(self, line: Supervisor) -> str:
        """Connect, subscribe, hand every frame to `line` until the connection ends; return or raise why it did."""
        logging.getLogger("WebSocketClient").setLevel(logging.CRITICAL)  # it writes to stdout
        client = WebSocketClient(
            self._key.get_secret_value(),
            feed=self._host,
            market=self._market,
            raw=True,
            secure=self._secure,
            max_reconnects=0,
            subscriptions=sorted(self._channels | self._extras),
        )
        waiting = set(self._channels)

        async def on_message(raw: str | bytes) -> None:
            statuses = list(_statuses(raw))
            for message in statuses:
                line.complaint = _judge(message, waiting) or line.complaint
            if not line.up and not waiting:
                line.ready()
            line.frame(raw, not statuses)

        try:
            await client.connect(on_message, **self._options)
        except AuthError as error:
            raise KeyRefusedError(f"the key was refused ({error})") from None
        finally:
            if client.websocket is not None:
                await finished(asyncio.create_task(client.websocket.close()), 1.0)
        return "the server closed the stream"


def decode(raw: str | bytes) -> Decoded:
    """Read one frame; what cannot be understood is counted, never raised."""
    found = Decoded()
    try:
        messages = orjson.loads(raw)
    except orjson.JSONDecodeError:
        messages = None
    if not isinstance(messages, list):
        found.corrupt += 1
        return found
    for message in messages:
        try:
            _read(message, found)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            found.corrupt += 1
    return found


def indices_url(stream_url: str) -> str:
    """Return the address of the indices' stream beside that of the stocks."""
    return f"{stream_url.removesuffix('/stocks')}/indices"


def _read(message: Mapping[str, Any], found: Decoded) -> None:
    reader = _READERS.get(message["ev"])
    if reader is not None:
        reader(message, found)
    elif message["ev"] != "status":
        found.unknown += 1


def _bar(message: Mapping[str, Any], found: Decoded) -> None:
    vwap, day = message.get("vw"), message.get("av")
    volume = float(message.get("v") or 0.0) if is_index(message["sym"]) else float(message["v"])
    found.bars.append(
        SeenBar(
            message["sym"], start_minute(int(message["s"]), _MS_PER_MINUTE),
            float(message["o"]), float(message["h"]), float(message["l"]), float(message["c"]), volume,
            math.nan if vwap is None else float(vwap), None,
            math.nan if day is None else float(day),
        )
    )  # fmt: skip


def _quote(message: Mapping[str, Any], found: Decoded) -> None:
    found.quotes.append(
        Quote(
            str(message["sym"]), _stamp(message) * _NS_PER_MS,
            float(message.get("bp") or 0.0), float(message.get("ap") or 0.0),
            float(message.get("bs") or 0.0), float(message.get("as") or 0.0),
        )
    )  # fmt: skip


def _trade(message: Mapping[str, Any], found: Decoded) -> None:
    conditions = tuple(int(code) for code in message.get("c") or ())
    found.trades.append(
        Trade(
            str(message["sym"]),
            _stamp(message) * _NS_PER_MS,
            float(message["p"]),
            float(message["s"]),
            conditions,
        )
    )


def _stamp(message: Mapping[str, Any]) -> int:
    return checked(int(message["t"]), _MS_PER_MINUTE)


def _bands(message: Mapping[str, Any], found: Decoded) -> None:
    indicators = [int(code) for code in message.get("i") or ()]
    for code, halted in ((_PAUSED, True), (_RESUMED, False)):
        if code in indicators:
            found.halts.append((str(message["T"]), halted, _moment(message)))


def _moment(message: Mapping[str, Any]) -> int:
    """Return the epoch minute of a LULD message: documented in ms, but the vendor's own sample has ns."""
    stamp = int(message["t"])
    return checked(stamp if stamp < _LEAST_NS else stamp // _NS_PER_MS, _MS_PER_MINUTE) // _MS_PER_MINUTE


_PAUSED, _RESUMED = 17, 18
"""Indicators of a LULD message for a trading pause and its end; the vendor sends both only for stocks of NASDAQ.

Other LULD messages only move the bands. A bar also ends a pause, whatever was said.
"""

_READERS: dict[str, Callable[[Mapping[str, Any], Decoded], None]] = {
    "AM": _bar, "Q": _quote, "T": _trade, "LULD": _bands,
}  # fmt: skip


def _statuses(raw: str | bytes) -> Iterator[Mapping[str, Any]]:
    """Return the status messages of a frame; frames without any are not parsed here."""
    if ("status" if isinstance(raw, str) else b"status") not in raw:  # type: ignore[operator] # of one kind
        return
    try:
        messages = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict) and message.get("ev") == "status":
            yield message


def _judge(message: Mapping[str, Any], waiting: set[str]) -> str:
    """Strike what is confirmed off `waiting`; return what the server refuses, raise what ends the connection."""
    status, text = str(message.get("status")), str(message.get("message", ""))
    if status == "success":
        waiting.discard(text.removeprefix("subscribed to:").strip())
    elif status == _PUSHED_OUT:
        raise PushedOutError(f"the server says {status}: {text}")
    elif status in _ENDS:
        raise FeedError(f"the server says {status}: {text}")
    return f"the server says {status}: {text}" if status in _REFUSALS else ""


def _one_try() -> Iterator[float]:
    """End the client's own endless loop over connections that cannot be opened, with the reason."""
    error = sys.exc_info()[1]
    raise FeedError(f"no connection ({type(error).__name__}: {error})")


def _address(stream_url: str) -> tuple[str, str, bool]:
    """Split `wss://host/path/stocks` into what the client calls feed (`host/path`) and market, and `is encrypted`."""
    url = urlparse(stream_url)
    path, _, market = url.path.rpartition("/")
    if url.scheme not in ("ws", "wss") or market not in ("stocks", "indices"):
        raise FeedError(f"stream URL: expected ws(s)://HOST/stocks, found {stream_url}")
    return url.netloc + path, market, url.scheme == "wss"
