"""A market whose every number can be told by hand, and a way to serve any exchange over it from a thread."""

import asyncio
import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from aiohttp import web

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.source import Dividend, Halt, Listing, Quotes, SessionBars, Split, Trades
from daytrader_ray.sandbox.traits import Traits

GRID = session_grid(dt.date(2025, 11, 20), dt.date(2025, 12, 3))
"""Nine sessions; number 5 is Wednesday before Thanksgiving's half-day (number 6)."""
SPLIT_DAY = dt.date(2025, 11, 25)
EX_DAY = dt.date(2025, 12, 1)
QUIET_SLOT = 2
LEVELS = {"AAA": 200.0, "FFF": 50.0, "I:VIX": 15.0, "NEW": 10.0, "OLD": 20.0}


def _listing(symbol: str, kind: str, listed: str = "2020-01-02", delisted: str | None = None) -> Listing:
    last = dt.date.fromisoformat(delisted) if delisted else None
    stock = kind == "CS"
    words = ("7372", "SERVICES-PREPACKAGED SOFTWARE") if stock else ("", "")
    sector = "Technology" if stock else ""
    return Listing(symbol, f"{symbol} Name", kind, sector, *words, dt.date.fromisoformat(listed), last)


class FakeMarket:
    """Stock AAA (2:1 split, dividend), fund FFF, index I:VIX, NEW (from 2025-11-26) and OLD (until 2025-11-24).

    The bar of slot `i` in session `s` opens at level + s + i / 100, is 4 cents high and closes 1 cent up; the third
    minute of every session is quiet.
    """

    def __init__(self, grid: SessionGrid = GRID) -> None:
        self.grid = grid
        self._listing = (
            _listing("AAA", "CS"),
            _listing("FFF", "ETF"),
            _listing("I:VIX", "INDEX"),
            _listing("NEW", "CS", listed="2025-11-26"),
            _listing("OLD", "CS", delisted="2025-11-24"),
        )

    def listing(self) -> tuple[Listing, ...]:
        return self._listing

    def listed(self, symbol: str) -> Listing:
        for one in self._listing:
            if one.symbol == symbol:
                return one
        raise DataError(f"symbol {symbol!r} is not listed")

    def traits(self, symbol: str) -> Traits:
        self.listed(symbol)
        return Traits(LEVELS[symbol], 1e6, 1.0, 5.0, 0.0, True, symbol)

    def bars(self, symbol: str, session: int) -> SessionBars:
        n_bars = int(self.grid.bars_per_session[session])
        one, date = self.listed(symbol), self.grid.sessions[session].date
        level = LEVELS[symbol] / (2 if symbol == "AAA" and date >= SPLIT_DAY else 1)
        open_ = np.rint((level + session + np.arange(n_bars) / 100) * 100) / 100
        traded = np.full(n_bars, one.listed <= date and (one.delisted is None or date <= one.delisted))
        traded[QUIET_SLOT] = False
        prices = (np.rint((open_ + up) * 100) / 100 for up in (0.0, 0.03, -0.01, 0.01))
        open_, high, low, close = (np.where(traded, price, np.nan) for price in prices)
        volume = np.where(traded & (one.kind != "INDEX"), 100.0 + np.arange(n_bars), 0.0)
        return SessionBars(open_, high, low, close, volume, np.rint((open_ + 0.0071) * 1e4) / 1e4, traded)

    def revision(self, symbol: str, session: int, slot: int) -> SessionBars:
        raise NotImplementedError

    def shares(self, symbol: str, session: int) -> float:
        """A million, twice as many of AAA after its split; nobody knows how many NEW has."""
        if symbol == "NEW":
            return float("nan")
        return 1e6 * (2 if symbol == "AAA" and self.grid.sessions[session].date >= SPLIT_DAY else 1)

    def splits(self, symbol: str) -> tuple[Split, ...]:
        return (Split(SPLIT_DAY, 1, 2),) if symbol == "AAA" else ()

    def dividends(self, symbol: str) -> tuple[Dividend, ...]:
        days = (dt.date(2025, 11, 24), EX_DAY, dt.date(2025, 12, 15))
        return (Dividend(EX_DAY, 0.25, *days),) if symbol == "AAA" else ()

    def halts(self, symbol: str, session: int) -> tuple[Halt, ...]:
        return ()

    def quotes(self, symbol: str, session: int, slot: int) -> Quotes:
        """Two quotes a traded minute, at its start and 30 s later."""
        bars = self.bars(symbol, session)
        if not bars.traded[slot] or not bars.volume[slot]:
            return Quotes(np.zeros(0, dtype=np.int64), *(np.zeros(0) for _ in range(4)))
        bid = np.array([bars.low[slot], bars.close[slot]])
        sizes = np.array([100.0, 200.0])
        stamps = self._start_ns(session, slot) + np.array([0, 30_000_000_000])
        return Quotes(stamps, bid, np.rint((bid + 0.02) * 100) / 100, sizes, sizes + 100)

    def trades(self, symbol: str, session: int, slot: int) -> Trades:
        """Four trades a traded minute, two of them in the same nanosecond: open, high, low, close."""
        bars = self.bars(symbol, session)
        if not bars.traded[slot] or not bars.volume[slot]:
            return Trades(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
        price = np.array([bars.open[slot], bars.high[slot], bars.low[slot], bars.close[slot]])
        size = np.array([bars.volume[slot] - 30, 10.0, 10.0, 10.0])
        return Trades(self._start_ns(session, slot) + np.array([1, 5, 5, 59_000_000_000]), price, size)

    def truth(self, session: int) -> dict[str, Any]:
        return {"session": str(self.grid.sessions[session].date), "regimes": ["calm"]}

    def _start_ns(self, session: int, slot: int) -> int:
        return (self.grid.sessions[session].open_minute + slot) * 60_000_000_000


def fake_exchange() -> Exchange:
    """Return an exchange over the fake market; its time stands at the close of the last session."""
    return Exchange(SandboxConfig(), CostConfig(), FakeMarket())


@contextmanager
def serving(routes: Sequence[web.RouteDef], **options: Any) -> Iterator[str]:
    """Yield the address of an application with these routes, served by a thread of its own."""
    app = web.Application(**options)
    app.add_routes(routes)
    with serving_app(app) as url:
        yield url


@contextmanager
def serving_app(app: web.Application) -> Iterator[str]:
    """Yield the address of an application, served by a thread of its own."""
    loop, ports = asyncio.new_event_loop(), []

    async def start() -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
