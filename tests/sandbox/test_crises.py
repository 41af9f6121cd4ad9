"""Crises and halts do what their names say, to whom they are meant for, and only then."""

import datetime as dt

import numpy as np
import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.sessions import US_PER_MINUTE
from daytrader_ray.market_data.bars import CleanInput
from daytrader_ray.market_data.clean import clean
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.matching import Matcher
from daytrader_ray.sandbox.orders import OrderRequest, Refusal, VenueOrder

from .conftest import weekdays

DAYS = weekdays(6)
DAY = DAYS.sessions[4].date
STOCKS = ("AAPL", "XOM", "GILD", "JPM")


def market(*crises: dict[str, object], **options: object) -> Market:
    rows = [{"session": DAY, **crisis} for crisis in crises]
    return Market(SandboxConfig.parse({"crises": rows, **options}, "test"), DAYS)


def log_close(market: Market, symbol: str, session: int = 4) -> np.ndarray:
    """Log closes, quiet minutes carried."""
    close = market.bars(symbol, session).close.copy()
    for slot in np.flatnonzero(np.isnan(close[1:])) + 1:
        close[slot] = close[slot - 1]
    return np.log(close)


def test_a_flash_crash_takes_eight_percent_in_five_minutes_and_gives_them_back() -> None:
    calm, crash = market(), market({"name": "flash_crash", "minute": 100})
    extra = log_close(crash, "SPY") - log_close(calm, "SPY")
    assert np.abs(extra[:99]).max() < 1e-3
    assert np.expm1(extra[104]) == pytest.approx(-0.08, abs=2e-3)
    assert np.abs(extra[115:]).max() < 2e-3
    busy = crash.bars("SPY", 4).volume[100:115].sum() / calm.bars("SPY", 4).volume[100:115].sum()
    assert busy == pytest.approx(8.0, rel=1e-3)
    assert crash.bars("I:VIX", 4).high[100:110].max() > 1.3 * crash.bars("I:VIX", 4).close[95]


def test_a_crash_of_named_symbols_spares_the_others() -> None:
    calm, crash = market(), market({"name": "flash_crash", "minute": 100, "symbols": ["AAPL"]})
    assert (log_close(crash, "AAPL") - log_close(calm, "AAPL"))[104] == pytest.approx(np.log(0.92), abs=2e-3)
    for symbol in ("SPY", "XOM"):
        assert np.array_equal(log_close(crash, symbol), log_close(calm, symbol), equal_nan=True)


def test_a_market_wide_halt_follows_a_fall_and_stops_everything_the_indices_too() -> None:
    halted = market({"name": "market_halt", "minute": 150})
    for symbol in (*STOCKS, "SPY", "TLT", "I:VIX"):
        bars = halted.bars(symbol, 4)
        assert not bars.traded[150:165].any() and bars.traded[130:150].any() and bars.traded[165:].any()
        (halt,) = halted.halts(symbol, 4)
        assert (halt.start, halt.stop, halt.whole_market) == (150, 165, True)
        assert halted.halts(symbol, 3) == ()
    extra = log_close(halted, "SPY") - log_close(market(), "SPY")
    assert extra[149] == pytest.approx(np.log(0.93), abs=2e-3)


def test_a_sector_crash_falls_on_the_whole_sector_and_on_no_other() -> None:
    calm, crash = market(), market({"name": "sector_crash", "minute": 60, "symbols": ["XOM"]})
    for symbol in ("XOM", "CVX", "XLE"):
        assert (log_close(crash, symbol) - log_close(calm, symbol))[125] == pytest.approx(np.log(0.9), abs=3e-3)
    for symbol in ("AAPL", "SPY", "GILD"):
        assert np.array_equal(log_close(crash, symbol), log_close(calm, symbol), equal_nan=True)
    default = market({"name": "sector_crash", "minute": 60})
    assert (log_close(default, "MSFT") - log_close(calm, "MSFT"))[125] == pytest.approx(np.log(0.9), abs=3e-3)


def test_a_gap_open_jumps_overnight() -> None:
    calm, gap = market(), market({"name": "gap_open"})
    assert np.log(gap.bars("SPY", 4).open[0] / calm.bars("SPY", 4).open[0]) == pytest.approx(np.log(0.94), abs=1e-3)
    assert np.array_equal(log_close(gap, "SPY", 3), log_close(calm, "SPY", 3), equal_nan=True)
    assert gap.bars("SPY", 5).open[0] < 0.97 * calm.bars("SPY", 5).open[0]


def test_in_a_liquidity_vacuum_there_is_little_to_trade_and_it_is_dear() -> None:
    calm, vacuum = market(), market({"name": "liquidity_vacuum", "minute": 200})
    there = slice(200, 230)
    for symbol in STOCKS:
        few, usual = vacuum.bars(symbol, 4), calm.bars(symbol, 4)
        assert few.volume[there].sum() < 0.04 * usual.volume[there].sum()
        assert 5 < few.traded[there].sum() < 25
        slot = 200 + int(np.flatnonzero(few.traded[there])[0])
        wide, narrow = (
            np.median(m.quotes(symbol, 4, slot).ask - m.quotes(symbol, 4, slot).bid) for m in (vacuum, calm)
        )
        assert wide > 4 * narrow


