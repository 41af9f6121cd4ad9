"""The exchange's fills follow the page of rules, worked out here by hand from made-up bars."""

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.matching import PRICE_STEP, Matcher, rounded, statistics
from daytrader_ray.sandbox.source import Dividend, SessionBars, Split

HISTORY_CLOSES = (100.0, 102.0, 99.0, 101.0)
SLOTS = 40


class Bars(Market):
    """Four flat earlier sessions and one session whose bars a test sets."""

    def __init__(self) -> None:
        days = [Session(dt.date(2025, 10, 6 + k), 29_000_000 + 1440 * k, SLOTS) for k in range(5)]
        super().__init__(SandboxConfig(), SessionGrid(tuple(days)))
        self.today = flat(100.0, volume=4_000.0)

    def splits(self, symbol: str) -> tuple[Split, ...]:
        return ()

    def dividends(self, symbol: str) -> tuple[Dividend, ...]:
        return ()

    def bars(self, symbol: str, session: int) -> SessionBars:
        return flat(HISTORY_CLOSES[session], volume=25_000.0) if session < 4 else self.today

    def set(self, slot: int, **values: float) -> None:
        for name, value in values.items():
            getattr(self.today, name)[slot] = value

    def quiet(self, slot: int) -> None:
        self.set(slot, open=np.nan, high=np.nan, low=np.nan, close=np.nan, volume=0.0, traded=False)


def flat(price: float, volume: float) -> SessionBars:
    def column(value: float) -> np.ndarray:
        return np.full(SLOTS, value)

    return SessionBars(*(column(price) for _ in range(4)), column(volume), column(price), np.ones(SLOTS, dtype=bool))


@pytest.fixture
def market() -> Bars:
    return Bars()


@pytest.fixture
def matcher(market: Bars) -> Matcher:
    return Matcher(market, CostConfig(), 4)


ADV = 25_000.0 * SLOTS
RETURNS = np.diff(np.log(HISTORY_CLOSES))
SIGMA = float(np.std(RETURNS, ddof=1))


def expected(base: float, side: int, qty: int, volume: float, curve: float = 1.0) -> Decimal:
    """Work out a price in plain floats: 100 USD and 1 M shares a day are 100 M USD, the table's 2 bps."""
    cost = max(0.005, base * 2e-4) * curve + base * 0.5 * SIGMA * math.sqrt(qty / volume)
    return Decimal(f"{base + side * cost:.4f}")


def test_history_gives_mean_volume_and_deviation_of_log_returns(matcher: Matcher) -> None:
    known = matcher.known("AAPL")
    assert known.adv == Decimal(25_000 * SLOTS)
    assert float(known.sigma_day or 0) == pytest.approx(SIGMA, rel=1e-12)


def test_less_than_three_sessions_of_history_is_none_and_twenty_are_the_most() -> None:
    days = [(Decimal(100 + k % 3), Decimal(1000 + k)) for k in range(30)]
    assert statistics(days[:2]).adv is None
    assert statistics(days[:3]).adv == Decimal(1001)
    assert statistics(days) == statistics(days[9:])
    assert statistics(days) != statistics(days[10:])
    assert statistics(days).adv == statistics(days[10:]).adv


def test_an_entry_fills_at_the_open_worse_by_half_spread_and_impact(matcher: Matcher) -> None:
    fill = matcher.fill_at_open("r-20251010-034-AAPL-entry", "AAPL", 1, 100, 35)
    assert fill is not None and fill.qty == 100 and fill.fee == 0
    assert fill.price == expected(100.0, 1, 100, ADV)


def test_an_entry_takes_at_most_five_percent_of_the_bar(matcher: Matcher, market: Bars) -> None:
    fill = matcher.fill_at_open("x-entry", "AAPL", 1, 300, 35)
    assert fill is not None and fill.qty == 200 and fill.price == expected(100.0, 1, 200, ADV)
    market.set(35, volume=19.0)
    assert matcher.fill_at_open("x-entry", "AAPL", 1, 300, 35) is None
    assert matcher.fill_at_open("x-exit", "AAPL", -1, 300, 35) is None


