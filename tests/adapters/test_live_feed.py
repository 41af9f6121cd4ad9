"""Bars of all sources, one a symbol and minute: what is decided on, what is asked for, what is frozen."""

import asyncio
import datetime as dt
import json
from contextlib import asynccontextmanager

import msgpack
import numpy as np
import pytest
from pydantic import SecretStr

from daytrader_ray.adapters import bar_buffer
from daytrader_ray.adapters.bar_buffer import BarBuffer
from daytrader_ray.adapters.live_config import FeedConfig, LiveConfig
from daytrader_ray.adapters.live_feed import LiveFeed
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.sessions import Session
from tests.adapters.streams import QUICK, Alpaca, Polygon, Rest, alpaca_bar, bar, serving, until

OPEN = 29_000_000
SESSION = Session(dt.date(2025, 12, 2), OPEN, 6)
SYMBOLS = ("AAPL", "SPY")
AGGS = "/v2/aggs/ticker/{symbol}/range/1/minute/{start}/{end}"


class Vendors:
    """All servers of a test, and the feed that is connected to them."""

    def __init__(self):
        self.polygon, self.indices, self.alpaca, self.rest = Polygon(), Polygon(), Alpaca(), Rest()
        self.feed = None
        self.now = 60.0 * (OPEN + SESSION.n_minutes) - 1.0
        self.folder = None

    async def send(self, *bars):
        """Send bars by Polygon and wait until they are taken."""
        before = self.feed._n_bars
        await self.polygon.send(*bars)
        await until(lambda: self.feed._n_bars == before + len(bars))

    async def closed(self, *bars, n_bars=None):
        """Send bars and close the minute: (symbol, slot) of what a decision sees."""
        if bars:
            await self.send(*bars)
        return [(b.symbol, b.minute - OPEN) for b in await self.feed.bars(n_bars)]

    def written(self):
        return [row for record in bar_buffer.read(self.folder) for row in record.get("rows", ())]


@pytest.fixture
def vendors(tmp_path):
    made = Vendors()
    made.folder = tmp_path / "buffer"

    @asynccontextmanager
    async def connect(symbols=SYMBOLS, second=False, before=lambda _: None, previous=None, **rules):
        before(made)
        paths = (
            ("/stocks", made.polygon.handle),
            ("/indices", made.indices.handle),
            ("/v2/sip", made.alpaca.handle),
            (AGGS, made.rest.handle),
        )
        async with serving(*paths) as port:
            rules = {"backfill_seconds": 1.0, "reconcile_seconds": 2.0, "reconnect": QUICK} | rules
            if second:
                rules["second_stream_url"] = f"ws://127.0.0.1:{port}/v2/sip"
            key = SecretStr("k")
            config = FeedConfig(
                stream_url=f"ws://127.0.0.1:{port}/stocks", url=f"http://127.0.0.1:{port}", key=key,
                second_key=key, second_secret=key, ready_seconds=2.0, bar_seconds=1.0, rules=LiveConfig(**rules),
            )  # fmt: skip
            with BarBuffer(made.folder) as buffer:
                parts = config, SESSION, symbols, buffer, np.random.default_rng(1), lambda: made.now, previous
                made.feed = LiveFeed(*parts)
                async with made.feed:
                    yield made

    return connect


def slot(symbol, number, **values):
    return bar(symbol, OPEN + number, **values)


async def test_bars_reach_a_decision_once_and_are_on_disk_before(vendors):
    async with vendors() as v:
        await v.send(slot("AAPL", 0), slot("SPY", 0))
        assert v.feed.is_complete(0) and len(v.written()) == 2
        assert await v.closed() == [("AAPL", 0), ("SPY", 0)]
        assert await v.closed(slot("SPY", 1), slot("SPY", 1), slot("AAPL", 0)) == [("SPY", 1)]
        assert v.feed.counts["same"] == 2 and v.feed.frozen() == {} and v.feed.alarms() == []
        assert v.rest.asked == []


async def test_a_minute_is_complete_when_every_stock_has_reported(vendors):
    async with vendors(("AAPL", "I:VIX", "SPY")) as v:
        await v.send(slot("AAPL", 0))
        assert not v.feed.is_complete(0)
        await v.send(slot("SPY", 0))
        assert v.feed.is_complete(0) and not v.feed.is_complete(1)


