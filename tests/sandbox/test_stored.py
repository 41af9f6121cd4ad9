"""Sessions of a store are served as they were recorded, and the exchange trades on them as on the synthetic market."""

import datetime as dt
import json
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters.bar_files import screen_for
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import DataError
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.matching import Matcher
from daytrader_ray.sandbox.orders import OrderRequest, Refusal, VenueOrder
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_grid, market_of
from daytrader_ray.sandbox.source import MarketSource, SessionBars
from daytrader_ray.sandbox.stored_market import StoredMarket

LEAN = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "lean" / "1min"
SYMBOLS = ("AAPL", "I:VIX", "SPY", "TSLA", "XLK")
MADE = SandboxConfig(n_sessions=24)
COLUMNS = ("open", "high", "low", "close", "volume", "vwap", "traded")


def table(market: MarketSource, symbol: str, session: int) -> pa.Table:
    bars, slots = market.bars(symbol, session), np.flatnonzero(market.bars(symbol, session).traded)
    stamps = (market.grid.sessions[session].open_minute + slots) * 60_000_000
    columns = {name: getattr(bars, name)[slots] for name in COLUMNS[:-1]}
    return pa.table({"timestamp": stamps, **columns, "trades": np.ones(len(slots), dtype=np.int32)}).cast(FILE_SCHEMA)


def record(root: str, market: Market) -> None:
    store, days = ParquetStore(root), market.grid.sessions
    store.claim("recorded")
    for symbol in SYMBOLS:
        for month, first, last in Kind.MINUTE.parts(days[0].date, days[-1].date):
            parts = [table(market, symbol, i) for i, day in enumerate(days) if first <= day.date <= last]
            store.write_bars(symbol, month, pa.concat_tables(parts), (first, last))
        splits = [
            {"execution_date": s.date, "split_from": float(s.old), "split_to": float(s.new)}
            for s in market.splits(symbol)
        ]
        paid = [
            {"ex_date": d.ex_date, "cash_amount": d.amount, "currency": "USD", "pay_date": d.pay_date}
            for d in market.dividends(symbol)
        ]
        for kind, rows in ((Kind.SPLITS, splits), (Kind.DIVIDENDS, paid)):
            if rows:
                store.write_table(kind, symbol, kind.name_format, pa.Table.from_pylist(rows, schema=kind.schema))


def test_actions_that_make_no_sense_are_left_out_by_every_reader(tmp_path: Path) -> None:
    root, day = str(tmp_path), dt.date(2025, 3, 4)
    grid = session_grid(day, day)
    bars = {"timestamp": grid.minute_of_row[:2] * 60_000_000, "trades": np.ones(2, dtype=np.int32)}
    bars |= dict.fromkeys(FILE_SCHEMA.names[1:-1], np.full(2, 10.0))
    store = ParquetStore(root)
    store.write_bars("AAPL", "2025-03", pa.table(bars).select(FILE_SCHEMA.names).cast(FILE_SCHEMA), None)
    splits = [{"execution_date": day, "split_from": old, "split_to": 2.0} for old in (0.0, None, 1.0)]
    paid = [{"ex_date": on, "cash_amount": amount} for on, amount in ((day, None), (None, 1.0), (day, 0.5))]
    for kind, rows in ((Kind.SPLITS, splits), (Kind.DIVIDENDS, paid)):
        store.write_table(kind, "AAPL", kind.name_format, pa.Table.from_pylist(rows, schema=kind.schema))
    market = StoredMarket(root)
    assert [(s.old, s.new) for s in market.splits("AAPL")] == [(1, 2)]
    assert [d.amount for d in market.dividends("AAPL")] == [0.5]
    assert screen_for(store, "AAPL", store.bars("AAPL")).counts == {"accepted": 2}


@pytest.fixture(scope="module")
def made() -> Market:
    return Market(MADE, market_grid(MADE))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, made: Market) -> str:
    path = str(tmp_path_factory.mktemp("recorded"))
    record(path, made)
    return path


@pytest.fixture(scope="module")
def stored(root: str) -> StoredMarket:
    return StoredMarket(root)


def same(a: SessionBars, b: SessionBars) -> bool:
    return all(np.array_equal(getattr(a, c), getattr(b, c), equal_nan=c != "traded") for c in COLUMNS)


def test_recorded_bars_and_actions_come_back_to_the_bit(made: Market, stored: StoredMarket) -> None:
    assert stored.grid == made.grid
    for symbol in SYMBOLS:
        assert all(same(made.bars(symbol, s), stored.bars(symbol, s)) for s in range(24))
        assert stored.splits(symbol) == made.splits(symbol)
        assert [(d.ex_date, d.amount) for d in stored.dividends(symbol)] == [
            (d.ex_date, d.amount) for d in made.dividends(symbol)
        ]


def test_the_exchange_fills_alike_on_the_recording(made: Market, stored: StoredMarket) -> None:
    costs = CostConfig()
    for session in (5, 22, 23):
        ours, theirs = Matcher(made, costs, session), Matcher(stored, costs, session)
        for symbol in ("AAPL", "TSLA", "XLK"):
            assert ours.known(symbol) == theirs.known(symbol)
            for slot in range(0, 390, 17):
                assert ours.fill_at_open("x-entry", symbol, 1, 700, slot) == theirs.fill_at_open(
                    "x-entry", symbol, 1, 700, slot
                )
                stop = Decimal(repr(float(np.nanmedian(made.bars(symbol, session).close))))
                assert ours.fill_stop(symbol, -1, 50, stop, slot) == theirs.fill_stop(symbol, -1, 50, stop, slot)