def test_a_flattening_exit_fills_whole_and_pays_for_it(matcher: Matcher, market: Bars) -> None:
    fill = matcher.fill_at_open("x-flat", "AAPL", -1, 300, 35)
    assert fill is not None and fill.qty == 300
    assert fill.price == expected(100.0, -1, 300, 4_000.0 * SLOTS)
    market.set(35, volume=1e6)
    fill = matcher.fill_at_open("x-flat", "AAPL", -1, 300, 35)
    assert fill is not None and fill.price == expected(100.0, -1, 300, ADV)


def test_nothing_fills_in_a_minute_without_a_trade(matcher: Matcher, market: Bars) -> None:
    market.quiet(35)
    for order in ("x-entry", "x-exit", "x-flat"):
        assert matcher.fill_at_open(order, "AAPL", 1, 10, 35) is None
    assert matcher.fill_stop("AAPL", -1, 10, Decimal(100), 35) is None


def test_the_last_bar_fills_every_exit_whole_but_no_entry_beyond_its_share(matcher: Matcher, market: Bars) -> None:
    last = SLOTS - 1
    fill = matcher.fill_at_open("x-exit", "AAPL", -1, 300, last)
    assert fill is not None and fill.qty == 300 and fill.price == expected(100.0, -1, 300, 4_000.0 * SLOTS)
    entry = matcher.fill_at_open("x-entry", "AAPL", 1, 300, last)
    assert entry is not None and entry.qty == 200
    market.quiet(last)
    market.quiet(last - 1)
    market.set(last - 2, close=98.0)
    fill = matcher.fill_at_open("x-exit", "AAPL", -1, 300, last)
    assert fill is not None and fill.qty == 300 and fill.price == expected(98.0, -1, 300, ADV)
    assert matcher.fill_at_open("x-entry", "AAPL", 1, 300, last) is None


def test_what_has_not_traded_for_five_minutes_does_not_fill_in_the_last_bar(matcher: Matcher, market: Bars) -> None:
    for slot in range(SLOTS - 4, SLOTS):
        market.quiet(slot)
    assert all(matcher.fill_at_open(f"x-{word}", "AAPL", -1, 300, SLOTS - 1) for word in ("exit", "flat"))
    market.quiet(SLOTS - 5)
    assert not any(matcher.fill_at_open(f"x-{word}", "AAPL", -1, 300, SLOTS - 1) for word in ("exit", "flat"))


@pytest.mark.parametrize(
    ("side", "stop", "bar", "base"),
    [
        (-1, "99.00", {"open": 100.0, "low": 98.5}, 99.0),
        (-1, "99.00", {"open": 98.4, "low": 98.0}, 98.4),
        (-1, "99.00", {"open": 100.0, "low": 99.0}, 99.0),
        (-1, "99.00", {"open": 100.0, "low": 99.01}, None),
        (1, "101.00", {"open": 100.0, "high": 101.5}, 101.0),
        (1, "101.00", {"open": 102.0, "high": 103.0}, 102.0),
        (1, "101.00", {"open": 100.0, "high": 100.99}, None),
    ],
)
def test_a_stop_fills_at_its_price_or_at_an_open_beyond_it(
    matcher: Matcher, market: Bars, side: int, stop: str, bar: dict[str, float], base: float | None
) -> None:
    market.set(35, **bar)
    fill = matcher.fill_stop("AAPL", side, 120, Decimal(stop), 35)
    if base is None:
        assert fill is None
    else:
        assert fill is not None and fill.qty == 120
        assert fill.price == expected(base, side, 120, 4_000.0 * SLOTS)


FLAT = {"open": 100.0, "high": 100.0, "low": 100.0}