async def test_a_late_bar_goes_to_the_buffer_with_its_time_and_into_no_decision(vendors):
    async with vendors() as v:
        assert await v.closed(slot("SPY", 0)) == [("SPY", 0)]
        v.now += 75.0
        assert await v.closed(slot("AAPL", 0), slot("SPY", 1)) == [("SPY", 1)]
        assert v.feed.alarms() == ["live bars: a bar came after its minute had been decided 1 times"]
        known = {(row[0], row[1] - OPEN): row[9] for row in v.written()}
        assert known == {("SPY", 0): None, ("AAPL", 0): int(v.now * 1e6), ("SPY", 1): None}


async def test_a_revised_bar_is_written_with_the_time_of_its_revision(vendors):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        v.now += 30.0
        assert await v.closed(slot("AAPL", 0, c=10.75), slot("SPY", 1)) == [("SPY", 1)]
        (revised,) = [row for row in v.written() if row[11] == "revised"]
        assert revised[5] == 10.75 and revised[9] == int(v.now * 1e6)
        assert v.feed.counts["revised"] == 1


async def test_bars_with_impossible_values_are_written_but_not_used_and_the_truth_is_asked_for(vendors):
    async with vendors() as v:
        v.rest.bars = [slot("AAPL", 0)]
        wrong = [slot("AAPL", 0, h=9.0), slot("AAPL", 0, l=-1.0), slot("AAPL", 0, v=-5)]
        assert await v.closed(*wrong, slot("SPY", 0)) == [("SPY", 0), ("AAPL", 0)]
        assert v.rest.asked == ["AAPL"] and v.feed.counts["invalid"] == 3
        assert sorted(row[11] for row in v.written()) == ["invalid"] * 3 + ["new"] * 2


async def test_bars_of_extended_hours_and_other_symbols_are_counted_only(vendors):
    async with vendors() as v:
        v.now += 120.0
        assert await v.closed(slot("AAPL", -5), slot("MSFT", 0), slot("AAPL", 6), slot("SPY", 0)) == [("SPY", 0)]
        assert v.feed.counts["outside"] == 3 and len(v.written()) == 1


async def test_after_a_reconnect_the_gap_is_filled_by_rest_before_the_next_decision(vendors):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        await v.polygon.end(1006)
        await until(lambda: len(v.polygon.subscribed) == 2 and v.feed._stocks[0].up)
        v.rest.bars = [slot("AAPL", 1), slot("SPY", 1)]
        assert await v.closed(slot("SPY", 1)) == [("SPY", 1), ("AAPL", 1)]
        assert v.rest.asked == ["AAPL"]
        assert await v.closed(slot("SPY", 2)) == [("SPY", 2)] and v.rest.asked == ["AAPL"]
        assert v.feed.alarms() == ["live bars: Polygon's stream had a gap 1 times"]


async def test_a_stream_that_says_nothing_of_a_minute_is_not_believed(vendors):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        v.rest.bars = [slot("AAPL", 1)]
        assert await v.closed() == [("AAPL", 1)] and sorted(v.rest.asked) == ["AAPL", "SPY"]


async def test_while_the_stream_is_down_every_minute_comes_by_rest(vendors):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        v.polygon.moods = ["429"] * 1000
        await v.polygon.end(1006)
        for number in (1, 2, 3):
            v.rest.bars += [slot("AAPL", number), slot("SPY", number)]
            assert sorted(await v.closed()) == [("AAPL", number), ("SPY", number)]
            assert v.feed.frozen() == {}


async def test_what_neither_stream_nor_rest_tell_is_frozen_until_it_is_known(vendors):
    async with vendors() as v:
        v.rest.down = True
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        await v.polygon.end(1006)
        await until(lambda: len(v.polygon.subscribed) == 2 and v.feed._stocks[0].up)
        assert await v.closed(slot("SPY", 1)) == [("SPY", 1)] and v.feed.frozen() == {"AAPL": "stale"}
        v.rest.down, v.rest.bars = False, [slot("AAPL", 1)]
        assert await v.closed(slot("SPY", 2), slot("AAPL", 2)) == [("SPY", 2), ("AAPL", 2)]
        assert v.feed.frozen() == {} and v.feed.counts["late"] == 1


