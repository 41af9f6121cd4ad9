"""The fifteen defects of the vendor's client (PROTOCOLS 1.5, W1 to W15), each against a server that provokes it."""

import asyncio
import contextlib
import json
import logging
import math
import os
import subprocess
import sys
import time

import massive
import massive.exceptions
import numpy as np
import pytest
from pydantic import SecretStr

from daytrader_ray.adapters.live_config import ReconnectConfig
from daytrader_ray.adapters.polygon_stream import PolygonLink, decode, indices_url
from daytrader_ray.adapters.supervisor import Supervisor
from daytrader_ray.domain.errors import FeedError
from tests.adapters.streams import QUICK, Heard, Polygon, bar, gaps, serving, until

CHANNELS = ["AM.AAPL", "AM.SPY"]


def link(port, channels=CHANNELS, extras=(), key="k"):
    return PolygonLink(f"ws://127.0.0.1:{port}/stocks", SecretStr(key), channels, extras)


async def test_bars_are_stamped_with_their_start_and_arrive_once_each():
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        assert sorted(vendor.subscribed[0]) == CHANNELS
        await vendor.send(bar("AAPL", 29_000_000, av=5000), bar("SPY", 29_000_000, vw=None))
        await until(lambda: heard.bars(decode))
        first, second = decode(heard.frames[-1]).bars
    assert (first.symbol, first.minute, second.symbol) == ("AAPL", 29_000_000, "SPY")
    assert first[2:8] == (10.0, 11.0, 9.5, 10.5, 1200.0, 10.25) and first.day_volume == 5000
    assert math.isnan(second.vwap) and math.isnan(second.day_volume)


async def test_the_client_under_the_vendors_new_name_does_the_same(monkeypatch):
    monkeypatch.setattr("daytrader_ray.adapters.polygon_stream.WebSocketClient", massive.WebSocketClient)
    monkeypatch.setattr("daytrader_ray.adapters.polygon_stream.AuthError", massive.exceptions.AuthError)
    vendor = Polygon("close at auth 1006", "429")
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        await vendor.end(1000)
        await until(lambda: heard.line.connections == 2)
        await vendor.send(bar("AAPL", 7))
        await until(lambda: heard.bars(decode) == [("AAPL", 7)])


@pytest.mark.parametrize("code", [1000, 1001])
async def test_w1_a_clean_close_is_followed_by_a_new_connection(code):
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        await vendor.end(code)
        await until(lambda: heard.line.connections == 2)
        assert heard.line.failure == "the server closed the stream" and heard.line.breaks == 1
        assert sorted(vendor.subscribed[1]) == CHANNELS


async def test_w2_abnormal_closes_are_followed_by_growing_jittered_pauses():
    vendor = Polygon(*["close at auth 1011"] * 6)
    config = ReconnectConfig(connect_seconds=1.0, first_pause_seconds=0.04, longest_pause_seconds=0.32)
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port), config) as heard:
        await until(lambda: heard.line.up)
    pauses = gaps(vendor.at)
    assert len(pauses) == 6
    for pause, whole in zip(pauses, (0.04, 0.08, 0.16, 0.32, 0.32, 0.32), strict=True):
        assert whole / 2 <= pause < whole + 0.2
    assert len({round(pause / whole, 3) for pause, whole in zip(pauses[3:], (0.32,) * 3, strict=True)}) == 3


async def test_w3_the_seventh_abnormal_close_of_a_day_is_survived_like_the_first():
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        for n in range(1, 8):
            await until(lambda n=n: heard.line.connections == n)
            await vendor.send(bar("AAPL", n))
            await until(lambda n=n: ("AAPL", n) in heard.bars(decode))
            await vendor.end(1006 if n % 2 else 1008)
        await until(lambda: heard.line.connections == 8)


async def test_w4_a_refused_connection_is_one_failure_named_at_once():
    async with serving() as port:
        pass
    async with Heard(link(port)) as heard:
        await until(lambda: heard.line.failure, 1.0)
        assert "no connection (ConnectionRefusedError" in heard.line.failure


async def test_w4_a_handshake_answered_429_is_tried_again_after_our_pause():
    vendor = Polygon("429", "429")
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        assert len(vendor.at) == 3 and max(gaps(vendor.at)) < 1.0
        assert "429" in heard.line.failure


