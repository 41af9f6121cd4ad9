"""Alpaca's stream by the vendor's client, one connection at a time."""

import math

import msgpack
import pytest
from pydantic import SecretStr

from daytrader_ray.adapters.alpaca_bars import AlpacaLink, decode
from tests.adapters.streams import QUICK, Alpaca, Heard, alpaca_bar, serving, until


def link(port, key="k"):
    return AlpacaLink(f"ws://127.0.0.1:{port}/v2/sip", SecretStr(key), SecretStr("s"), ("AAPL", "SPY"))


async def test_bars_corrections_and_statuses_are_subscribed_and_read():
    vendor = Alpaca()
    async with serving(("/v2/sip", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        (asked,) = vendor.subscribed
        assert all(sorted(asked[channel]) == ["AAPL", "SPY"] for channel in ("bars", "updatedBars", "statuses"))
        await vendor.send(alpaca_bar("AAPL", 29_000_000), alpaca_bar("AAPL", 29_000_000, T="u", c=10.6))
        await until(lambda: len(heard.bars(decode)) == 2)
        first, second = (one for raw in heard.frames for one in decode(raw).bars)
    assert first[:9] == ("AAPL", 29_000_000, 10.0, 11.0, 9.5, 10.5, 1200.0, 10.25, 20)
    assert math.isnan(first.day_volume) and second.close == 10.6


async def test_a_connection_that_ends_or_never_confirms_is_replaced():
    vendor = Alpaca("close at auth", "mute")
    config = QUICK.model_copy(update={"connect_seconds": 0.3})
    async with serving(("/v2/sip", vendor.handle)) as port, Heard(link(port), config) as heard:
        await until(lambda: heard.line.up)
        await vendor.socket.close(code=1000)
        await until(lambda: heard.line.connections == 2)


async def test_a_refused_key_is_named():
    vendor = Alpaca(key="another")
    async with serving(("/v2/sip", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.refused)
        assert heard.line.failure == "the key was refused (auth failed)"


async def test_an_error_of_the_server_ends_the_connection_with_its_words():
    vendor = Alpaca()
    async with serving(("/v2/sip", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        await vendor.send({"T": "error", "code": 407, "msg": "slow client"})
        await until(lambda: heard.line.failure)
        assert heard.line.failure == "the server says 407: slow client"


@pytest.mark.parametrize(("code", "halts"), [("H", [True]), ("2", [True]), ("T", [False]), ("3", [False]), ("5", [])])
def test_status_codes_of_both_plans_halt_and_resume(code, halts):
    message = {"T": "s", "S": "AAPL", "sc": code, "t": msgpack.Timestamp(600)}
    assert decode(message).halts == [("AAPL", halted, 10) for halted in halts]


def test_what_cannot_be_read_is_counted():
    broken = [
        alpaca_bar("AAPL", 1, c="much"),
        {"T": "b"},
        {"T": "b", "S": "AAPL", "t": msgpack.Timestamp(30)},
        {"T": "s"},
    ]
    assert [decode(message).corrupt for message in broken] == [1, 1, 1, 1]
    assert decode({"T": "xx"}).unknown == 1 and decode({}).unknown == 1