def test_what_a_recording_cannot_know_is_not_there(stored: StoredMarket) -> None:
    assert stored.truth(3) == {} and stored.halts("AAPL", 3) == ()
    assert not stored.quotes("AAPL", 3, 5).bid.size and not stored.trades("AAPL", 3, 5).price.size
    assert np.isnan(stored.shares("AAPL", 3))
    assert stored.revision("AAPL", 3, 5).volume[0] <= stored.bars("AAPL", 3).volume[5]
    assert {row.symbol: row.kind for row in stored.listing()} == {
        "AAPL": "CS", "I:VIX": "INDEX", "SPY": "CS", "TSLA": "CS", "XLK": "CS",
    }  # fmt: skip
    with pytest.raises(DataError, match="'MSFT' has no bars"):
        stored.bars("MSFT", 0)
    with pytest.raises(DataError, match="sessions 0 to 23"):
        stored.bars("AAPL", 24)


def test_fundamentals_name_what_they_know(root: str, tmp_path: Path, made: Market) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("SPY", "2025-10", table(made, "SPY", 0), None)
    first = made.grid.sessions[0].date
    row = {"as_of": first, "name": "A Trust", "kind": "ETF", "shares": 5e8, "sic_code": "6726", "listed": first}
    schema = Kind.FUNDAMENTALS.schema
    store.write_table(Kind.FUNDAMENTALS, "SPY", "2025-10", pa.Table.from_pylist([row], schema=schema))
    market = StoredMarket(str(tmp_path))
    listing = market.listed("SPY")
    assert (listing.name, listing.kind, listing.sic_code, listing.sic_description) == ("A Trust", "ETF", "6726", "")
    assert market.shares("SPY", 0) == 5e8


def test_a_store_of_five_minute_bars_is_refused(tmp_path: Path, made: Market) -> None:
    store = ParquetStore(str(tmp_path))
    store.claim("imported", 5)
    store.write_bars("SPY", "2025-10", table(made, "SPY", 0), None)
    with pytest.raises(DataError, match="5-minute bars"):
        StoredMarket(str(tmp_path))
    with pytest.raises(DataError, match="no bars"):
        StoredMarket(str(tmp_path / "empty"))


def test_the_configuration_chooses_the_market(root: str, made: Market) -> None:
    config = SandboxConfig(store=root)
    assert isinstance(market_of(config), StoredMarket) and market_grid(config) == made.grid
    assert isinstance(market_of(MADE), Market)
    assert config.market_name == f"store {root}" and MADE.market_name != SandboxConfig(halt_chance=0.1).market_name


def test_a_recorded_day_is_served_through_the_vendors_protocol(root: str, made: Market) -> None:
    def asked(url: str, path: str) -> Any:
        with urllib.request.urlopen(f"{url}{path}apiKey=K", timeout=10) as answer:
            return json.load(answer)

    minutes = "/v2/aggs/ticker/SPY/range/1/minute/2025-10-06/2025-10-06?limit=50000&adjusted=false&"
    with running(SandboxConfig(store=root), CostConfig()) as url:
        rows = asked(url, minutes)["results"]
        details = asked(url, "/v3/reference/tickers/TSLA?")["results"]
        splits = asked(url, "/v3/reference/splits?ticker=TSLA&")["results"]
    bars = made.bars("SPY", 0)
    assert [row["c"] for row in rows] == bars.close[bars.traded].tolist()
    assert details["ticker"] == "TSLA" and "market_cap" not in details
    assert [(row["split_from"], row["split_to"]) for row in splits] == [(s.old, s.new) for s in made.splits("TSLA")]


@pytest.mark.skipif(not LEAN.is_dir(), reason="the real bars of ../shared/data are not there")
def test_real_days_with_a_split_between_them_are_traded(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.claim("real")
    for symbol in ("AAPL", "SPY"):
        bars = pq.read_table(LEAN / f"{symbol}.parquet")
        names = [name for name in FILE_SCHEMA.names if name in bars.column_names]
        nulls = {n: pa.nulls(bars.num_rows, FILE_SCHEMA.field(n).type) for n in FILE_SCHEMA.names if n not in names}
        whole = pa.table({**{n: bars[n] for n in names}, **nulls}).select(FILE_SCHEMA.names).cast(FILE_SCHEMA)
        months = np.array([f"{stamp:%Y-%m}" for stamp in whole["timestamp"].to_pylist()])
        for month in np.unique(months):
            store.write_bars(symbol, str(month), whole.filter(pa.array(months == month)), None)
    split = {"execution_date": dt.date(2014, 6, 9), "split_from": 1.0, "split_to": 7.0}
    store.write_table(Kind.SPLITS, "AAPL", "splits", pa.Table.from_pylist([split], schema=Kind.SPLITS.schema))
    market = StoredMarket(str(tmp_path))
    session = market.grid.index_of(dt.date(2014, 6, 9))
    before, after = market.bars("AAPL", session - 1), market.bars("AAPL", session)
    last, first = before.close[before.traded][-1], after.open[after.traded][0]
    assert 600 < last < 700 and 90 < first < 95
    exchange = Exchange(SandboxConfig(), CostConfig(), market)
    exchange.begin(session)
    assert float(exchange.mark("AAPL")) == pytest.approx(last / 7, abs=1e-4)
    assert isinstance(exchange.submit(OrderRequest("a", "AAPL", 1, 100, "market", "ioc", None)), VenueOrder)
    assert isinstance(exchange.submit(OrderRequest("b", "MSFT", 1, 100, "market", "ioc", None)), Refusal)
    exchange.match_open(10)
    assert exchange.account.held("AAPL") == 100
    assert float(exchange.account.positions["AAPL"].average) == pytest.approx(after.open[10], rel=2e-3)
