"""Every fault of Polygon's stream, on the wire, and that it is logged and repeats itself."""

from typing import Any

import pytest

from daytrader_ray.sandbox.faults import Fault
from daytrader_ray.sandbox.server import FAULTS
from tests.sandbox.streaming import Http, connected, exchange, frames, minutes, play

ALL = list(range(200, 210))


def rule(kind: str, where: str = "data", count: int | None = 1, **values: Any) -> Fault:
    given = {"channel": "polygon_stream", "kind": kind, "where": where, "count": count, **values}
    return Fault.parse(given, "test")


async def end_of_day(http: Http, quiet: float = 0.2, speed: float = 6000.0) -> list[Any]:
    socket = await connected(http, "AM.AAPL")
    await play(http, 200, speed)
    return await frames(socket, quiet)


def kinds(http: Http) -> list[str]:
    return [entry["kind"] for entry in http.app[FAULTS].log] if http.app else []


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
        assert await frames(socket) == [code]
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


async def test_a_silence_loses_and_a_stall_delays() -> None:
    async with exchange(rules=[rule("silence", seconds=0.1)]) as http:
        found = minutes(await end_of_day(http, quiet=0.4, speed=1200.0))
        assert 0 < len(found) < 10
        assert found == ALL[-len(found) :]
    async with exchange(rules=[rule("silence")]) as http:
        assert minutes(await end_of_day(http)) == []
    async with exchange(rules=[rule("stall", seconds=0.2)]) as http:
        assert minutes(await end_of_day(http, quiet=0.5)) == ALL