async def test_a_hanging_rest_server_holds_up_no_decision_for_long(vendors):
    async with vendors(backfill_seconds=0.2) as v:
        v.rest.hang = True
        assert await v.closed() == [] and v.feed.frozen() == {"AAPL": "stale", "SPY": "stale"}


async def test_a_session_in_the_dark_ends_after_some_minutes(vendors):
    async with vendors(dark_minutes=2) as v:
        v.rest.down = True
        v.polygon.moods = ["429"] * 1000
        await v.polygon.end(1006)
        await until(lambda: not v.feed._stocks[0].up)
        await v.closed()
        with pytest.raises(
            FeedError, match=r"no bar in time for 2 minutes; polygon stream: (no connection|the stream broke)"
        ):
            await v.closed()


async def test_a_bar_missing_in_the_volume_of_the_day_is_asked_for(vendors):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0, v=100, av=100), slot("SPY", 0))
        await v.closed(slot("SPY", 1))
        v.rest.bars = [slot("AAPL", 1, v=50)]
        await v.closed(slot("AAPL", 2, v=10, av=160), slot("SPY", 2))
        assert v.rest.asked == ["AAPL"] and v.feed.counts["late"] == 1
        await v.closed(slot("AAPL", 4, v=40, av=200), slot("SPY", 3))
        assert v.rest.asked == ["AAPL"]


async def test_the_first_valid_bar_wins_and_differences_are_counted(vendors):
    async with vendors(second=True) as v:
        await until(lambda: v.feed._stocks[1].up)
        await v.send(slot("AAPL", 0, c=10.6))
        await v.alpaca.send(alpaca_bar("AAPL", OPEN, c=10.7), alpaca_bar("SPY", OPEN))
        await until(lambda: v.feed._n_bars == 3)
        assert v.feed.is_complete(0)
        first, second = await v.feed.bars(None)
        assert (first.symbol, first.close, second.symbol, second.close) == ("AAPL", 10.6, "SPY", 10.5)
        assert v.feed.counts["other"] == 1
        assert [(row[0], row[5], row[10], row[11]) for row in v.written()] == [
            ("AAPL", 10.6, "polygon", "new"), ("AAPL", 10.7, "alpaca", "other"), ("SPY", 10.5, "alpaca", "new")
        ]  # fmt: skip
        await v.send(slot("SPY", 0))
        assert v.feed.counts["same"] == 1 and v.feed.counts["new"] == 2


@pytest.mark.parametrize("dead", ["polygon", "alpaca"])
async def test_either_source_may_die_without_a_missed_minute(vendors, dead):
    async with vendors(second=True) as v:
        v.rest.down = True
        await until(lambda: v.feed._stocks[1].up)
        if dead == "polygon":
            v.polygon.moods = ["429"] * 1000
            await v.polygon.end(1006)
        else:
            v.alpaca.moods = ["close at auth"] * 1000
            await v.alpaca.socket.close()
        await until(lambda: sum(source.up for source in v.feed._stocks) == 1)
        for number in range(3):
            if dead == "polygon":
                await v.alpaca.send(alpaca_bar("AAPL", OPEN + number), alpaca_bar("SPY", OPEN + number))
                await until(lambda n=number: v.feed.is_complete(n))
            else:
                await v.send(slot("AAPL", number), slot("SPY", number))
            assert sorted(await v.closed()) == [("AAPL", number), ("SPY", number)]
        assert v.feed.frozen() == {} and v.rest.asked == []


async def test_a_gap_in_one_source_is_none_while_the_other_is_whole(vendors):
    async with vendors(second=True) as v:
        await until(lambda: v.feed._stocks[1].up)
        await v.polygon.text("[{")
        await v.alpaca.send(alpaca_bar("SPY", OPEN))
        await until(lambda: v.feed._n_bars == 1 and v.feed.counts.get("corrupt"))
        assert await v.closed() == [("SPY", 0)] and v.rest.asked == [] and v.feed.frozen() == {}


