"""Minutes of quotes and trades: what a stream told is, bit for bit, what the vendor's history tells later."""

import datetime as dt

import numpy as np
import orjson
import pytest

from daytrader_ray.adapters.bar_buffer import BarBuffer
from daytrader_ray.adapters.compaction import compact
from daytrader_ray.adapters.feature_inputs import tick_rows
from daytrader_ray.adapters.live_ticks import LiveTicks
from daytrader_ray.adapters.messages import Quote, Trade
from daytrader_ray.adapters.polygon_stream import decode
from daytrader_ray.adapters.polygon_ticks import quote_bars, trade_bars
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.sessions import NS_PER_MINUTE, Session, SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.polygon_events import PolygonEvents
from daytrader_ray.sandbox.polygon_ticks import quote_rows, trade_rows
from daytrader_ray.sandbox.sessions import market_grid

CONFIG = SandboxConfig(first_session=dt.date(2025, 12, 1), n_sessions=2)
N_MINUTES = 12
SYMBOL = "MRNA"


class History:
    """The vendor's pages of a session's first minutes, 700 ticks each."""

    def __init__(self, market: Market, session: int) -> None:
        self._market, self._session = market, session

    def pages(self, path: str, _: object) -> object:
        read, rows_of = (self._market.quotes, quote_rows) if "quotes" in path else (self._market.trades, trade_rows)
        rows = []
        for slot in range(N_MINUTES):
            ticks = read(SYMBOL, self._session, slot)
            at = np.arange(len(ticks.stamp_ns))
            rows += rows_of(SYMBOL, ticks, at, at.tolist())
        for start in range(0, len(rows), 700):
            yield rows[start : start + 700]


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    made = Exchange(CONFIG, CostConfig(), Market(CONFIG, market_grid(CONFIG)))
    made.begin(1)
    return made


def test_a_minute_folded_live_is_the_minute_of_the_downloaded_history(exchange: Exchange, tmp_path) -> None:
    day, words = exchange.day, PolygonEvents(exchange)
    ticks = LiveTicks((SYMBOL,), (SYMBOL,), day)
    told, root = [], tmp_path / "live"
    with BarBuffer(root / "live" / "buffer" / str(day.date)) as buffer:
        for slot in range(N_MINUTES):
            events = sorted(words.inside("Q", SYMBOL, slot) + words.inside("T", SYMBOL, slot), key=lambda e: e[0])
            for start in range(0, len(events), 97):
                found = decode(orjson.dumps([event for _, event in events[start : start + 97]]))
                ticks.add(found.quotes, found.trades, day.close_minute)
            for kind, symbol, columns in ticks.take(day.open_minute + slot + 1, True):
                buffer.append({"kind": kind, "symbol": symbol, "columns": columns})
            told.append(ticks.minute(day.open_minute + slot)[SYMBOL])
    lived, later, grid = ParquetStore(str(root)), ParquetStore(str(tmp_path / "later")), SessionGrid((day,))
    compact(lived, root, "buffer", day.date)
    history = History(exchange.market, exchange.session)
    for kind, bars in ((Kind.QUOTE_BARS, quote_bars), (Kind.TRADE_BARS, trade_bars)):
        later.write_table(kind, SYMBOL, f"{day.date:%Y-%m}", bars(history, SYMBOL, day)[0])
    for store in (lived, later):
        rows = tick_rows(store, SYMBOL, grid, quotes=True, trades=True)
        assert rows is not None and rows[:N_MINUTES].tobytes() == np.array(told).tobytes()
        assert np.isfinite(rows[:N_MINUTES]).mean() > 0.9 and np.isnan(rows[N_MINUTES:]).all()
    assert lived.quote_bars(SYMBOL).equals(later.quote_bars(SYMBOL))
    assert lived.trade_bars(SYMBOL).equals(later.trade_bars(SYMBOL))


OPEN = 29_000_000
SHORT = Session(dt.date(2025, 12, 2), OPEN, 5)


def quote(minute: float, bid_size: float = 100.0) -> Quote:
    return Quote("SPY", int(minute * NS_PER_MINUTE), 99.0, 101.0, bid_size, 100.0)


def test_what_is_quoted_out_of_the_session_is_no_part_of_it() -> None:
    ticks = LiveTicks(("SPY",), ("SPY",), SHORT)
    ticks.add(
        [quote(OPEN - 0.5, 900.0), quote(OPEN + 0.5, 300.0)], [Trade("SPY", (OPEN - 1) * NS_PER_MINUTE, 9, 5, ())], OPEN
    )
    ticks.add([quote(OPEN + 5.5)], [], OPEN + 9)
    (only,) = ticks.take(OPEN + 9, True)
    assert only[2]["timestamp"].tolist() == [OPEN * 60_000_000]
    assert ticks.minute(OPEN)["SPY"][:3] == [200.0, 0.5, 0.0]
    assert ticks.alarms() == ["live bars: no trades came of SPY"]


def test_a_minute_that_is_ahead_waits_for_its_own_and_an_earlier_one_is_forgotten() -> None:
    ticks = LiveTicks(("SPY",), (), SHORT)
    ticks.add([quote(OPEN + k) for k in range(4)], [], OPEN + 9)
    assert len(list(ticks.take(OPEN + 3, True))) == 1
    assert ticks.minute(OPEN + 1)["SPY"][0] == 200.0 and ticks.minute(OPEN) == {}
    assert ticks.minute(OPEN + 2)["SPY"][0] == 200.0 and ticks.minute(OPEN + 2) == {}
    assert ticks.minute(OPEN + 3) == {}
