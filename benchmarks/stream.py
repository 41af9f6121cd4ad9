"""The live feed: bars a second beside the bare client, and a session of 500 symbols under faults at 60 times speed."""

import asyncio
import datetime as dt
import itertools
import json
import math
import multiprocessing
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import orjson
import psutil
from polygon import WebSocketClient
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.registry import Result, alternating, benchmark, compared
from daytrader_ray.adapters import logs
from daytrader_ray.adapters.bar_buffer import BarBuffer, buffer_folder, read
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.compaction import compact
from daytrader_ray.adapters.live_clock import LiveClock
from daytrader_ray.adapters.live_config import FeedConfig, LiveConfig, ReconnectConfig
from daytrader_ray.adapters.live_feed import LiveFeed
from daytrader_ray.adapters.receiver import Receiver, Source
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.sessions import Session
from daytrader_ray.domain.trading import Phase
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_of
from daytrader_ray.sandbox.source import SessionBars

FULL_DAY = dt.date(2025, 10, 7)
KINDS = {
    "close": 1.0, "stall": 1.0, "silence": 0.5, "max_connections": 0.5, "duplicate": 2.0, "late": 2.0,
    "out_of_order": 2.0, "corrupt": 2.0, "revised": 2.0, "drop": 2.0, "split_frame": 1.0, "big_frame": 1.0,
    "unknown_event": 1.0,
}  # fmt: skip
"""Faults of the stream in the soak and how often each happens beside the others."""
REST_KINDS = {"500": 0.01, "429": 0.01, "truncated": 0.01, "slow": 0.005, "hang": 0.002}
"""Faults of the soak's REST, by their chance at each request."""
REST_SECONDS = 2.0
CALM_SECONDS = 6.0
"""Real seconds without faults before the close: what went wrong last can be known by the last decision."""
GRACE_SECONDS = 0.3
LEAST_FROM_STREAM = 0.9
MOST_GROWTH_MIB = 32.0


def names(n: int) -> tuple[str, ...]:
    """Return `n` symbols that the synthetic market knows."""
    return tuple("".join(letters) for letters in itertools.islice(itertools.product("ABCDEFGHJK", repeat=3), n))