async def test_a_halt_freezes_a_symbol_until_it_resumes_or_trades(vendors):
    async with vendors(second=True) as v:
        await until(lambda: v.feed._stocks[1].up)

        async def status(code, symbol, minute):
            stamp = msgpack.Timestamp(minute * 60)
            await v.alpaca.send({"T": "s", "S": symbol, "sc": code, "sm": "", "rc": "", "rm": "", "t": stamp, "z": "C"})

        await status("P", "AAPL", OPEN)
        await status("H", "SPY", OPEN)
        await until(lambda: v.feed.counts.get("halts") == 2)
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        assert v.feed.frozen() == {"AAPL": "halt", "SPY": "halt"}
        await status("T", "AAPL", OPEN + 1)
        await until(lambda: "AAPL" not in v.feed._receiver.halted)
        await v.closed(slot("AAPL", 1))
        assert v.feed.frozen() == {"SPY": "halt"}
        await v.closed(slot("SPY", 2))
        assert v.feed.frozen() == {}


async def test_a_bar_without_volume_is_judged_like_any_other(vendors):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        wild = slot("AAPL", 1, o=900.0, h=900.0, l=900.0, c=900.0, v=0)
        assert await v.closed(wild, slot("SPY", 1)) == [("SPY", 1)]
        assert v.feed.frozen() == {"AAPL": "suspect price"}


async def test_a_first_bar_far_from_the_day_before_waits_for_the_second(vendors):
    async with vendors(previous={"AAPL": 100.0, "SPY": 10.0}) as v:
        assert await v.closed(slot("AAPL", 0), slot("SPY", 0)) == [("SPY", 0)]
        assert v.feed.frozen() == {"AAPL": "suspect price"}
        assert await v.closed(slot("AAPL", 1)) == [("AAPL", 1)]


async def test_a_price_that_jumps_is_withheld_until_the_next_bar_confirms_it(vendors):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        high = {"o": 20.0, "h": 20.5, "l": 19.5, "c": 20.0}
        assert await v.closed(slot("AAPL", 1, **high), slot("SPY", 1)) == [("SPY", 1)]
        assert v.feed.frozen() == {"AAPL": "suspect price"}
        assert await v.closed(slot("AAPL", 2, **high), slot("SPY", 2)) == [("AAPL", 2), ("SPY", 2)]
        assert v.feed.frozen() == {} and len(v.written()) == 6


async def test_indices_come_by_their_own_stream_or_by_rest_and_are_never_frozen(vendors):
    async with vendors(("AAPL", "I:VIX")) as v:
        await until(lambda: v.feed._indices[0].up)
        assert v.indices.subscribed == [["AM.I:VIX"]]
        index = {"v": None, "vw": None, "o": 20.0, "h": 21.0, "l": 19.0, "c": 20.5}
        await v.indices.send(slot("I:VIX", 0, **index))
        await until(lambda: v.feed._n_bars == 1)
        assert await v.closed(slot("AAPL", 0)) == [("I:VIX", 0), ("AAPL", 0)] and v.rest.asked == []
        await v.indices.end(1000)
        v.indices.moods = ["429"] * 1000
        v.rest.bars = [slot("I:VIX", 1, **{**index, "v": 0, "vw": 20.0})]
        assert await v.closed(slot("AAPL", 1)) == [("AAPL", 1), ("I:VIX", 1)] and v.rest.asked == ["I:VIX"]
        v.rest.down = True
        assert await v.closed(slot("AAPL", 2)) == [("AAPL", 2)] and v.feed.frozen() == {}


async def test_a_rehearsal_waits_for_the_bars_that_are_announced(vendors):
    async with vendors() as v:
        await v.polygon.send(slot("AAPL", 0))
        assert await v.closed(n_bars=1) == [("AAPL", 0)]
        assert v.rest.asked == []
        assert await v.closed(n_bars=1) == [] and sorted(v.rest.asked) == ["AAPL", "SPY"]
        with pytest.raises(FeedError, match="waited 1 s for bar 3; 1 have arrived"):
            await v.closed(n_bars=3)


