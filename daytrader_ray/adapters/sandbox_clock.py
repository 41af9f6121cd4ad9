"""The clock of a rehearsal: the loopback exchange announces each phase and holds its time until it is answered."""

import asyncio
import datetime as dt
from typing import Any, Self

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from daytrader_ray.domain.errors import LockstepError
from daytrader_ray.domain.ports import Tick
from daytrader_ray.domain.trading import Phase


class SandboxClock:
    """The client side of `/_sandbox/clock`: `async with SandboxClock(url, session) as clock`.

    Opening it resets the account and sets the exchange to the start of `session`; subscribe to bars and trade
    updates before. `url` is the exchange's `http://` address.
    """

    def __init__(self, url: str, session: dt.date, seconds: float = 30.0) -> None:
        self._url = f"ws{url.removeprefix('http').rstrip('/')}/_sandbox/clock?session={session}"
        self._seconds = seconds
        self._socket: ClientConnection | None = None
        self._last: Tick | None = None

    async def __aenter__(self) -> Self:
        """Take the clock; a `LockstepError` says when somebody else holds it or the exchange is gone."""
        try:
            self._socket = await connect(self._url, proxy=None, open_timeout=self._seconds)
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise LockstepError(f"{self._url}: no clock ({type(error).__name__})", "is the sandbox up?") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            await self._socket.close()

    @property
    def position(self) -> str:
        """Return the last announced minute and phase in words."""
        return f"minute {self._last.slot} phase {self._last.phase}" if self._last else "the start of the session"

    async def next_tick(self) -> Tick | None:
        """Wait for the next phase; None after the last one. `LockstepError` after 30 s without a word."""
        message = await self._receive()
        if message.get("end"):
            return None
        self._last = Tick(
            int(message["minute"]), Phase(message["phase"]), int(message["n_events"]), int(message["n_bars"])
        )
        return self._last

    async def done(self, tick: Tick) -> None:
        """Let the exchange go on."""
        try:
            await self._open_socket.send(orjson.dumps({"done": tick.slot, "phase": tick.phase.value}), text=True)
        except ConnectionClosed as error:
            raise self._closed(error) from None

    @property
    def _open_socket(self) -> ClientConnection:
        if self._socket is None:
            raise LockstepError("the clock has not been opened")
        return self._socket

    async def _receive(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._seconds):
                text = await self._open_socket.recv()
        except TimeoutError:
            message = f"the exchange was silent for {self._seconds:g} s after {self.position}"
            raise LockstepError(message) from None
        except ConnectionClosed as error:
            raise self._closed(error) from None
        values: dict[str, Any] = orjson.loads(text)
        return values

    def _closed(self, error: ConnectionClosed) -> LockstepError:
        close = error.rcvd
        why = f"{close.code} {close.reason}".strip() if close else "connection lost"
        return LockstepError(f"the exchange closed its clock at {self.position}: {why}")
