"""A session in scaled time: when bars come, how orders meet it, and whose clock it is."""

import asyncio
import datetime as dt
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import orjson
import pytest

from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.sessions import market_grid
from daytrader_ray.sandbox.streams import Streams
from tests.sandbox.streaming import (
    CONFIG,
    HALF_DAY,
    HALF_DAY_SESSION,
    LONG,
    OPEN_MS,
    connected,
    exchange,
    frames,
    minutes,
    play,
    played,
)

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"APCA-API-KEY-ID": "K", "APCA-API-SECRET-KEY": "S"}


def traded(symbol: str, start: int, stop: int = 210) -> list[int]:
    on = Market(CONFIG, market_grid(CONFIG)).bars(symbol, HALF_DAY_SESSION).traded
    return [slot for slot in range(start, stop) if on[slot]]


async def test_every_bar_comes_once_and_when_its_minute_is_over() -> None:
    async with exchange() as http:
        socket = await connected(http, "AM.AAPL", "AM.MSFT")
        begun = await play(http, 190, speed=1200.0)
        found = await frames(http, socket)
        ended = await played(http)
        for symbol in ("AAPL", "MSFT"):
            assert minutes(found, symbol) == traded(symbol, 190)
        assert (begun["state"], begun["minute"]) == ("playing", 190)
        assert (ended["state"], ended["minute"], ended["session"]) == ("done", 210, HALF_DAY)


async def test_time_runs_by_the_anchor_and_bars_come_at_their_ends() -> None:
    async with exchange() as http:
        socket = await connected(http, "AM.SPY")
        anchor = (await play(http, 0, speed=600.0))["anchor"]
        for slot in range(5):
            bar = (await socket.receive_json(timeout=LONG))[0]
            due = anchor["wall"] + (bar["e"] / 1000 - anchor["market"]) / 600.0
            assert bar["e"] / 1000 == anchor["market"] + 60 * (slot + 1)
            assert -0.001 <= time.time() - due < 2.0  # noqa: TID251 - the clock that the exchange plays by
        async with http.get("/v2/aggs/ticker/SPY/range/1/minute/2025-11-28/2025-11-28?apiKey=K") as answer:
            rows = (await answer.json())["results"]
            assert rows[-1]["t"] == bar["s"]
        async with http.delete("/_sandbox/play") as answer:
            assert (await answer.json())["state"] == "stopped"


async def test_before_the_open_time_runs_and_nothing_happens() -> None:
    async with exchange() as http:
        socket = await connected(http, "AM.SPY")
        state = await play(http, -20, speed=6000.0)
        assert state["minute"] == -20
        await asyncio.sleep(0.1)
        async with http.get("/v2/clock", headers=KEYS) as answer:
            assert not (await answer.json())["is_open"]
        assert minutes([await socket.receive_json(timeout=LONG)], "SPY") == [0]


async def test_a_market_order_meets_the_open_of_the_bar_in_whose_first_half_it_comes() -> None:
    bars = Market(CONFIG, market_grid(CONFIG)).bars("SPY", HALF_DAY_SESSION)
    async with exchange() as http:
        socket = await connected(http, "AM.SPY")
        await play(http, 100, speed=120.0)
        await socket.receive_json(timeout=LONG)
        order = {"symbol": "SPY", "qty": 10, "side": "buy", "type": "market", "time_in_force": "day"}
        async with http.post("/v2/orders", json=order, headers=KEYS) as answer:
            filled = await answer.json()
        async with asyncio.timeout(LONG):
            while filled["status"] == "new":
                await asyncio.sleep(0.02)
                async with http.get(f"/v2/orders/{filled['id']}", headers=KEYS) as answer:
                    filled = await answer.json()
        placed, done = (dt.datetime.fromisoformat(filled[name]) for name in ("submitted_at", "filled_at"))
        assert placed <= done <= placed + dt.timedelta(seconds=60)
        slot = (int(done.timestamp()) * 1000 - OPEN_MS) // 60_000
        assert abs(float(filled["filled_avg_price"]) / bars.open[slot] - 1) < 1e-3
        await http.delete("/_sandbox/play")


async def test_one_clock_at_a_time() -> None:
    async with exchange() as http:
        await play(http, 0, speed=1.0)
        clock = await http.ws_connect(f"/_sandbox/clock?session={HALF_DAY}")
        message = await clock.receive()
        assert (message.data, message.extra) == (1008, "clock is held")
        async with http.post("/_sandbox/play", json={"session": HALF_DAY}) as answer:
            assert (answer.status, await answer.json()) == (409, {"message": "clock is held"})
        await http.delete("/_sandbox/play")
        clock = await http.ws_connect(f"/_sandbox/clock?session={HALF_DAY}")
        assert orjson.loads((await clock.receive()).data)["minute"] == 0
        async with http.post("/_sandbox/play", json={"session": HALF_DAY}) as answer:
            assert answer.status == 409


async def test_what_breaks_a_session_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with exchange() as http:

        def broken(_: object, slot: int) -> None:
            raise ValueError("market broke")

        with monkeypatch.context() as patch:
            patch.setattr(Streams, "send_bars", broken)
            await play(http, 0, speed=6000.0)
            state = await played(http)
        assert (state["state"], state["error"]) == ("stopped", "ValueError: market broke")
        await play(http, 209, speed=6000.0)
        state = await played(http)
        assert (state["state"], state["error"]) == ("done", None)


async def test_a_session_that_is_not_there_and_a_speed_that_is_none_are_refused() -> None:
    async with exchange() as http:
        for body in (
            {"session": "2025-11-27"},
            {"session": HALF_DAY, "speed": 0},
            {"session": HALF_DAY, "speed": "inf"},
            {"sesion": HALF_DAY},
            [],
        ):
            async with http.post("/_sandbox/play", json=body) as answer:
                assert answer.status == 422
                assert (await answer.json())["message"]


def test_the_command_plays_a_session_at_once_and_says_when_it_opens() -> None:
    command = [sys.executable, "-m", "daytrader_ray.cli", "sandbox", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--session", "2025-11-28", "--speed", "6000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = orjson.loads(process.stdout.readline())["url"]
        time.sleep(0.5)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/_sandbox/play") as answer:
            state = orjson.loads(answer.read())
        process.terminate()
        assert (state["session"], state["state"]) == ("2025-11-28", "playing")
        assert "it opens in 90 s" in process.stderr.read().decode()


def test_the_command_refuses_a_session_that_is_none_in_one_line() -> None:
    command = [sys.executable, "-m", "daytrader_ray.cli", "sandbox", "--port", "0", "--session", "2025-11-27"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "2025-11-27" in done.stderr
    assert "Traceback" not in done.stderr