async def test_a_rehearsal_goes_on_by_rest_once_its_stream_has_broken(vendors):
    async with vendors() as v:
        await v.polygon.send(slot("AAPL", 0))
        assert await v.closed(n_bars=1) == [("AAPL", 0)]
        await v.polygon.end(1006)
        v.rest.bars = [slot("AAPL", 1), slot("SPY", 1), slot("AAPL", 2)]
        assert sorted(await v.closed(n_bars=3)) == [("AAPL", 1), ("SPY", 1)]
        assert await v.closed(n_bars=4) == [("AAPL", 2)]


async def test_at_the_close_history_corrects_and_fills_the_day_but_does_not_complete_it(vendors):
    async with vendors() as v:
        for number in range(SESSION.n_minutes):
            await v.closed(slot("SPY", number))
        v.now = 60.0 * (OPEN + SESSION.n_minutes) + 3.0
        v.rest.bars = [*(slot("SPY", number) for number in range(5)), slot("SPY", 5, c=10.7), slot("AAPL", 4)]
        await v.feed.reconcile()
        rows = {(row[0], row[1] - OPEN): row for row in v.written()}
        assert rows["SPY", 5][5] == 10.7 and rows["SPY", 5][9] == int(v.now * 1e6)
        assert rows["AAPL", 4][9] == int(v.now * 1e6)
        assert rows["SPY", 0][8] == 20 and rows["SPY", 0][9] is None
        assert {record["kind"] for record in bar_buffer.read(v.folder)} == {"bars"}


async def test_ticks_of_chosen_symbols_become_minutes_in_the_buffer(vendors):
    async with vendors(quotes=("SPY",), trades=("SPY",)) as v:
        assert {"Q.SPY", "T.SPY"} <= set(v.polygon.subscribed[0])
        start = OPEN * 60_000
        for second in (0, 20, 40):
            quote = {"ev": "Q", "sym": "SPY", "bp": 99.99, "ap": 100.01, "bs": 2, "as": 3, "t": start + 1000 * second}
            trade = {"ev": "T", "sym": "SPY", "p": 100.0, "s": 10, "t": start + 1000 * second}
            await v.polygon.send(quote, trade)
        await v.closed(slot("SPY", 0))
        found = {record["kind"]: record for record in bar_buffer.read(v.folder) if record["kind"] != "bars"}
        assert found["quote_bars"]["columns"]["quotes"] == [3] and found["trade_bars"]["columns"]["volume"] == [30.0]
        assert found["quote_bars"]["columns"]["bid_size_mean"] == [200.0]
        assert v.feed.ticks()["SPY"] == pytest.approx([2.0, -0.2, 0.0, 0.0, 3.0, 10.0])
        await v.closed(slot("SPY", 1))
        assert v.feed.ticks() == {}


async def test_with_ticks_a_minute_is_complete_once_their_own_stream_is_past_it(vendors):
    async with vendors(second=True, trades=("SPY",)) as v:
        await v.alpaca.send(alpaca_bar("AAPL", OPEN), alpaca_bar("SPY", OPEN))
        await until(lambda: v.feed._n_bars == 2)
        assert not v.feed.is_complete(0)
        await v.send(slot("AAPL", 0))
        assert v.feed.is_complete(0)