@pytest.mark.parametrize("stage", ["auth", "subscribe"])
@pytest.mark.parametrize("code", [1006, 1008, 1011])
async def test_w5_a_connection_that_dies_before_it_is_subscribed_costs_no_subscription(stage, code):
    vendor = Polygon(f"close at {stage} {code}", f"close at {stage} {code}")
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        assert sorted(vendor.subscribed[-1]) == CHANNELS
        await vendor.send(bar("AAPL", 7))
        await until(lambda: heard.bars(decode) == [("AAPL", 7)])


async def test_w6_another_answer_to_the_key_than_success_is_no_success():
    vendor = Polygon("max_connections at auth")
    async with serving(("/stocks", vendor.handle)) as port:
        config = QUICK.model_copy(update={"connect_seconds": 0.3})
        async with Heard(link(port), config) as heard:
            heard_up = heard.line.up
            await until(lambda: heard.line.failure)
            assert not heard_up and len(vendor.subscribed) == 1
            await until(lambda: heard.line.up)


async def test_w6_being_pushed_out_by_another_connection_is_named():
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        await vendor.status("max_connections", "Maximum number of connections exceeded.")
        await until(lambda: heard.line.failure)
        assert heard.line.failure == "the server says max_connections: Maximum number of connections exceeded."
        await until(lambda: heard.line.connections == 2)


async def test_w7_no_frame_however_broken_ends_the_connection():
    vendor = Polygon()
    broken = ['[{"ev":"AM"', "null", '{"ev":"AM"}', '[1, null, {"ev":"AM","sym":"AAPL"}]', "[]", '["status"]']
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        for text in broken:
            await vendor.text(text)
        await vendor.send(bar("AAPL", 1, c="much"), bar("AAPL", 2, s=61_000), bar("SPY", 3))
        await until(lambda: heard.bars(decode))
        assert heard.bars(decode) == [("SPY", 3)] and heard.line.connections == 1
        assert sum(decode(raw).corrupt for raw in heard.frames) == 1 + 1 + 1 + 3 + 1 + 2


async def test_w8_a_frame_of_more_than_a_mebibyte_arrives():
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        await vendor.send(*(bar("AAPL", minute) for minute in range(12_000)))
        await until(lambda: len(heard.bars(decode)) == 12_000)
        assert len(heard.frames[-1]) > 1 << 20 and heard.line.connections == 1


async def test_w9_every_channel_is_subscribed_exactly_once_a_connection_and_none_is_dropped():
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port, ["AM.*"], ["A.*", "T.AAPL"])) as heard:
        for n in (1, 2):
            await until(lambda n=n: heard.line.connections == n)
            for minute in range(10 * n, 10 * n + 2):  # what a client has planned it does after a message
                await vendor.send(bar("AAPL", minute))
                await until(lambda minute=minute: ("AAPL", minute) in heard.bars(decode))
            await asyncio.sleep(0.05)
            assert vendor.active == {"A.*", "AM.*", "T.AAPL"}
            await vendor.end(1000)
    assert [sorted(names) for names in vendor.subscribed[:2]] == [["A.*", "AM.*", "T.AAPL"]] * 2


async def test_w10_a_stream_is_ready_only_once_the_server_has_confirmed_every_bar():
    vendor = Polygon()
    vendor.status = confirm_only(vendor, "AM.SPY")
    config = QUICK.model_copy(update={"connect_seconds": 0.3})
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port), config) as heard:
        await until(lambda: heard.line.failure)
        assert not heard.line.connections
        assert heard.line.failure == "subscriptions not confirmed in 0.3 s"


async def test_w10_data_of_one_channel_do_not_excuse_another_that_is_never_confirmed():
    vendor = Polygon()
    vendor.status = confirm_only(vendor, "AM.SPY")
    config = QUICK.model_copy(update={"connect_seconds": 0.3})
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port), config) as heard:
        await until(lambda: vendor.active)
        for minute in range(12):
            with contextlib.suppress(ConnectionResetError):
                await vendor.send(bar("SPY", minute))
            await asyncio.sleep(0.05)
        assert not heard.line.connections and len(vendor.at) >= 2


def confirm_only(vendor, channel):
    said = Polygon.status

    async def status(kind, message):
        if "subscribed to" not in message or channel in message:
            await said(vendor, kind, message)

    return status