@pytest.mark.parametrize(
    ("side", "limit", "bar"),
    [
        (1, "100.50", {"open": 100.0}),
        (-1, "99.50", {"open": 100.0}),
        (1, "50.00", {"open": 49.98}),
    ],
)
def test_a_limit_with_a_better_open_fills_there_with_its_costs_and_never_beyond_it(
    matcher: Matcher, market: Bars, side: int, limit: str, bar: dict[str, float]
) -> None:
    market.set(35, **bar)
    fill = matcher.fill_limit_at_open("AAPL", side, 300, Decimal(limit), 35)
    assert fill is not None and fill.qty == 200
    with_costs = expected(bar["open"], side, 200, ADV)
    assert fill.price == (min if side > 0 else max)(with_costs, Decimal(limit))


def test_costs_that_would_go_beyond_the_limit_end_at_it(matcher: Matcher, market: Bars) -> None:
    market.set(35, open=99.99)
    fill = matcher.fill_limit_at_open("AAPL", 1, 100, Decimal("100.00"), 35)
    assert expected(99.99, 1, 100, ADV) > 100 and fill is not None and fill.price == Decimal("100.00")
    market.set(35, open=100.01)
    fill = matcher.fill_limit_at_open("AAPL", -1, 100, Decimal("100.00"), 35)
    assert fill is not None and fill.price == Decimal("100.00") and fill.fee > 0


@pytest.mark.parametrize(
    ("side", "bar", "fills"),
    [
        (1, {"low": 99.99}, True),
        (1, {"low": 100.0}, False),
        (1, {"low": 99.99, "volume": 19.0}, False),
        (-1, {"high": 100.01}, True),
        (-1, {"high": 100.0}, False),
    ],
)
def test_a_limit_fills_inside_the_bar_only_where_it_trades_through(
    matcher: Matcher, market: Bars, side: int, bar: dict[str, float], fills: bool
) -> None:
    market.set(35, **(FLAT | bar))
    assert matcher.fill_limit_at_open("AAPL", side, 300, Decimal(100), 35) is None
    fill = matcher.fill_limit_inside("AAPL", side, 300, Decimal(100), 35)
    assert (fill.qty, fill.price) == (200, Decimal(100)) if fill is not None else not fills


def test_a_limit_fills_nothing_in_a_minute_without_a_trade(matcher: Matcher, market: Bars) -> None:
    market.quiet(35)
    assert matcher.fill_limit_at_open("AAPL", 1, 10, Decimal(200), 35) is None
    assert matcher.fill_limit_inside("AAPL", 1, 10, Decimal(200), 35) is None


@pytest.mark.parametrize(("slot", "curve"), [(0, 2.0), (4, 2.0), (5, 1.5), (15, 1.25), (29, 1.25), (30, 1.0)])
def test_spreads_are_wider_after_the_open(matcher: Matcher, slot: int, curve: float) -> None:
    fill = matcher.fill_at_open("x-entry", "AAPL", 1, 100, slot)
    assert fill is not None and fill.price == expected(100.0, 1, 100, ADV, curve)


def test_without_history_the_widest_spread_is_paid_and_no_impact(market: Bars) -> None:
    fill = Matcher(market, CostConfig(), 1).fill_at_open("x-entry", "AAPL", 1, 100, 35)
    assert fill is not None and fill.price == Decimal("102.0510")


def test_sales_pay_dated_fees_rounded_one_by_one(market: Bars) -> None:
    costs = CostConfig().model_dump()
    costs["fees"] = [
        {"from_date": "2025-01-01", "sec_usd_per_million": 27.8, "taf_usd_per_share": 0.000166, "taf_cap_usd": 8.3}
    ]
    fill = Matcher(market, CostConfig.parse(costs, "test"), 4).fill_at_open("x-flat", "AAPL", -1, 200, 35)
    assert fill is not None
    assert fill.fee == Decimal("0.56") + Decimal("0.03")


@pytest.mark.parametrize(
    ("value", "answer"),
    [("1.00005", "1.0000"), ("1.00015", "1.0002"), ("1.00015000000000003", "1.0002"), ("1.000051", "1.0001")],
)
def test_ties_go_to_the_even_neighbour_also_within_binary_noise(value: str, answer: str) -> None:
    assert rounded(Decimal(value), PRICE_STEP) == Decimal(answer)
