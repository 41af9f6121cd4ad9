"""Every fault of Polygon's stream, on the wire, and that it is logged and repeats itself."""

import asyncio
from typing import Any

import orjson
import pytest

from daytrader_ray.sandbox.faults import Fault
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.server import FAULTS
from daytrader_ray.sandbox.sessions import market_grid
from tests.sandbox.streaming import (
    CONFIG,
    HALF_DAY_SESSION,
    OPEN_MS,
    Http,
    connected,
    exchange,
    frames,
    minutes,
    play,
    played,
)

ALL = list(range(200, 210))


def rule(kind: str, where: str = "data", count: int | None = 1, **values: Any) -> Fault:
    given = {"channel": "polygon_stream", "kind": kind, "where": where, "count": count, **values}
    return Fault.parse(given, "test")


async def end_of_day(http: Http, quiet: float = 0.2, speed: float = 6000.0) -> list[Any]:
    socket = await connected(http, "AM.AAPL")
    await play(http, 200, speed)
    return await frames(http, socket, quiet)


def fault_log(http: Http) -> list[dict[str, Any]]:
    assert http.app is not None
    return http.app[FAULTS].log


def kinds(http: Http) -> list[str]:
    return [entry["kind"] for entry in fault_log(http)]


async def test_without_a_rule_nothing_is_wrong() -> None:
    async with exchange() as http:
        assert minutes(await end_of_day(http)) == ALL


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1009, 1011])
@pytest.mark.parametrize("stage", ["greeting", "auth", "subscribe", "data"])
async def test_a_close_code_at_each_stage(stage: str, code: int) -> None:
    async with exchange(rules=[rule("close", stage, code=code)]) as http:
        socket = await http.ws_connect("/stocks")
        if stage != "greeting":
            await socket.receive_json()
            await socket.send_json({"action": "auth", "params": "K"})
        if stage in {"subscribe", "data"}:
            await socket.receive_json()
            await socket.send_json({"action": "subscribe", "params": "AM.AAPL"})
        if stage == "data":
            await socket.receive_json()
            await play(http, 209)
        assert await frames(http, socket) == [code]
        assert kinds(http) == ["close"]


async def test_dropped_duplicate_late_and_disordered_bars() -> None:
    for kind, expected in [
        ("drop", ALL[1:]),
        ("duplicate", [200, *ALL]),
        ("late", [*ALL[1:], 200]),
        ("out_of_order", [201, 200, *ALL[2:]]),
    ]:
        async with exchange(rules=[rule(kind, seconds=0.4 if kind == "late" else 0.0)]) as http:
            assert minutes(await end_of_day(http, quiet=0.6 if kind == "late" else 0.2)) == expected
            assert kinds(http) == [kind]
            assert fault_log(http)[0]["symbol"] == "AAPL"


async def test_a_silence_loses_and_a_stall_delays() -> None:
    async with exchange(rules=[rule("silence", seconds=0.1)]) as http:
        found = minutes(await end_of_day(http, quiet=0.4, speed=1200.0))
        assert 0 < len(found) < 10
        assert found == ALL[-len(found) :]
    async with exchange(rules=[rule("silence")]) as http:
        assert minutes(await end_of_day(http)) == []
    async with exchange(rules=[rule("stall", seconds=0.2)]) as http:
        assert minutes(await end_of_day(http, quiet=0.5)) == ALL


async def test_the_greeting_can_be_missing_while_the_rest_works() -> None:
    async with exchange(rules=[rule("no_greeting", "greeting")]) as http:
        socket = await http.ws_connect("/stocks")
        assert await frames(http, socket, quiet=0.1) == []


async def test_a_key_can_be_refused_and_the_limit_reached() -> None:
    for kind in ("auth_failed", "max_connections"):
        async with exchange(rules=[rule(kind, "auth")]) as http:
            socket = await http.ws_connect("/stocks")
            await socket.receive_json()
            await socket.send_json({"action": "auth", "params": "K"})
            assert (await socket.receive_json())[0]["status"] == kind
            await socket.send_json({"action": "subscribe", "params": "AM.AAPL"})
            assert (await socket.receive_json())[0]["message"] == "not authenticated"
    async with exchange(rules=[rule("max_connections")]) as http:
        *_, status, code = await end_of_day(http)
        assert (status[0]["status"], code) == ("max_connections", 1008)