async def test_a_channel_that_the_plan_lacks_costs_only_that_channel():
    vendor = Polygon("no LULD")
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port, extras=["LULD.AAPL"])) as heard:
        await until(lambda: heard.line.up)
        assert "LULD.AAPL" in vendor.subscribed[0]


async def test_w11_options_reach_the_connection_itself(monkeypatch):
    seen = {}

    async def connect(_self, _handler, **options):
        seen.update(options)

    monkeypatch.setattr("daytrader_ray.adapters.polygon_stream.WebSocketClient.connect", connect)
    async with Heard(link(9)) as heard:
        await until(lambda: heard.line.failure)
    assert seen["max_size"] > 1 << 20 and seen["proxy"] is None


async def test_w12_a_frame_is_only_handed_on_and_never_waits(monkeypatch):
    took = []

    async def connect(_self, on_message, **_):
        start = time.perf_counter()
        for minute in range(500):
            with pytest.raises(StopIteration):  # done without giving up its turn
                on_message(json.dumps([bar("AAPL", minute)])).send(None)
        took.append(time.perf_counter() - start)

    monkeypatch.setattr("daytrader_ray.adapters.polygon_stream.WebSocketClient.connect", connect)
    async with Heard(link(9)) as heard:
        await until(lambda: took)
        assert len(heard.frames) >= 500 and took[0] < 0.5


async def test_w13_the_stream_runs_in_the_loop_it_is_started_in_and_gives_raw_text():
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)
        await vendor.send(bar("AAPL", 1))
        await until(lambda: heard.bars(decode))
    assert all(isinstance(raw, str) for raw in heard.frames)


async def test_w14_a_proxy_in_the_environment_does_not_stand_before_this_machine(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.up)


