"""What the doctor's single looks say of servers, clocks, keys and the store's root that are right or wrong."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web

from daytrader_ray.adapters import health

NOW = 1_763_900_000.0


class Vendor:
    """A server on this machine with a status, a date and a stream that greets or keeps silent."""

    def __init__(self) -> None:
        self.status, self.date, self.greets = 200, NOW, True
        self.seen: dict[str, str] = {}

    async def rest(self, request: web.Request) -> web.Response:
        self.seen = dict(request.headers)
        return web.Response(status=self.status, headers={"Date": formatdate(self.date, usegmt=True)})

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        if self.greets:
            await answer.send_str("[]")
        await answer.receive()
        return answer


@pytest.fixture
def vendor() -> Iterator[tuple[Vendor, str]]:
    found = Vendor()
    loop = asyncio.new_event_loop()
    app = web.Application()
    app.add_routes([web.get("/rest", found.rest), web.get("/stream", found.stream)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    listener = socket.create_server(("127.0.0.1", 0))
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.SockSite(runner, listener).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield found, f"127.0.0.1:{listener.getsockname()[1]}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def ask(address: str) -> list[health.Finding]:
    return health.server("vendor", f"http://{address}/rest", {"Authorization": "Bearer K"}, lambda: NOW)


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (401, "fail"), (403, "fail"), (429, "warn"), (500, "fail")])
def test_a_server_is_judged_by_its_answer(vendor: tuple[Vendor, str], status: int, state: str) -> None:
    server, address = vendor
    server.status = status
    found = ask(address)[0]
    assert found.state == state
    assert bool(found.todo) == (state != "ok")
    assert server.seen["Authorization"] == "Bearer K"


@pytest.mark.parametrize(
    ("seconds", "state", "said"),
    [(0, "ok", "agrees"), (-60, "fail", "+59 s"), (60, "fail", "-60 s"), (-3, "warn", "+2 s")],
)
def test_a_clock_that_differs_from_the_vendors_is_named(
    vendor: tuple[Vendor, str], seconds: int, state: str, said: str
) -> None:
    server, address = vendor
    server.date = NOW + seconds
    clock = ask(address)[1]
    assert clock.name == "vendor clock"
    assert clock.state == state
    assert said in clock.found


def test_a_server_that_is_not_there_is_one_finding_without_a_clock() -> None:
    (found,) = ask("127.0.0.1:9")
    assert found.state == "fail"
    assert "no answer" in found.found


def test_a_stream_must_greet_where_its_vendor_does(vendor: tuple[Vendor, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SECONDS", 0.3)
    server, address = vendor
    assert health.stream("s", f"ws://{address}/stream", greets=True).state == "ok"
    server.greets = False
    assert health.stream("s", f"ws://{address}/stream", greets=True).state == "fail"
    assert health.stream("s", f"ws://{address}/stream", greets=False).state == "ok"
    assert health.stream("s", f"ws://{address}/none", greets=False).state == "fail"
    assert health.stream("s", "not a url", greets=False).state == "fail"


def test_a_missing_key_fails_only_where_it_is_needed() -> None:
    assert [f.state for f in health.keys({"A": True, "B": False}, needed=True)] == ["ok", "fail"]
    assert [f.state for f in health.keys({"A": True, "B": False}, needed=False)] == ["ok", "ok"]


def test_a_proxy_without_an_exception_for_this_machine_is_a_warning() -> None:
    assert health.proxies({}).state == "ok"
    assert health.proxies({"HTTP_PROXY": "http://p"}).state == "warn"
    assert health.proxies({"HTTP_PROXY": "http://p", "NO_PROXY": "127.0.0.1"}).state == "ok"


def test_a_root_is_tried_by_writing_and_nothing_stays(tmp_path: Path) -> None:
    root = tmp_path / "not" / "yet"
    assert "can be written" in health.disk(str(root)).found
    assert list(tmp_path.iterdir()) == []
    assert health.disk("/proc/store").state == "fail"
    assert health.disk("memory://doctor").state == "ok"
    assert health.disk("nosuch://x").state == "fail"


def test_a_cluster_that_cannot_be_reached_fails() -> None:
    assert health.ray_cluster({}).state == "ok"
    assert health.ray_cluster({"RAY_ADDRESS": "127.0.0.1:9"}).state == "fail"
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"ray://127.0.0.1:{server.getsockname()[1]}"
        assert health.ray_cluster({"RAY_ADDRESS": address}).state == "ok"


def test_versions_name_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {finding.state for finding in health.versions()} == {"ok"}
    monkeypatch.setattr(health, "VENDOR_CLIENTS", ("nobody", "no-one"))
    found = health.versions()[1]
    assert found.state == "fail"
    assert "nobody or no-one" in found.found
