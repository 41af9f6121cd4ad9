"""Minute bars by REST while a session runs: what a stream did not tell, each request short and in a thread."""

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog
from pydantic import SecretStr
from urllib3.exceptions import HTTPError

from daytrader_ray.adapters.messages import SeenBar
from daytrader_ray.adapters.polygon_rest import BadResponse, client
from daytrader_ray.domain.errors import FeedError

REQUESTS_AT_ONCE = 8
_MS_PER_MINUTE = 60_000

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
        self._client = client(url, key.get_secret_value(), read_seconds=seconds)
        self._client.client.connection_pool_kw["maxsize"] = REQUESTS_AT_ONCE
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
        span = first * _MS_PER_MINUTE, (last + 1) * _MS_PER_MINUTE - 1
        try:
            found = list(self._client.list_aggs(symbol, 1, "minute", *span, adjusted=False, limit=50_000))
            bars = [_bar(symbol, one) for one in found]
        except (BadResponse, HTTPError, FeedError, TypeError, ValueError) as error:
            log.warning("no answer by REST", symbol=symbol, error=f"{type(error).__name__}: {str(error)[:120]}")
            return Answer(symbol, first, last, failure=type(error).__name__)
        return Answer(symbol, first, last, bars)


def _bar(symbol: str, one: object) -> SeenBar:
    o, h, l, c, v, vw, n, t = (  # noqa: E741 - the vendor's letters
        getattr(one, name) for name in ("open", "high", "low", "close", "volume", "vwap", "transactions", "timestamp")
    )
    vwap = math.nan if vw is None else float(vw)
    return SeenBar(
        symbol, t // _MS_PER_MINUTE, float(o), float(h), float(l), float(c), float(v or 0), vwap, n, math.nan
    )