async def test_w15_events_of_unknown_kinds_are_counted_and_skipped(caplog):
    found = decode(json.dumps([{"ev": "XX", "sym": "AAPL"}, bar("AAPL", 1), {"ev": "FMV"}]))
    assert (found.unknown, len(found.bars), found.corrupt) == (2, 1, 0)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_w15_nothing_is_written_to_stdout():
    program = """
import asyncio, logging, numpy as np
from pydantic import SecretStr
from daytrader_ray.adapters import logs
from daytrader_ray.adapters.live_config import ReconnectConfig
from daytrader_ray.adapters.polygon_stream import PolygonLink
from daytrader_ray.adapters.supervisor import Supervisor
logs.configure()
logging.getLogger().setLevel(logging.DEBUG)
async def main():
    link = PolygonLink("ws://127.0.0.1:9/stocks", SecretStr("k"), ["AM.AAPL"])
    async with Supervisor("s", link, ReconnectConfig(), np.random.default_rng(1), print, lambda: None) as line:
        while not line.failure:
            await asyncio.sleep(0.01)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and "no connection" in done.stderr


async def test_a_stream_may_be_silent_while_nothing_is_expected():
    vendor, open_ = Polygon(), []
    config = QUICK.model_copy(update={"silence_seconds": 0.1})
    async with serving(("/stocks", vendor.handle)) as port:
        frames = []
        parts = "test", link(port), config, np.random.default_rng(1), frames.append, lambda: None
        async with Supervisor(*parts, lambda: bool(open_)) as line:
            await until(lambda: line.up)
            await asyncio.sleep(1.3)
            assert line.connections == 1 and line.breaks == 0
            open_.append(True)
            await until(lambda: line.connections == 2)


async def test_a_server_that_confirms_and_then_ends_is_not_stormed():
    vendor, config = Polygon(), ReconnectConfig(first_pause_seconds=0.05, longest_pause_seconds=5.0)
    vendor.status = confirmed_then(vendor, vendor.end, 1008)
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port), config) as heard:
        await asyncio.sleep(1.5)
        assert 2 <= len(vendor.at) <= 6 and heard.line.connections >= 2


async def test_a_connection_that_takes_ours_away_is_counted_and_left_alone_for_long():
    vendor, config = Polygon(), ReconnectConfig(first_pause_seconds=0.02, longest_pause_seconds=0.6)
    vendor.status = confirmed_then(vendor, Polygon.status, vendor, "max_connections", "Maximum number of connections")
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port), config) as heard:
        await until(lambda: len(vendor.at) == 2)
        assert heard.line.pushed_out == 1 and min(gaps(vendor.at)) >= 0.6


def confirmed_then(vendor, act, *args):
    confirmed = []

    async def status(kind, message):
        await Polygon.status(vendor, kind, message)
        confirmed.extend([message] * message.startswith("subscribed to"))
        if len(confirmed) == len(CHANNELS):
            confirmed.clear()
            await asyncio.sleep(0.02)
            await act(*args)

    return status


async def test_a_mute_connection_is_given_up_and_replaced():
    vendor = Polygon()
    config = QUICK.model_copy(update={"silence_seconds": 0.2})
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port), config) as heard:
        await until(lambda: heard.line.connections == 2)
        assert heard.line.failure == "not a word for 0.2 s" and heard.line.breaks >= 1


async def test_a_server_without_a_greeting_is_given_up():
    vendor = Polygon("no greeting")
    config = QUICK.model_copy(update={"connect_seconds": 0.2})
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port), config) as heard:
        await until(lambda: heard.line.up)
        assert heard.line.failure == "subscriptions not confirmed in 0.2 s"


async def test_a_refused_key_is_named_and_not_hammered():
    vendor = Polygon(key="another")
    async with serving(("/stocks", vendor.handle)) as port, Heard(link(port)) as heard:
        await until(lambda: heard.line.refused)
        assert heard.line.failure == "the key was refused (bad key)"


async def test_closing_takes_less_than_a_second():
    vendor = Polygon()
    async with serving(("/stocks", vendor.handle)) as port:
        heard = Heard(link(port))
        await heard.__aenter__()
        await until(lambda: heard.line.up)
        await asyncio.wait_for(heard.line.close(), 1.0)


def test_quotes_trades_and_pauses_are_read_beside_bars():
    found = decode(
        json.dumps(
            [
                {"ev": "Q", "sym": "SPY", "bp": 100.0, "bs": 3, "ap": 100.02, "as": 4, "t": 1_000, "q": 1},
                {"ev": "T", "sym": "SPY", "p": 100.01, "s": 50, "c": [12], "t": 1_001, "q": 2},
            ]
        )
    )
    assert found.quotes == [("SPY", 1_000_000_000, 100.0, 100.02, 3.0, 4.0)]
    assert found.trades == [("SPY", 1_001_000_000, 100.01, 50.0, (12,))]


@pytest.mark.parametrize("stamp", [60_000 * 2**70, 6 * 10**20, -60_000, 1e300])
def test_a_stamp_that_no_clock_shows_is_corrupt(stamp):
    found = decode(
        json.dumps(
            [
                bar("AAPL", 1, s=stamp),
                {"ev": "Q", "sym": "SPY", "bp": 100.0, "bs": 3, "ap": 100.02, "as": 4, "t": stamp, "q": 1},
                {"ev": "T", "sym": "SPY", "p": 100.01, "s": 50, "c": [12], "t": stamp, "q": 2},
                {"ev": "LULD", "T": "SPY", "i": [17], "t": stamp},
            ]
        )
    )
    assert (found.corrupt, found.bars, found.quotes, found.trades, found.halts) == (4, [], [], [], [])


def test_a_pause_and_its_end_have_the_vendors_numbers():
    found = decode(json.dumps([{"ev": "LULD", "T": "AAPL", "i": [code], "t": 600_000} for code in (17, 18, 16, 1)]))
    assert found.halts == [("AAPL", True, 10), ("AAPL", False, 10)]


def test_an_index_has_no_volume():
    (vix,) = decode(json.dumps([{k: v for k, v in bar("I:VIX", 5).items() if k not in ("v", "vw")}])).bars
    assert vix.volume == 0.0 and math.isnan(vix.vwap)
    assert indices_url("wss://socket.massive.com/stocks") == "wss://socket.massive.com/indices"


def test_a_stream_url_of_another_form_is_refused():
    with pytest.raises(FeedError, match="expected ws"):
        PolygonLink("https://x/y", SecretStr("k"), CHANNELS)


def test_a_pause_is_heard_in_milliseconds_and_in_nanoseconds():
    for stamp in (1_764_086_430_905, 1_764_086_430_905_642_800):
        found = decode(json.dumps([{"ev": "LULD", "T": "AAPL", "i": [17], "t": stamp}]))
        assert found.halts == [("AAPL", True, 29_401_440)] and found.corrupt == 0