async def test_ticks_ahead_of_time_are_dropped_and_minutes_with_a_gap_are_not_stored(vendors):
    def quote(number):
        stamp = (OPEN + number) * 60_000 + 1
        return {"ev": "Q", "sym": "SPY", "bp": 100.0, "bs": 3, "ap": 100.02, "as": 4, "t": stamp, "q": 1}

    async with vendors(quotes=("SPY",)) as v:
        await v.polygon.send(quote(10**6))
        for number in range(6):
            if number == 2:
                await v.polygon.end(1006)
                await until(lambda: v.feed._stocks[0].up and len(v.polygon.subscribed) == 2)
            await v.polygon.send(quote(number))
            await v.closed(slot("AAPL", number), slot("SPY", number))
        parts = [record["columns"] for record in bar_buffer.read(v.folder) if record["kind"] == "quote_bars"]
        assert [stamp // 60_000_000 - OPEN for part in parts for stamp in part["timestamp"]] == [0, 1, 4, 5]
        assert v.feed.counts["ticks future"] == 1 and v.feed.counts["tick minutes lost"] == 2
        assert "live bars: a quote or trade was stamped ahead of time 1 times" in v.feed.alarms()


async def test_a_second_stream_that_refuses_the_key_is_an_alarm_and_stops_nothing(vendors):
    async with vendors(second=True, before=lambda v: setattr(v.alpaca, "key", "another")) as v:
        assert v.feed.alarms()[0].startswith("alpaca stream: the key was refused (auth failed)")
        assert len(await v.closed(slot("AAPL", 0), slot("SPY", 0))) == 2


async def test_without_any_source_a_session_does_not_start(tmp_path):
    async with serving() as port:
        pass
    config = FeedConfig(
        stream_url=f"ws://127.0.0.1:{port}/stocks", url=f"http://127.0.0.1:{port}", key="k", ready_seconds=0.3
    )
    with BarBuffer(tmp_path) as buffer, pytest.raises(FeedError, match="polygon stream: no connection"):
        await LiveFeed(config, SESSION, SYMBOLS, buffer, np.random.default_rng(1), lambda: 0.0).__aenter__()


async def test_a_buffer_that_cannot_be_written_ends_the_session(vendors, monkeypatch):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        fill(v, monkeypatch)
        await v.polygon.send(slot("AAPL", 1))
        await until(lambda: v.feed._receiver.failure)
        await v.polygon.send(slot("SPY", 1))
        await asyncio.sleep(0.02)
        with pytest.raises(FeedError, match="cannot be written: No space left on device"):
            await v.closed()


@pytest.mark.parametrize("way", ["rest", "drain"])
async def test_a_full_disk_is_named_whatever_is_written_when_it_is_met(vendors, monkeypatch, way):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        fill(v, monkeypatch)
        v.rest.bars = [slot("AAPL", 1), slot("SPY", 1)]
        if way == "drain":
            v.feed._stocks[0].frame(json.dumps([slot("AAPL", 1), slot("SPY", 1)]), True)
        with pytest.raises(FeedError, match="cannot be written: No space left on device"):
            await v.feed.bars(None)


def fill(v, monkeypatch):
    file = v.feed._receiver._buffer._file

    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

        def __getattr__(self, name):
            return getattr(file, name)

    monkeypatch.setattr(v.feed._receiver._buffer, "_file", Full())


async def test_a_lagging_history_proves_no_silence_and_darkness_ends_the_session(vendors):
    async with vendors(dark_minutes=3) as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        v.polygon.moods = ["429"] * 1000
        await v.polygon.end(1006)
        await until(lambda: not v.feed._stocks[0].up)
        v.rest.bars = [slot("AAPL", 0), slot("SPY", 0)]
        for _ in (1, 2):
            assert await v.closed() == [] and v.feed.frozen() == {"AAPL": "stale", "SPY": "stale"}
        v.rest.bars += [slot("SPY", number) for number in (1, 2, 3)]
        assert await v.closed() == [("SPY", 3)] and v.feed.frozen() == {}
        assert v.feed.counts["late"] == 2


async def test_a_clock_ahead_of_the_vendor_is_darkness(vendors):
    async with vendors(dark_minutes=2) as v:
        assert await v.closed() == [] and v.feed.frozen() == {"AAPL": "stale", "SPY": "stale"}
        await v.send(slot("AAPL", 0), slot("SPY", 0))
        with pytest.raises(FeedError, match=r"no bar in time for 2 minutes; .*is this machine's clock right"):
            await v.closed()


async def test_a_halt_of_the_whole_market_is_no_darkness(vendors):
    async with vendors(dark_minutes=1) as v:
        assert v.feed._receiver.expects()
        await v.polygon.send(*({"ev": "LULD", "T": name, "i": [17], "t": OPEN * 60_000} for name in SYMBOLS))
        await until(lambda: v.feed.counts.get("halts") == 2)
        assert await v.closed() == [] and v.feed.frozen() == {"AAPL": "halt", "SPY": "halt"}
        assert not v.feed._receiver.expects()


async def test_a_market_that_stands_still_unannounced_is_waited_for_while_the_stream_is_up(vendors):
    async with vendors(dark_minutes=2) as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        for _ in range(4):
            assert await v.closed() == [] and v.feed.frozen() == {"AAPL": "stale", "SPY": "stale"}
        assert len(await v.closed(slot("AAPL", 5), slot("SPY", 5))) == 2 and v.feed.frozen() == {}


async def test_streams_may_be_silent_outside_the_session(vendors):
    async with vendors() as v:
        found = []
        for minutes in (-30, 0, SESSION.n_minutes):
            v.now = 60.0 * (OPEN + minutes)
            found.append(v.feed._receiver.expects())
        assert found == [False, True, False]


async def test_bars_of_minutes_that_have_not_begun_are_refused(vendors):
    async with vendors() as v:
        v.now = 60.0 * (OPEN + 1) + 1.0
        early = [slot("AAPL", 3, c=10.9), slot("ZZZ", 10**6), slot("ZZZ", 0)]
        v.rest.bars = [slot("SPY", 0)]
        assert await v.closed(slot("AAPL", 0), *early) == [("AAPL", 0), ("SPY", 0)]
        assert v.feed.counts["future"] == 2 and v.feed._stocks[0].latest == 0
        v.now = 60.0 * (OPEN + 5)
        for number in (1, 2, 3):
            assert await v.closed(slot("AAPL", number), slot("SPY", number)) == [("AAPL", number), ("SPY", number)]


async def test_a_bar_of_the_minute_after_waits_for_its_own_decision(vendors):
    async with vendors() as v:
        assert await v.closed(slot("AAPL", 0), slot("SPY", 0), slot("AAPL", 1)) == [("AAPL", 0), ("SPY", 0)]
        assert await v.closed(slot("SPY", 1)) == [("AAPL", 1), ("SPY", 1)]


async def test_impossible_bars_of_other_times_are_not_kept(vendors):
    async with vendors() as v:
        far = slot("AAPL", 0, s=60_000 * 2**27, l=-1.0)
        assert await v.closed(far, slot("AAPL", -5, l=-1.0), slot("AAPL", 0), slot("SPY", 0))
        assert len(v.written()) == 2


async def test_no_message_ends_the_reader(vendors, monkeypatch):
    async with vendors(quotes=("SPY",)) as v:
        await v.polygon.send(slot("AAPL", 0, s=60_000 * 2**70, l=-1.0))
        await v.polygon.send({"ev": "Q", "sym": "SPY", "bp": 1.0, "bs": 3, "ap": 1.0, "as": 4, "t": 6e20})
        await until(lambda: v.feed.counts.get("corrupt") == 2)
        decode, source = v.feed._stocks[0].decode, v.feed._stocks[0]
        monkeypatch.setattr(source, "decode", lambda _: 1 / 0)
        await v.polygon.text("[]")
        await until(lambda: v.feed.counts.get("corrupt") == 3)
        source.decode, v.rest.bars = decode, [slot("AAPL", 0)]
        assert await v.closed(slot("SPY", 0)) == [("SPY", 0), ("AAPL", 0)] and source.breaks == 3


async def test_a_reader_that_ends_ends_the_session(vendors, monkeypatch):
    async with vendors() as v:
        monkeypatch.setattr(v.feed._receiver._inbox, "take", lambda: 1 / 0)
        await v.polygon.send(slot("SPY", 0))
        await until(lambda: v.feed._receiver.failure)
        with pytest.raises(FeedError, match=r"the reader of bars has ended .ZeroDivisionError"):
            await v.closed()


async def test_a_bar_corrected_before_its_decision_is_decided_on_as_corrected(vendors):
    async with vendors() as v:
        await v.send(slot("AAPL", 0, c=10.5), slot("SPY", 0), slot("AAPL", 0, c=10.9))
        assert [(bar.symbol, bar.close) for bar in await v.feed.bars(None)] == [("AAPL", 10.9), ("SPY", 10.5)]


async def test_a_gap_found_by_the_decision_itself_is_filled(vendors):
    async with vendors() as v:
        await v.closed(slot("AAPL", 0), slot("SPY", 0))
        await v.send(slot("SPY", 1))
        v.feed._stocks[0].frame('[{"ev":"AM","sym":"AAPL"', True)
        v.rest.bars = [slot("AAPL", 1)]
        assert await v.closed() == [("SPY", 1), ("AAPL", 1)] and v.rest.asked == ["AAPL"]
