"""The live links and the feed against the exchange that fails on purpose."""

import datetime as dt
from collections import Counter

import numpy as np
import pytest
from pydantic import SecretStr

from daytrader_ray.adapters import polygon_stream
from daytrader_ray.adapters.alpaca_bars import AlpacaLink
from daytrader_ray.adapters.bar_buffer import BarBuffer, read
from daytrader_ray.adapters.live_config import FeedConfig, LiveConfig
from daytrader_ray.adapters.live_feed import LiveFeed
from daytrader_ray.adapters.polygon_stream import PolygonLink
from daytrader_ray.adapters.sandbox_clock import SandboxClock
from daytrader_ray.domain.sessions import Session
from daytrader_ray.domain.trading import Phase
from daytrader_ray.sandbox import polygon_events
from daytrader_ray.sandbox.faults import Fault
from daytrader_ray.sandbox.server import FAULTS
from daytrader_ray.sandbox.sessions import market_of
from tests.adapters.streams import QUICK, Heard, until
from tests.sandbox.streaming import CONFIG, HALF_DAY_SESSION, OPEN_MS, exchange

DATE = dt.date(2025, 11, 28)
STAGES = ("greeting", "auth", "subscribe")
DURING = QUICK.model_copy(update={"connect_seconds": 0.5, "silence_seconds": 0.5})


def link(http, vendor):
    if vendor == "polygon":
        return PolygonLink(f"ws://127.0.0.1:{http.port}/stocks", SecretStr("K"), ["AM.AAPL", "AM.SPY"])
    return AlpacaLink(f"ws://127.0.0.1:{http.port}/v2/sip", SecretStr("K"), SecretStr("S"), ["AAPL", "SPY"])


def rule(vendor, kind, where, **values):
    return Fault(channel=f"{vendor}_stream", kind=kind, where=where, count=1, **values)


@pytest.mark.parametrize("vendor", ["polygon", "alpaca"])
@pytest.mark.parametrize(
    ("kind", "where", "values"),
    [
        *(
            ("close", stage, {"code": code})
            for stage in ("greeting", "auth", "subscribe")
            for code in (1000, 1006, 1008)
        ),
        ("no_greeting", "greeting", {}),
        ("auth_failed", "auth", {}),
        ("max_connections", "auth", {}),
        ("silence", "auth", {"seconds": 5.0}),
        ("drop", "subscribe", {}),
    ],
)
async def test_whatever_goes_wrong_at_the_beginning_the_next_connection_is_subscribed(vendor, kind, where, values):
    async with (
        exchange(rules=[rule(vendor, kind, where, **values)]) as http,
        Heard(link(http, vendor), DURING) as heard,
    ):
        await until(lambda: heard.line.up, 8.0)
        assert heard.line.failure


async def followed(http, tmp_path, symbols, n_slots, **rules):
    """Follow the half-day's first minutes in lockstep; return bars and frozen symbols by slot."""
    session = Session(DATE, OPEN_MS // 60_000, 210)
    url = f"127.0.0.1:{http.port}"
    config = FeedConfig(stream_url=f"ws://{url}/stocks", url=f"http://{url}", key="K", rules=LiveConfig(**rules))
    bars, frozen = [], []
    with BarBuffer(tmp_path) as buffer:
        async with (
            LiveFeed(config, session, symbols, buffer, np.random.default_rng(1), lambda: 4e9) as feed,
            SandboxClock(f"http://{url}", DATE) as clock,
        ):
            while len(bars) < n_slots and (tick := await clock.next_tick()) is not None:
                if tick.phase is Phase.CLOSE:
                    bars.append({bar.symbol: bar for bar in await feed.bars(tick.n_bars)})
                    frozen.append(dict(feed.frozen()))
                await clock.done(tick)
    return bars, frozen


async def test_a_halt_freezes_entries_from_its_start_to_its_end(tmp_path):
    config = CONFIG.model_copy(update={"halt_chance": 1.0})
    (halt,) = market_of(config).halts("AAPL", HALF_DAY_SESSION)
    async with exchange(config) as http:
        _, frozen = await followed(http, tmp_path, ("AAPL", "SPY"), halt.stop + 2)
    reasons = [found.get("AAPL") for found in frozen]
    assert reasons[halt.start : halt.stop] == ["halt"] * (halt.stop - halt.start)
    assert "halt" not in reasons[: halt.start] + reasons[halt.stop :]
    assert not any("SPY" in found for found in frozen)


async def test_indices_and_ticks_come_beside_the_bars(tmp_path):
    async with exchange() as http:
        ticks = {"quotes": ("SPY",), "trades": ("SPY",)}
        bars, frozen = await followed(http, tmp_path, ("AAPL", "I:VIX", "SPY"), 5, **ticks)
    values = [found["I:VIX"] for found in bars if "I:VIX" in found]
    assert len(values) == 5 and all(5 < bar.close < 100 and bar.volume == 0 for bar in values)
    assert frozen == [{}] * 5
    kinds = Counter(record["kind"] for record in read(tmp_path))
    assert kinds["quote_bars"] >= 4 and kinds["trade_bars"] >= 4


@pytest.mark.parametrize("kind", ["close", "corrupt", "drop", "duplicate", "out_of_order", "big_frame", "split_frame"])
async def test_a_rehearsal_sees_every_bar_whatever_its_stream_does(tmp_path, kind):
    faults = [Fault(channel="polygon_stream", kind=kind, where="data/stocks/bars", probability=0.3, count=3)]
    async with exchange(rules=faults) as http:
        bars, _ = await followed(http, tmp_path, ("AAPL", "SPY"), 12, reconnect=DURING)
        fired = len(http.app[FAULTS].log)
    made = {symbol: market_of(CONFIG).bars(symbol, HALF_DAY_SESSION) for symbol in ("AAPL", "SPY")}
    missing = sum(
        one.traded[slot] and (symbol not in found or found[symbol].close != one.close[slot])
        for slot, found in enumerate(bars)
        for symbol, one in made.items()
    )
    # What is dropped or comes after the next message cannot be known in its own minute.
    assert fired and missing <= (fired if kind in ("drop", "out_of_order") else 0)


def test_the_exchange_and_the_links_mean_the_same_by_a_pause():
    assert polygon_stream._PAUSED == polygon_events.PAUSED and polygon_stream._RESUMED == polygon_events.RESUMED
