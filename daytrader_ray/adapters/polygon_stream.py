"""The market-data port over Polygon's WebSocket client: minute bars (`AM`) of the subscribed symbols.

The client gives raw messages, which are parsed here; `async with` returns once every subscription is confirmed. A
connection that ends is reported by the next call and never silently replaced (PROTOCOLS 1.5, W1 and W5).
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlparse

import orjson
from polygon import WebSocketClient
from polygon.exceptions import AuthError
from pydantic import Field, SecretStr
from websockets.exceptions import WebSocketException

from daytrader_ray.adapters.waiting import Arrivals, finished
from daytrader_ray.domain.config import Config
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.ports import LiveBar

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_REFUSALS = ("error", "auth_failed", "max_connections", "force_disconnect", "not_authorized")
_MS_PER_MINUTE = 60_000


class FeedConfig(Config):
    """Where the stream is and how long to wait for it."""

    stream_url: str
    key: SecretStr
    ready_seconds: float = Field(default=15.0, gt=0, description="for the subscriptions to be confirmed")
    bar_seconds: float = Field(default=25.0, gt=0, description="for a bar that must come")


class PolygonFeed:
    """Minute bars as they arrive: `async with PolygonFeed(config, symbols) as feed`."""

    def __init__(self, config: FeedConfig, symbols: Sequence[str]) -> None:
        self._config = config
        self._wanted = {f"AM.{symbol}" for symbol in symbols}
        feed, secure = _feed(config.stream_url)
        self._client = WebSocketClient(
            config.key.get_secret_value(),
            feed=feed,
            market="stocks",
            raw=True,
            secure=secure,
            max_reconnects=0,
            subscriptions=sorted(self._wanted),
        )
        self._arrivals = Arrivals()
        self._task: asyncio.Task[None] | None = None
        self._failure = ""
        self._n_bars = 0
        self._queue: list[LiveBar] = []

    async def __aenter__(self) -> Self:
        """Connect and wait until every subscription is confirmed."""
        self._task = asyncio.create_task(self._run(), name="polygon stream")
        try:
            await self._arrivals.until(lambda: bool(self._failure) or not self._wanted, self._config.ready_seconds)
        except TimeoutError:
            self._failure = f"{len(self._wanted)} subscriptions not confirmed in {self._config.ready_seconds:g} s"
        if self._failure:
            await self.close()
            raise FeedError(f"{self._config.stream_url}: {self._failure}", "check the stream's URL and the key")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection within a second or two."""
        if self._task is None:
            return
        if self._client.websocket is not None:
            closing = asyncio.create_task(self._client.close())
            await finished(closing, 1.0)
        else:
            self._task.cancel()
        await finished(self._task, 1.0)
        self._task = None

    async def bars(self, n_bars: int | None) -> Sequence[LiveBar]:
        """Return the bars not yet returned, waiting until `n_bars` in total have arrived."""
        if n_bars is not None:
            await self._wait(n_bars)
        if self._failure and self._n_bars < (n_bars or math.inf):
            raise FeedError(f"{self._config.stream_url}: {self._failure}")
        taken, self._queue = self._queue, []
        return taken

    def frozen(self) -> Mapping[str, str]:
        """Freeze nothing: bars alone tell of no halt."""
        return {}

    async def _wait(self, n_bars: int) -> None:
        limit = self._config.bar_seconds
        try:
            await self._arrivals.until(lambda: bool(self._failure) or self._n_bars >= n_bars, limit)
        except TimeoutError:
            raise FeedError(f"waited {limit:g} s for bar {n_bars}; {self._n_bars} have arrived") from None

    async def _run(self) -> None:
        options: dict[str, Any] = {"max_size": None}
        if urlparse(self._config.stream_url).hostname in _LOOPBACK:
            options["proxy"] = None
        try:
            await self._client.connect(self._on_message, **options)
            self._failure = self._failure or "the server closed the stream"
        except AuthError as error:
            self._failure = f"the key was refused ({error})"
        except (WebSocketException, OSError, LookupError, TypeError, ValueError) as error:
            self._failure = f"the stream broke ({type(error).__name__}: {error})"
        finally:
            self._arrivals.announce()

    async def _on_message(self, raw: str | bytes) -> None:
        for message in orjson.loads(raw):
            if message["ev"] == "AM":
                self._queue.append(_bar(message))
                self._n_bars += 1
            elif message["ev"] == "status":
                self._on_status(message)
        self._arrivals.announce()

    def _on_status(self, message: Mapping[str, Any]) -> None:
        status, text = str(message.get("status")), str(message.get("message", ""))
        if status == "success":
            self._wanted.discard(text.removeprefix("subscribed to:").strip())
        elif status in _REFUSALS:
            self._failure = f"the server says {status}: {text}"


def _feed(stream_url: str) -> tuple[str, bool]:
    """Split `wss://host/path/stocks` into what the client calls feed (`host/path`) and whether it is encrypted."""
    url = urlparse(stream_url)
    if url.scheme not in ("ws", "wss") or not url.path.endswith("/stocks"):
        raise FeedError(f"stream URL: expected ws(s)://HOST/stocks, found {stream_url}")
    return url.netloc + url.path.removesuffix("/stocks"), url.scheme == "wss"


def _bar(message: Mapping[str, Any]) -> LiveBar:
    vwap = message.get("vw")
    return LiveBar(
        symbol=str(message["sym"]),
        minute=int(message["s"]) // _MS_PER_MINUTE,
        open=float(message["o"]),
        high=float(message["h"]),
        low=float(message["l"]),
        close=float(message["c"]),
        volume=float(message["v"]),
        vwap=math.nan if vwap is None else float(vwap),
    )
