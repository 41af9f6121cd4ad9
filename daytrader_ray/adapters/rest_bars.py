"""Minute bars by REST while a session runs: what a stream did not tell, each request short and in a thread."""

import asyncio
import datetime as dt
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
import structlog
import urllib3
from pydantic import SecretStr

from daytrader_ray.adapters.messages import SeenBar
from daytrader_ray.adapters.polygon_rest import Vendor, client, minute_bars
from daytrader_ray.domain.sessions import US_PER_MINUTE

try:
    from polygon import RESTClient
except ImportError:
    from massive import RESTClient

REQUESTS_AT_ONCE = 8
_VALUES = ("open", "high", "low", "close", "volume", "vwap")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """The bars of one symbol from minute `first` to `last` (epoch minutes); `failure` says why there are none."""

    symbol: str
    first: int
    last: int
    bars: list[SeenBar] = field(default_factory=list)
    failure: str = ""


class RestBars:
    """Asks for bars without waiting; `deliver` gets each answer in the event loop's thread."""

    def __init__(self, url: str, key: SecretStr, seconds: float, deliver: Callable[[Answer], None]) -> None:
        self._url, self._key, self._seconds = url, key, seconds
        self._own = threading.local()
        self._deliver = deliver
        self._pool = ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="rest bars")
        self._asked: dict[str, Future[Answer]] = {}

    def ask(self, symbol: str, first: int, last: int) -> None:
        """Ask for the bars of a symbol from minute `first` to `last`, unless an answer for it is on its way."""
        if symbol not in self._asked:
            future = self._pool.submit(self._fetch, symbol, first, last)
            self._asked[symbol] = future
            future.add_done_callback(partial(self._done, asyncio.get_running_loop(), symbol))

    @property
    def asked(self) -> int:
        """Return how many answers are on their way."""
        return len(self._asked)

    def give_up(self) -> None:
        """Take back the questions that have not been sent."""
        for future in list(self._asked.values()):
            future.cancel()

    def close(self) -> None:
        """Ask nothing more; answers on their way are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, loop: asyncio.AbstractEventLoop, symbol: str, future: Future[Answer]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._arrived, symbol, future)

    def _arrived(self, symbol: str, future: Future[Answer]) -> None:
        self._asked.pop(symbol, None)
        if not future.cancelled():
            self._deliver(future.result())

    def _fetch(self, symbol: str, first: int, last: int) -> Answer:
        try:
            vendor = self._vendor()
            self._own.requests.until = time.monotonic() + self._seconds
            table = minute_bars(vendor, symbol, _moment(first), _moment(last + 1) - dt.timedelta(milliseconds=1))
            return Answer(symbol, first, last, _bars(symbol, table))
        except Exception as error:  # noqa: BLE001 - a decision waits for the answer, whatever became of it
            log.warning("no answer by REST", symbol=symbol, error=str(error))
            return Answer(symbol, first, last, failure=str(error) or type(error).__name__)

    def _vendor(self) -> Vendor:
        """Return this thread's own connection."""
        if not hasattr(self._own, "vendor"):
            self._own.vendor = client(
                self._url, self._key.get_secret_value(), self._seconds, tries=1, make=self._client
            )
        found: Vendor = self._own.vendor
        return found

    def _client(self, key: str, base: str) -> RESTClient:
        made = RESTClient(key, base=base)
        made.client = self._own.requests = _InTime(made.client)
        return made


class _Whole(NamedTuple):
    status: int
    headers: Mapping[str, str]
    data: bytes


class _InTime:
    """A pool of connections whose answers have come in whole by `until` (monotonic seconds), or fail.

    A timeout of the pool's own ends only a pause: a server that sends a byte now and then holds it for ever.
    """

    def __init__(self, pool: urllib3.PoolManager) -> None:
        self.until = 0.0
        self._pool = pool

    def request(self, method: str, url: str, **options: Any) -> _Whole:
        """Return the answer; `TimeoutError` of urllib3 where it takes too long."""
        answer = self._pool.request(method, url, preload_content=False, **options)
        parts = []
        while part := answer.read1():
            parts.append(part)
            if time.monotonic() > self.until:
                answer.close()
                raise urllib3.exceptions.TimeoutError("the answer comes too slowly")
        return _Whole(answer.status, answer.headers, b"".join(parts))


def _moment(minute: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(minute * 60, tz=dt.UTC)


def _bars(symbol: str, table: pa.Table) -> list[SeenBar]:
    minutes = (table["timestamp"].cast(pa.int64()).to_numpy() // US_PER_MINUTE).tolist()
    columns = [table[name].to_numpy().tolist() for name in _VALUES]
    trades = table["trades"].to_pylist()
    parts = zip(minutes, *columns, trades, strict=True)
    return [SeenBar._make((symbol, *part, math.nan)) for part in parts]