def test_halts_come_with_their_chance_after_a_jump_and_never_without_being_asked_for() -> None:
    some = market(halt_chance=0.25)
    names = [f"S{a}{b}" for a in "ABCDEF" for b in "ABCDEFGH"]
    found = [halt for name in names for session in range(6) for halt in some.halts(name, session)]
    assert 0.17 < len(found) / (6 * len(names)) < 0.33
    assert {halt.stop - halt.start for halt in found} == {5, 10} and not any(halt.whole_market for halt in found)
    assert not any(market().halts(name, session) for name in names for session in range(6))
    assert not any(some.halts(name, session) for name in ("SPY", "XLE", "I:VIX") for session in range(6))
    always = market(halt_chance=1.0)
    (halt,) = always.halts("AAPL", 2)
    extra = log_close(always, "AAPL", 2) - log_close(market(), "AAPL", 2)
    before = extra[halt.start - 1] - extra[halt.start - 4]
    assert abs(before) == pytest.approx(0.05, abs=4e-3)
    assert not always.bars("AAPL", 2).traded[halt.start : halt.stop].any()


def test_a_crisis_of_a_day_without_a_session_is_refused_and_a_wrong_name_too() -> None:
    with pytest.raises(DataError, match="no session on"):
        market({"name": "gap_open", "session": dt.date(2020, 1, 1)})
    with pytest.raises(ConfigError, match="name"):
        market({"name": "zombies"})


def test_a_crisis_is_told_in_the_truth() -> None:
    truth = market({"name": "flash_crash", "minute": 100}).truth(4)
    assert truth["crises"] == [{"name": "flash_crash", "session": str(DAY), "minute": 100, "symbols": []}]
    assert sum(truth["market_bps"][100:105]) == pytest.approx(1e4 * np.log(0.92), abs=60)


def test_nothing_fills_in_a_halt_and_a_stop_fills_at_the_open_after_it() -> None:
    made = market({"name": "market_halt", "minute": 380}, {"name": "market_halt", "minute": 150})
    matcher = Matcher(made, CostConfig(), 4)
    for slot in (150, 164, 380, 389):
        assert matcher.is_halted("AAPL", slot)
        for order_id in ("x-entry", "x-exit", "x-flat"):
            assert matcher.fill_at_open(order_id, "AAPL", -1, 10, slot) is None
        assert matcher.fill_stop("AAPL", -1, 10, matcher.last_close("AAPL", 100) * 2, slot) is None
    assert not matcher.is_halted("AAPL", 165)
    assert matcher.fill_at_open("x-flat", "AAPL", -1, 10, 165) is not None


def order(symbol: str, number: int = 0) -> OrderRequest:
    return OrderRequest(f"id-{number}", symbol, 1, 10, "market", "ioc", None)


def test_a_symbol_can_be_ordered_from_its_first_to_its_last_day_only() -> None:
    days = weekdays(30)
    exchange = Exchange(SandboxConfig(), CostConfig(), Market(SandboxConfig(), days))
    for symbol, alive, gone in (("NEWA", 10, 9), ("OLDA", 25, 26)):
        exchange.begin(alive)
        assert isinstance(exchange.submit(order(symbol)), VenueOrder)
        exchange.begin(gone)
        refused = exchange.submit(order(symbol))
        assert isinstance(refused, Refusal) and "is not active" in refused.message
    refused = exchange.submit(order("NEWB"))
    assert isinstance(refused, Refusal) and "not found" in refused.message


def test_the_mark_on_a_split_day_is_yesterdays_close_in_todays_shares() -> None:
    source = Market(SandboxConfig(), weekdays(30))
    exchange = Exchange(SandboxConfig(), CostConfig(), source)
    (split,) = source.splits("TSLA")
    session = source.grid.index_of(split.date)
    exchange.begin(session)
    closes = source.bars("TSLA", session - 1).close
    last = closes[np.isfinite(closes)][-1]
    assert float(exchange.mark("TSLA")) == pytest.approx(last * split.old / split.new, abs=1e-4)


@pytest.mark.parametrize("name", ["flash_crash", "market_halt", "sector_crash", "gap_open", "liquidity_vacuum"])
def test_no_crisis_is_taken_for_bad_data(name: str) -> None:
    shocked = market({"name": name})
    for symbol in (*STOCKS, "SPY", "I:VIX"):
        found = [shocked.bars(symbol, session) for session in range(6)]
        slots = [np.flatnonzero(~np.isnan(bars.close)) for bars in found]
        stamps = [s.open_minute + at for s, at in zip(DAYS.sessions, slots, strict=True)]
        columns = [
            np.concatenate([getattr(bars, column)[at] for bars, at in zip(found, slots, strict=True)])
            for column in ("open", "high", "low", "close", "volume", "vwap")
        ]
        table = CleanInput(np.concatenate(stamps) * US_PER_MINUTE, *columns)
        assert clean(table, DAYS, of_index=symbol.startswith("I:")).reasons() == []