@dataclass
class Soak:
    """What became of a session under faults, bars as [slot, symbol].

    `used` is how often a decision on its own minute took a bar, `told` whether a sound one reached the feed's door
    before that decision. `from_stream` counts the bars that the stream brought to the buffer first and in time, `lost`
    those of the market that the buffer lacks after the last decision, `wrong` values that differ in the store.
    """

    used: npt.NDArray[np.int64]
    told: npt.NDArray[np.bool_]
    minutes: list[int] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    counts: dict[str, int] = field(default_factory=dict)
    from_stream: int = 0
    bars: int = 0
    lost: int = 0
    wrong: int = 0

    def failures(self) -> list[str]:
        """Return what the feed did wrong."""
        suspects = self.counts.get("price suspect", 0)
        checks = {
            "minutes not closed once, in order": self.minutes != list(range(len(self.used))),
            f"{self.lost} bars lost": self.lost > 0,
            f"{self.wrong} values wrong": self.wrong > 0,
            f"{self.twice} bars used twice": self.twice > 0,
            f"{self.unused} bars that came in time not used": self.unused > suspects,
            f"{self.from_stream} of {self.told.sum()} bars from the stream": self.from_stream
            < LEAST_FROM_STREAM * self.told.sum(),
            f"{self.growth_mib:.0f} MiB of growth": self.growth_mib > MOST_GROWTH_MIB,
        }
        return [words for words, failed in checks.items() if failed]

    @property
    def unused(self) -> int:
        """Return how many bars came in time and were not used."""
        return int((self.told & (self.used == 0)).sum())

    @property
    def twice(self) -> int:
        """Return how many bars were used more than once."""
        return int((self.used > 1).sum())

    @property
    def in_time(self) -> int:
        """Return how many bars a decision has seen."""
        return int((self.used > 0).sum())

    @property
    def growth_mib(self) -> float:
        """Return how much the memory grew from the first tenth of the session to its last."""
        tenth = max(1, len(self.rss_mib) // 10)
        return float(np.median(self.rss_mib[-tenth:]) - np.median(self.rss_mib[tenth : 2 * tenth]))


def soaked(config: SandboxConfig, date: dt.date, symbols: tuple[str, ...], speed: float, a_second: float) -> Soak:
    """Play a session with `a_second` faults a second to the live feed, and compare what it kept with the market.

    Of the market's time only the bars run `speed` times faster: deadlines, pauses and answers take real seconds, so
    the grace for a minute is `GRACE_SECONDS` here, where a live session has 1.5 s.
    """
    with tempfile.TemporaryDirectory() as folder, running(config, CostConfig()) as url:
        logs.configure(level="error")
        market = market_of(config)
        number = market.grid.index_of(date)
        made = {symbol: market.bars(symbol, number) for symbol in symbols}
        soak = asyncio.run(_followed(url, date, made, speed, Path(folder), a_second))
        store = ParquetStore(folder)
        compact(store, Path(folder), "buffer", date)
        for symbol, bars in made.items():
            soak.wrong += _differences(store, symbol, bars, market.grid.sessions[number])
    return soak


async def _followed(
    url: str, date: dt.date, made: dict[str, SessionBars], speed: float, folder: Path, a_second: float
) -> Soak:
    (session,) = session_grid(date, date).sessions
    symbols, shape = tuple(made), (session.n_minutes, len(made))
    soak, process = Soak(np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)), psutil.Process()
    columns = {symbol: i for i, symbol in enumerate(symbols)}
    anchor = {"wall": 0.0, "market": 0.0}
    calm = session.n_minutes - math.ceil(CALM_SECONDS * speed / 60)

    def now() -> float:
        return anchor["market"] + (_wall() - anchor["wall"]) * speed

    with BarBuffer(buffer_folder(folder, "buffer", date)) as buffer, _witness(soak, session, columns):
        feed = LiveFeed(_config(url, speed), session, symbols, buffer, np.random.default_rng(7), now)
        async with feed:
            asked = {"session": date.isoformat(), "speed": speed, "start": -2}
            anchor |= (await asyncio.to_thread(_send, f"{url}/_sandbox/play", asked))["anchor"]
            await asyncio.to_thread(_send, f"{url}/_sandbox/faults", _faults(speed, a_second))
            grace = GRACE_SECONDS * speed
            clock = LiveClock(
                session, lambda: False, feed.is_complete, lambda s: feed.wake(s / speed), now, grace, late_seconds=1e9
            )
            while (tick := await clock.next_tick()) is not None:
                if tick.phase is Phase.CLOSE:
                    if tick.slot == calm:
                        await asyncio.to_thread(_send, f"{url}/_sandbox/faults", [])
                    for bar in await feed.bars(None):
                        soak.used[bar.minute - session.open_minute, columns[bar.symbol]] += 1
                    soak.minutes.append(tick.slot)
                    soak.rss_mib.append(process.memory_info().rss / 2**20)
            log = await asyncio.to_thread(_send, f"{url}/_sandbox/faults/log")
            _compare(soak, buffer.folder, session, made)
            await feed.reconcile()
            soak.counts, soak.faults = feed.counts, Counter(entry["kind"] for entry in log)
    return soak


@contextmanager
def _witness(soak: Soak, session: Session, columns: dict[str, int]) -> Iterator[None]:
    """Note each sound bar at the door of the feed, before the feed sees it, with a reader of our own."""
    put = Receiver.put

    def noted(receiver: Receiver, source: Source, raw: str | bytes) -> None:
        for symbol, minute in _sound_bars(raw):
            slot = minute - session.open_minute
            soak.told[slot, columns[symbol]] |= slot >= receiver.closed
        put(receiver, source, raw)

    with patch.object(Receiver, "put", noted):
        yield


