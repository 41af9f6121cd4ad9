"""The control socket: a rehearsal's client and the exchange go through the phases of a session in lockstep."""

import orjson
from aiohttp import WSMsgType, web

from daytrader_ray.domain.errors import DaytraderError, LockstepError
from daytrader_ray.domain.trading import Phase
from daytrader_ray.sandbox.alpaca_stream import AlpacaStream
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.streams import Streams

ANSWER_SECONDS = 30.0


class Lockstep:
    """Holds the exchange's clock for one client at a time; `DESIGN`, "Lockstep", has the contract."""

    def __init__(
        self, exchange: Exchange, streams: Streams, updates: AlpacaStream, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._exchange = exchange
        self._streams = streams
        self._updates = updates
        self._answer_seconds = answer_seconds

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Run one session for the client; anything that goes wrong is in the reason of the close frame."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        if not self._exchange.hold():
            await socket.close(code=1008, message=b"clock is held")
            return socket
        try:
            await self._run(socket, self._exchange.session_of(request.query.get("session", "")))
        except LockstepError as error:
            await socket.close(code=1011, message=error.message.encode()[:120])
        except DaytraderError as error:
            await socket.close(code=1008, message=error.message.encode()[:120])
        except ConnectionResetError:
            await socket.close()
        finally:
            self._exchange.release()
        return socket

    async def _run(self, socket: web.WebSocketResponse, session: int) -> None:
        exchange = self._exchange
        exchange.begin(session)
        self._streams.begin()
        self._updates.begin()
        n_slots = exchange.day.n_minutes
        for slot in range(n_slots):
            exchange.match_open(slot)
            self._streams.send_inside(slot, exchange.now)
            await self._phase(socket, slot, Phase.OPEN)
            exchange.match_inside(slot)
            self._streams.send_inside(slot, exchange.now)
            await self._phase(socket, slot, Phase.INTRABAR)
            exchange.close_bar(slot)
            self._streams.send_bars(slot)
            await self._phase(socket, slot, Phase.CLOSE)
        exchange.expire()
        await self._phase(socket, n_slots, Phase.OPEN)
        await socket.send_str('{"end":true}')
        await socket.close(code=1000)

    async def _phase(self, socket: web.WebSocketResponse, slot: int, phase: Phase) -> None:
        """Send what the phase did and its announcement, and wait for the client's answer."""
        await self._updates.send_updates()
        counts = {"n_events": self._updates.n_events, "n_bars": self._streams.n_bars}
        await socket.send_str(orjson.dumps({"minute": slot, "phase": phase.value, **counts}).decode())
        try:
            message = await socket.receive(timeout=self._answer_seconds)
        except TimeoutError:
            raise LockstepError(f"no answer to minute {slot} phase {phase}") from None
        if message.type is not WSMsgType.TEXT:
            raise ConnectionResetError
        if not _answers(message.data, slot, phase):
            raise LockstepError(f"expected done {slot} phase {phase}, found {message.data[:40]}")


def _answers(text: str, slot: int, phase: Phase) -> bool:
    try:
        return bool(orjson.loads(text) == {"done": slot, "phase": phase.value})
    except orjson.JSONDecodeError:
        return False
