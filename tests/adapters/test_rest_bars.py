"""Single bars by REST: whatever the server does, an answer comes soon, and the key is in no text."""

import asyncio

import pytest
from aiohttp import web
from pydantic import SecretStr

from daytrader_ray.adapters import rest_bars
from daytrader_ray.adapters.rest_bars import RestBars
from tests.adapters.streams import Rest, bar, serving, until

OPEN = 29_000_000
AGGS = "/v2/aggs/ticker/{symbol}/range/1/minute/{start}/{end}"


async def test_a_server_that_drips_is_given_up():
    async def drip(request):
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        for _ in range(40):
            await answer.write(b" ")
            await asyncio.sleep(0.1)
        return answer

    found = []
    async with serving((AGGS, drip)) as port:
        rest = RestBars(f"http://127.0.0.1:{port}", SecretStr("hidden"), 0.3, found.append)
        rest.ask("AAPL", OPEN, OPEN)
        await until(lambda: found, 1.5)
        rest.close()
    assert "too slowly" in found[0].failure and rest.asked == 0


async def test_whatever_goes_wrong_is_an_answer(monkeypatch):
    def broken(*_):
        raise RuntimeError("no idea")

    monkeypatch.setattr(rest_bars, "minute_bars", broken)
    found = []
    rest = RestBars("http://127.0.0.1:9", SecretStr("hidden"), 0.3, found.append)
    rest.ask("AAPL", OPEN, OPEN)
    await until(lambda: found)
    rest.close()
    assert found[0].failure == "no idea"


@pytest.mark.parametrize("n_bars", [0, 3])
async def test_bars_come_as_they_are_and_the_key_is_not_shown(n_bars):
    vendor, found = Rest(*(bar("AAPL", OPEN + n) for n in range(n_bars))), []
    async with serving((AGGS, vendor.handle)) as port:
        rest = RestBars(f"http://127.0.0.1:{port}", SecretStr("hidden"), 1.0, found.append)
        assert "hidden" not in repr(vars(rest))
        for _ in range(2):
            found.clear()
            rest.ask("AAPL", OPEN, OPEN + 9)
            await until(lambda: found)
            assert [one.minute - OPEN for one in found[0].bars] == list(range(n_bars))
        rest.close()