def _sound_bars(raw: str | bytes) -> Iterator[tuple[str, int]]:
    """Yield symbol and minute of the minute bars in a frame that can be."""
    with suppress(orjson.JSONDecodeError):
        for event in orjson.loads(raw):
            if event.get("ev") == "AM":
                prices = [event.get(key) for key in "lohc"]
                if all(isinstance(price, float) for price in prices) and max(prices) == event["h"] and min(prices) > 0:
                    yield event["sym"], event["s"] // 60_000


def _config(url: str, speed: float) -> FeedConfig:
    reconnect = ReconnectConfig(
        connect_seconds=3.0, silence_seconds=max(150.0 / speed, 1.5), first_pause_seconds=0.1, longest_pause_seconds=1.0
    )
    rules = LiveConfig(backfill_seconds=1.0, reconcile_seconds=300.0, dark_minutes=400, reconnect=reconnect)
    return FeedConfig(stream_url=f"ws{url[4:]}/stocks", url=url, key=SecretStr("soak"), rules=rules)


def _faults(speed: float, a_second: float) -> list[dict[str, Any]]:
    """Return rules: of the stream together about so often, a frame of bars each minute of the market; and of REST."""
    each = a_second / (speed / 60.0) / sum(KINDS.values())
    stream = {"channel": "polygon_stream", "where": "data/stocks/bars", "seconds": 120.0 / speed}
    rest = {"channel": "polygon_rest", "where": "/v2/aggs", "seconds": REST_SECONDS}
    return [
        *({**stream, "kind": kind, "probability": min(1.0, weight * each)} for kind, weight in KINDS.items()),
        *({**rest, "kind": kind, "probability": chance} for kind, chance in REST_KINDS.items()),
    ]


def _send(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data), timeout=300) as answer:
        return json.loads(answer.read())


def _compare(soak: Soak, folder: Path, session: Session, made: dict[str, SessionBars]) -> None:
    """Lay the buffer beside the market's bars: every one must be there before the vendor's history is asked."""
    columns = {symbol: i for i, symbol in enumerate(made)}
    kept = np.zeros(soak.used.shape, dtype=np.bool_)
    for record in read(folder):
        for symbol, minute, *_, known_at, source, offer in record.get("rows", ()):
            if offer in ("new", "revised"):
                kept[minute - session.open_minute, columns[symbol]] = True
                soak.from_stream += (offer, source, known_at) == ("new", "polygon", None)
    traded = np.stack([bars.traded for bars in made.values()], axis=1)
    soak.bars, soak.lost = int(traded.sum()), int((traded & ~kept).sum())


def _differences(store: ParquetStore, symbol: str, made: SessionBars, session: Session) -> int:
    """Return how many values of the store's bars are not the market's."""
    table = store.bars(symbol, session.date, session.date)
    slots = table["timestamp"].cast("int64").to_numpy() // 60_000_000 - session.open_minute
    names = ("open", "high", "low", "close", "volume", "vwap")
    return sum(int((table[name].to_numpy() != getattr(made, name)[slots]).sum()) for name in names)


def _wall() -> float:
    return time.time()  # noqa: TID251 - the exchange plays by this machine's clock


@benchmark("stream.soak")
def soak_500() -> list[Result]:
    """Follow a full session of 500 symbols at 60 times speed and a fault every 3 s; `Soak.failures` fail it."""
    start = time.perf_counter()
    soak = soaked(SandboxConfig(first_session=FULL_DAY, n_sessions=2), FULL_DAY, names(500), 60.0, 1 / 3)
    print(f"soak: {time.perf_counter() - start:.0f} s, faults {dict(soak.faults)}, feed {soak.counts}")
    if failures := soak.failures():
        raise AssertionError("; ".join(failures))
    lines = {
        "minutes": (len(soak.minutes), "minutes closed once"),
        "bars": (soak.bars, "bars, all in the buffer before history was asked"),
        "from_stream": (soak.from_stream / soak.bars, "share of the bars that the stream brought first and in time"),
        "faults": (sum(soak.faults.values()), "faults"),
        "decided_without": (soak.bars - soak.in_time, "bars too late for their decision"),
        "growth": (soak.growth_mib, "MiB from the first tenth of the session to the last"),
    }
    return [Result(f"stream.soak_{name}", float(v), unit, "", None, None, 0.0, 1) for name, (v, unit) in lines.items()]


