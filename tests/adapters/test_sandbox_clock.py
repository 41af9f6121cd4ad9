import asyncio
import datetime as dt
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from daytrader_ray.adapters.sandbox_clock import SandboxClock
from daytrader_ray.domain.errors import LockstepError
from daytrader_ray.domain.ports import Tick

DAY = dt.date(2025, 12, 2)


@pytest.fixture
async def serve():
    servers = []

    async def start(talk, seconds=2.0):
        async def handle(request):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await talk(request, socket)
            return socket

        app = web.Application()
        app.router.add_get("/_sandbox/clock", handle)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return SandboxClock(f"http://127.0.0.1:{server.port}", DAY, seconds)

    yield start
    for server in servers:
        await server.close()


async def test_each_phase_is_announced_with_its_counts_and_answered(serve):
    seen = []

    async def talk(request, socket):
        seen.append(request.query["session"])
        for phase, n_bars in (("A", 0), ("C", 3)):
            await socket.send_json({"minute": 7, "phase": phase, "n_events": 2, "n_bars": n_bars})
            seen.append(json.loads((await socket.receive()).data))
        await socket.send_json({"end": True})
        await socket.close()

    ticks = []
    async with await serve(talk) as clock:
        while (tick := await clock.next_tick()) is not None:
            ticks.append(tick)
            await clock.done(tick)
    assert ticks == [Tick(7, "A", 2, 0), Tick(7, "C", 2, 3)]
    assert seen == ["2025-12-02", {"done": 7, "phase": "A"}, {"done": 7, "phase": "C"}]


async def test_silence_ends_the_rehearsal_with_minute_and_phase(serve):
    async def talk(request, socket):
        await socket.send_json({"minute": 7, "phase": "B", "n_events": 0, "n_bars": 0})
        await asyncio.sleep(1)

    async with await serve(talk, seconds=0.2) as clock:
        await clock.done(await clock.next_tick())
        with pytest.raises(LockstepError, match=r"silent for 0.2 s after minute 7 phase B"):
            await clock.next_tick()


async def test_a_clock_that_is_held_says_so(serve):
    async def talk(request, socket):
        await socket.close(code=1008, message=b"clock is held")

    async with await serve(talk) as clock:
        with pytest.raises(LockstepError, match="at the start of the session: 1008 clock is held"):
            await clock.next_tick()


async def test_an_unanswered_phase_is_named_when_the_exchange_gives_up(serve):
    async def talk(request, socket):
        await socket.send_json({"minute": 7, "phase": "C", "n_events": 0, "n_bars": 0})
        await socket.close(code=1011, message=b"no answer to minute 7 phase C")

    async with await serve(talk) as clock:
        tick = await clock.next_tick()
        await asyncio.sleep(0.05)
        with pytest.raises(LockstepError, match="1011 no answer to minute 7 phase C"):
            await clock.done(tick)


async def test_a_dead_exchange_is_one_clear_line():
    with pytest.raises(LockstepError, match="no clock"):
        await SandboxClock("http://127.0.0.1:9", DAY).__aenter__()