async def test_an_acknowledgement_can_be_lost() -> None:
    async with exchange(rules=[rule("drop", "subscribe")]) as http:
        socket = await http.ws_connect("/stocks")
        await socket.receive_json()
        await socket.send_json({"action": "auth", "params": "K"})
        await socket.receive_json()
        await socket.send_json({"action": "subscribe", "params": "AM.AAPL"})
        await play(http, 200)
        assert minutes(await frames(http, socket)) == ALL


async def test_corrupt_bars_come_in_four_ways_and_the_true_one_never() -> None:
    ways = set()
    async with exchange(rules=[rule("corrupt", count=None)]) as http:
        socket = await connected(http, "AM.AAPL")
        await play(http, 170)
        for found in await frames(http, socket):
            if isinstance(found, str):
                ways.add("no json")
                continue
            (bar,) = found
            if "c" not in bar:
                ways.add("no close")
            elif isinstance(bar["c"], str):
                ways.add("text")
            else:
                assert bar["h"] < bar["l"]
                ways.add("high below low")
    assert ways == {"no json", "no close", "text", "high below low"}


async def test_frames_in_parts_too_large_and_with_unknown_events() -> None:
    async with exchange(rules=[rule("split_frame")]) as http:
        assert minutes(await end_of_day(http)) == ALL
    async with exchange(rules=[rule("unknown_event")]) as http:
        found = await end_of_day(http)
        assert minutes(found) == ALL
        assert found[0][0]["ev"] == "XX"
    async with exchange(rules=[rule("big_frame")]) as http:
        found = await end_of_day(http)
        assert minutes(found) == ALL
        assert len(orjson.dumps(found[0])) > 1 << 20


async def test_a_revised_bar_comes_again_as_it_was() -> None:
    truth = Market(CONFIG, market_grid(CONFIG)).bars("AAPL", HALF_DAY_SESSION)
    async with exchange(rules=[rule("revised", seconds=0.3)]) as http:
        bars = [event for found in await end_of_day(http, quiet=0.5) for event in found]
        first = [bar for bar in bars if bar["s"] == OPEN_MS + 200 * 60_000]
        assert [bar["v"] < truth.volume[200] for bar in first] == [True, False]
        assert (first[1]["c"], first[1]["v"]) == (truth.close[200], truth.volume[200])


async def test_a_rule_can_mean_one_stream_or_one_kind_of_message() -> None:
    rules = [rule("drop", "data/indices", None), rule("drop", "data/stocks/ticks", None)]
    async with exchange(rules=rules) as http:
        socket = await connected(http, "AM.AAPL", "Q.AAPL")
        await play(http, 208)
        found = await frames(http, socket)
        assert minutes(found) == [208, 209]
        assert {entry["where"] for entry in fault_log(http)} == {"data/stocks/ticks"}


async def test_the_same_traffic_meets_the_same_faults() -> None:
    logs, bars = [], []
    for _ in range(2):
        async with exchange(rules=[rule("drop", count=None, probability=0.3)]) as http:
            socket = await connected(http, "AM.AAPL", "AM.MSFT", "AM.SPY")
            await play(http, 180)
            found = await frames(http, socket)
            logs.append(fault_log(http))
            bars.append([minutes(found, symbol) for symbol in ("AAPL", "MSFT", "SPY")])
    assert logs[0] == logs[1]
    assert bars[0] == bars[1]
    lost = 90 - sum(map(len, bars[0]))
    assert lost >= len(logs[0]) > 3


async def test_who_does_not_read_is_told_and_closed_and_holds_nobody_up() -> None:
    config = CONFIG.model_copy(update={"stream_queue_mib": 0.25})
    async with exchange(config) as http:
        slow = await connected(http, *(f"Q.{symbol}" for symbol in ("AAPL", "MSFT", "NVDA", "SPY", "QQQ", "AMZN")))
        assert slow._conn is not None
        transport = slow._conn.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        await play(http, 50)
        state = await played(http)
        assert (state["state"], state["minute"]) == ("done", 210)
        transport.resume_reading()
        *_, status, code = await frames(http, slow, quiet=1.0)
        assert (status[0]["status"], code) == ("slow_consumer", 1008)
