"""Keeps one stream connected: a new connection after every end, with jittered pauses, and a watchdog on silence.

A vendor's client is used for one connection only and then thrown away (PROTOCOLS 1.5 and 2.7 say why); what it
forgets, repeats for ever or never notices is decided here.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, Self

import numpy as np
import structlog

from daytrader_ray.adapters.live_config import ReconnectConfig
from daytrader_ray.adapters.waiting import finished
from daytrader_ray.domain.errors import FeedError

_CLOSE_SECONDS = 2.0
_LOOK_SECONDS = 1.0
"""How often to look whether a silent stream should be speaking."""

log = structlog.get_logger(__name__)


class KeyRefusedError(FeedError):
    """A server that does not take the key."""


class PushedOutError(FeedError):
    """A server that ends this connection for another one with the same key."""


class Link(Protocol):
    """One connection to a vendor, made by the vendor's own client."""

    async def __call__(self, line: "Supervisor") -> str:
        """Connect and hand what comes to `line` until the end; return or raise why it ended.

        `line.ready` once all is subscribed, `line.frame` with whatever arrives and whether it is data, `line.complaint`
        for what a server says that does not end the connection.
        """
        ...


class Supervisor:
    """One stream of one vendor, held open until `close`.

    `on_frame` gets the frames, `on_change` hears of every change of `up`. `rng` draws the jitter of the pauses.
    Silence ends a connection only while `expects()` says that there must be data; the vendors' clients find a dead one
    by pings.
    """

    def __init__(
        self,
        name: str,
        link: Link,
        config: ReconnectConfig,
        rng: np.random.Generator,
        on_frame: Callable[[Any], None],
        on_change: Callable[[], None],
        expects: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.up = False
        self.refused = False
        self.failure = ""
        self.complaint = ""
        self.connections = 0
        self.breaks = 0
        """How often something may have been missed: connections that ended, and what the reader of frames adds."""
        self.pushed_out = 0
        """How often another connection with the same key took this one's place."""
        self._link, self._config, self._rng = link, config, rng
        self._on_frame, self._on_change, self._expects = on_frame, on_change, expects
        self._began_at = self._heard_at = 0.0
        self._delivered = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to connect; `up` says when it is done."""
        self._task = asyncio.create_task(self._run(), name=f"{self.name} stream")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection within a second or two."""
        if self._task is not None:
            self._task.cancel()
            await finished(self._task, _CLOSE_SECONDS)
            self._task = None

    def ready(self) -> None:
        """Note that everything is subscribed."""
        self.up, self.refused = True, False
        self.connections += 1
        log.info("stream connected", stream=self.name, connection=self.connections)
        self._on_change()

    def frame(self, raw: Any, is_data: bool) -> None:
        """Hand on what has arrived; data show that the connection works."""
        self._heard_at = asyncio.get_running_loop().time()
        self._delivered |= is_data and self.up
        self._on_frame(raw)

    async def _run(self) -> None:
        failures = 0
        while True:
            self._delivered = False
            pushed_out = self.pushed_out
            self.failure = await self._connection()
            failures = 1 if self._delivered else failures + 1
            rival = self.pushed_out > pushed_out
            pause = self._config.longest_pause_seconds if rival else self._pause(failures)
            log.warning("stream ended", stream=self.name, why=self.failure, pause_seconds=round(pause, 2))
            self._on_change()
            await asyncio.sleep(pause)

    def _pause(self, failures: int) -> float:
        """Return between half and all of a pause that doubles with each failure in a row."""
        config = self._config
        whole = min(config.longest_pause_seconds, config.first_pause_seconds * 2.0 ** min(failures - 1, 20))
        return float(self._rng.uniform(0.5, 1.0) * whole)

    async def _connection(self) -> str:
        """Hold one connection; return why it ended."""
        self._began_at = self._heard_at = asyncio.get_running_loop().time()
        self.complaint = ""
        task = asyncio.create_task(self._attempt(), name=f"{self.name} connection")
        try:
            while (left := self._left()) > 0:
                await asyncio.wait([task], timeout=min(left, _LOOK_SECONDS))
                if task.done():
                    return task.result()
            if self.up:
                return f"not a word for {self._config.silence_seconds:g} s"
            missing = f"subscriptions not confirmed in {self._config.connect_seconds:g} s"
            return f"{missing}: {self.complaint}" if self.complaint else missing
        finally:
            await self._end(task)

    async def _end(self, task: asyncio.Task[str]) -> None:
        self.breaks += self.up
        self.up = False
        task.cancel()
        await asyncio.wait([task], timeout=_CLOSE_SECONDS)

    def _left(self) -> float:
        now = asyncio.get_running_loop().time()
        if not self.up:
            return self._began_at + self._config.connect_seconds - now
        if not self._expects():
            self._heard_at = now
        return self._heard_at + self._config.silence_seconds - now

    async def _attempt(self) -> str:
        try:
            return await self._link(self)
        except KeyRefusedError as error:
            self.failure, self.refused = error.message, True
            return error.message
        except PushedOutError as error:
            self.pushed_out += 1
            return error.message
        except FeedError as error:
            return error.message
        except Exception as error:  # noqa: BLE001 - whatever a vendor's client raises, the answer is a new connection
            return f"the stream broke ({type(error).__name__}: {error})"