@benchmark("stream.bars_per_s")
def bars_per_second() -> list[Result]:
    """Bars merged and buffered a second by the feed, beside a bare loop of the official client that parses them."""
    logs.configure(level="error")
    session, symbols = Session(FULL_DAY, 29_000_000, 120), names(500)
    n_bars = session.n_minutes * len(symbols)
    parent, child = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(child, session, symbols), daemon=True)
    server.start()
    try:
        if not parent.poll(60.0):
            raise AssertionError("the server of the benchmark did not start")
        port = parent.recv()
        own, bare = alternating(
            lambda: asyncio.run(_ours(port, session, symbols)), lambda: asyncio.run(_bare(port, symbols, n_bars)), 5
        )
    finally:
        server.terminate()
        server.join()
    rates = [n_bars / seconds for seconds in own], [n_bars / seconds for seconds in bare]
    return [compared("stream.bars_per_s", "bars/s", "polygon-api-client", *rates)]


async def _ours(port: int, session: Session, symbols: tuple[str, ...]) -> None:
    config = FeedConfig(stream_url=f"ws://127.0.0.1:{port}/stocks", url=f"http://127.0.0.1:{port}", key=SecretStr("k"))
    with tempfile.TemporaryDirectory() as folder, BarBuffer(Path(folder)) as buffer:
        async with LiveFeed(config, session, symbols, buffer, np.random.default_rng(7), _wall) as feed:
            while not feed.is_complete(session.n_minutes - 1):
                await feed.wake(1.0)


async def _bare(port: int, symbols: tuple[str, ...], n_bars: int) -> None:
    client = WebSocketClient(
        "k", feed=f"127.0.0.1:{port}", secure=False, subscriptions=[f"AM.{symbol}" for symbol in symbols]
    )
    seen, done = 0, asyncio.Event()

    async def count(messages: list[Any]) -> None:
        nonlocal seen
        seen += len(messages)
        if seen >= n_bars:
            done.set()

    task = asyncio.create_task(client.connect(count, proxy=None))
    await done.wait()
    await client.close()
    await task


def _serve(pipe: Connection, session: Session, symbols: tuple[str, ...]) -> None:
    asyncio.run(_send_all(pipe.send, session, symbols))


async def _send_all(tell: Callable[[int], None], session: Session, symbols: tuple[str, ...]) -> None:
    """Speak as much of the protocol as a client needs, then send every bar as fast as it is taken."""
    frames = [
        orjson.dumps([_bar(symbol, session.open_minute + slot) for symbol in symbols]).decode()
        for slot in range(session.n_minutes)
    ]

    async def handle(socket: ServerConnection) -> None:
        await socket.send('[{"ev":"status","status":"connected","message":"Connected Successfully"}]')
        await socket.recv()
        await socket.send('[{"ev":"status","status":"auth_success","message":"authenticated"}]')
        asked = json.loads(await socket.recv())["params"].split(",")
        answers = [{"ev": "status", "status": "success", "message": f"subscribed to: {name}"} for name in asked]
        await socket.send(json.dumps(answers))
        for frame in frames:
            await socket.send(frame)
        await socket.wait_closed()

    async with serve(handle, "127.0.0.1", 0, compression=None) as server:
        tell(next(iter(server.sockets)).getsockname()[1])
        await asyncio.get_running_loop().create_future()


def _bar(symbol: str, minute: int) -> dict[str, Any]:
    start = minute * 60_000
    prices = {"o": 100.01, "c": 100.02, "h": 100.05, "l": 99.97, "vw": 100.0123, "op": 99.5, "a": 100.1}
    sums = {"v": 1200 + minute % 7, "av": 1_000_000 + minute, "z": 60}
    return {"ev": "AM", "sym": symbol, **sums, **prices, "s": start, "e": start + 60_000}
