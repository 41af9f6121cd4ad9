"""A session played in real or scaled time: nobody holds the clock, orders and bars meet it as they come.

`POST /_sandbox/play {"session": "2025-11-28", "speed": 60, "start": 0}` begins it, `GET` says where it is and in
`error` what broke it off, `DELETE` ends it. Wherever one is, market time is
`anchor.market + (t - anchor.wall) * speed` at the wall time t.
"""

import asyncio
import datetime as dt
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import structlog
from aiohttp import web
from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.errors import DaytraderError, LockstepError
from daytrader_ray.sandbox.alpaca_stream import AlpacaStream
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.streams import Streams

PATH = "/_sandbox/play"
ANSWER_SECONDS = 5.0
TICK_SECONDS = 0.05
"""Real seconds between two looks at the time."""
MINUTE = 60.0
HALF = 30.0

log = structlog.get_logger(__name__)


def state_at(url: str) -> dict[str, Any] | None:
    """Return what `GET` says at an exchange of this machine; None where `url` is none."""
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        return None
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url.rstrip("/") + PATH, timeout=ANSWER_SECONDS) as answer:
            state = orjson.loads(answer.read())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and "anchor" in state else None


class PlayRequest(Config):
    """What to play: market seconds for each real one, and the minute to begin with (below 0: before the open)."""

    session: dt.date
    speed: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    start: int = 0


class Playing:
    """Moves the exchange's clock with the wall's; one session at a time.

    A market or limit order is matched at the open of the bar in whose first half minute it arrives, else at the next
    one; resting stops and limits at the half minute; bars are sent when their minute is over. A slow machine delays
    minutes and skips none.
    """

    def __init__(self, exchange: Exchange, streams: Streams, updates: AlpacaStream, wall: Callable[[], float]) -> None:
        self._exchange = exchange
        self._streams = streams
        self._updates = updates
        self._wall = wall
        self._request: PlayRequest | None = None
        self._slot = 0
        self._anchor = (0.0, 0.0)
        self._task: asyncio.Task[None] | None = None
        self._error: str | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [web.post(PATH, self._post), web.get(PATH, self._get), web.delete(PATH, self._delete)]

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read())
            await self.start(PlayRequest.parse(body if isinstance(body, dict) else {}, PATH))
        except LockstepError as error:
            return web.json_response({"message": error.message}, status=409)
        except (orjson.JSONDecodeError, DaytraderError) as error:
            return web.json_response({"message": str(error)}, status=422)
        return await self._get(request)

    async def _get(self, _: web.Request) -> web.Response:
        asked, exchange = self._request, self._exchange
        wall, market = self._anchor
        body: dict[str, Any] = {
            "state": self.state,
            "session": str(exchange.day.date),
            "speed": asked.speed if asked else None,
            "minute": self._slot,
            "n_minutes": exchange.day.n_minutes,
            "now": exchange.now.timestamp(),
            "anchor": {"wall": wall, "market": market} if asked else None,
            "error": self._error,
        }
        return web.json_response(body)

    async def _delete(self, request: web.Request) -> web.Response:
        await self.stop()
        return await self._get(request)

    @property
    def state(self) -> Literal["idle", "playing", "done", "stopped"]:
        """Return how far it is."""
        if self._task is None:
            return "idle"
        if not self._task.done():
            return "playing"
        return "done" if self._slot == self._exchange.day.n_minutes else "stopped"

    def session_of(self, asked: PlayRequest) -> int:
        """Return the number of the session that is asked for; a `DataError` where there is none."""
        return self._exchange.session_of(str(asked.session))

    async def start(self, asked: PlayRequest) -> None:
        """Begin a session and let it run; a `LockstepError` where somebody else has the clock."""
        session = self.session_of(asked)
        if not self._exchange.hold():
            raise LockstepError("clock is held")
        try:
            await self._begin(asked, session)
        except BaseException:
            self._exchange.release()
            raise
        self._error = None
        self._task = asyncio.create_task(self._play(asked))
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End what is being played."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._exchange.release()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._error = f"{type(error).__name__}: {error}"
            log.error("the session that was played broke off", minute=self._slot, exc_info=error)

    async def _begin(self, asked: PlayRequest, session: int) -> None:
        """Set the exchange to the start; bars that are followed are made before time runs."""
        exchange = self._exchange
        exchange.begin(session, asked.start)
        self._streams.begin()
        self._updates.begin()
        for symbol in self._streams.symbols:
            exchange.market.bars(symbol, session)
            await asyncio.sleep(0)
        self._request, self._slot = asked, asked.start
        self._anchor = self._wall(), exchange.now.timestamp()

    async def _play(self, asked: PlayRequest) -> None:
        exchange = self._exchange
        for slot in range(max(asked.start, 0), exchange.day.n_minutes):
            await self._minute(slot)
        exchange.expire()
        await self._updates.send_updates()
        self._slot = exchange.day.n_minutes

    async def _minute(self, slot: int) -> None:
        exchange = self._exchange
        begins = (exchange.day.open_minute + slot) * MINUTE
        await self._until(begins)
        self._slot = slot
        exchange.match_open(slot)
        async for now in self._passing(begins + HALF):
            exchange.match_open(slot, now)
            self._streams.send_inside(slot, now)
        exchange.match_inside(slot)
        async for now in self._passing(begins + MINUTE):
            self._streams.send_inside(slot, now)
        exchange.close_bar(slot)
        self._streams.send_bars(slot)
        await self._updates.send_updates()

    async def _until(self, target: float) -> None:
        async for _ in self._passing(target):
            pass

    async def _passing(self, target: float) -> AsyncIterator[dt.datetime]:
        """Give the exchange's time again and again until it is `target` (market seconds), news of orders after each."""
        assert self._request is not None
        wall, market = self._anchor
        speed, now = self._request.speed, -float("inf")
        await self._updates.send_updates()
        while now < target:
            left = target - (market + (self._wall() - wall) * speed)
            await asyncio.sleep(min(max(left / speed, 0.0), TICK_SECONDS))
            now = min(market + (self._wall() - wall) * speed, target)
            self._exchange.now = dt.datetime.fromtimestamp(now, tz=dt.UTC)
            yield self._exchange.now
            await self._updates.send_updates()
