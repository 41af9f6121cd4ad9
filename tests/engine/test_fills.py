"""Single rules of docs/fills.md, with numbers worked out by hand."""

import datetime as dt

import numpy as np
import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.book import new_book
from daytrader_ray.engine.fills import Bar, Liquidity, costs_of, fill_fee, fill_price, market_fill, stop_fill
from daytrader_ray.engine.rounding import round_half_even, to_tick

DATE = dt.date(2025, 12, 2)
COSTS = costs_of(CostConfig(), DATE, 390, 1)
DEEP = Liquidity(np.array([10e6]), np.array([0.02]), np.array([np.nan]))
ENTRY, EXIT = int(OrderKind.ENTRY), int(OrderKind.EXIT)


def bar(open_: float = 100.0, high: float = 101.0, low: float = 99.0, volume: float = 4000.0, quiet: int = 0) -> Bar:
    return Bar(
        np.array([open_]), np.array([high]), np.array([low]), np.array([volume]), np.array([99.5]), np.array([quiet])
    )


def test_the_price_is_open_plus_half_spread_plus_square_root_impact() -> None:
    price = fill_price(100.0, 1, 100, 10e6, 0, 60, DEEP, COSTS)
    impact = 100.0 * 0.5 * 0.02 * np.sqrt(100 / 10e6)
    assert price == pytest.approx(round(100.0 + 100.0 * 0.5e-4 + impact, 4), abs=1e-9)


def test_the_half_spread_is_doubled_in_the_first_five_minutes() -> None:
    early = fill_price(100.0, 1, 1, 10e6, 0, 0, DEEP, COSTS) - 100.0
    later = fill_price(100.0, 1, 1, 10e6, 0, 60, DEEP, COSTS) - 100.0
    assert early - later == pytest.approx(0.005, abs=2e-4)


def test_an_entry_takes_at_most_five_percent_of_the_bar() -> None:
    assert market_fill(0, ENTRY, 1, 300, int(Reason.SIGNAL), 60, 390, bar(), DEEP, COSTS)[0] == 200


def test_a_flattening_exit_fills_whole_whatever_the_volume() -> None:
    assert market_fill(0, EXIT, -1, 300, int(Reason.FLATTEN), 384, 390, bar(), DEEP, COSTS)[0] == 300


def test_nothing_fills_in_a_minute_without_a_trade() -> None:
    assert market_fill(0, EXIT, -1, 300, int(Reason.FLATTEN), 60, 390, bar(volume=0.0), DEEP, COSTS)[0] == 0


def test_in_the_last_bar_an_exit_fills_whole_at_the_last_close_if_nothing_trades_there() -> None:
    silent = bar(volume=0.0, quiet=3)
    qty, price = market_fill(0, EXIT, -1, 300, int(Reason.TIME_EXIT), 389, 390, silent, DEEP, COSTS)
    assert qty == 300
    assert 99.0 < price < 99.5


def test_in_the_last_bar_nothing_fills_of_what_has_not_traded_for_five_minutes() -> None:
    for volume, qty in ((0.0, 0), (1.0, 300)):
        silent = bar(volume=volume, quiet=4)
        assert market_fill(0, EXIT, -1, 300, int(Reason.FLATTEN), 389, 390, silent, DEEP, COSTS)[0] == qty
    assert [costs_of(CostConfig(), DATE, 78, minutes).halt_bars for minutes in (1, 2, 5, 15)] == [5, 3, 1, 1]


@pytest.mark.parametrize(
    ("qty", "stop", "opened", "base"),
    [(100, 99.5, 100.0, 99.5), (100, 100.5, 100.0, 100.0), (-100, 100.5, 100.0, 100.5), (-100, 99.5, 100.0, 100.0)],
)
def test_a_stop_fills_at_its_price_or_at_an_open_beyond_it(qty: int, stop: float, opened: float, base: float) -> None:
    book = new_book(1, 0.0)
    book.qty[0], book.stop_price[0] = qty, stop
    price = stop_fill(book, 0, 60, 390, bar(open_=opened), DEEP, COSTS)
    side = -1 if qty > 0 else 1
    assert price == fill_price(base, side, 100, min(10e6, 4000.0 * 390), 0, 60, DEEP, COSTS)


def test_a_stop_outside_the_bar_is_not_hit() -> None:
    book = new_book(1, 0.0)
    book.qty[0], book.stop_price[0] = 100, 98.99
    assert stop_fill(book, 0, 60, 390, bar(), DEEP, COSTS) == 0.0


def test_sales_pay_the_fees_of_their_date_and_purchases_none() -> None:
    before = costs_of(CostConfig(), dt.date(2025, 5, 13), 390, 1)
    assert fill_fee(-1, 1000, 100.0, before) == pytest.approx(2.78 + 0.17)
    assert fill_fee(-1, 1000, 100.0, COSTS) == pytest.approx(0.17)
    assert fill_fee(1, 1000, 100.0, before) == 0.0


@pytest.mark.parametrize(
    ("value", "expected"), [(0.125, 0.12), (0.135, 0.14), (1.005, 1.0), (1.015, 1.02), (2.349, 2.35)]
)
def test_ties_go_to_the_even_neighbour_although_binary_cannot_hold_them(value: float, expected: float) -> None:
    assert round_half_even(value, 100.0) == pytest.approx(expected, abs=1e-12)


def test_stop_prices_are_whole_cents_and_below_a_dollar_hundredths_of_a_cent() -> None:
    assert to_tick(101.23456) == 101.23
    assert to_tick(0.123456) == 0.1235
    assert to_tick(-3.0) == 0.0001


@pytest.mark.parametrize(("adv", "sigma"), [(np.nan, 0.02), (10e6, np.nan), (np.nan, np.nan)])
def test_without_volume_or_volatility_the_widest_spread_is_paid_and_no_impact(adv: float, sigma: float) -> None:
    half_known = Liquidity(np.array([adv]), np.array([sigma]), np.array([np.nan]))
    assert fill_price(100.0, 1, 100, 10e6, 0, 60, half_known, COSTS) == pytest.approx(100.0 + 100.0 * 5e-4)


def test_no_sale_is_below_a_hundredth_of_a_cent() -> None:
    assert fill_price(0.002, -1, 100, 10e6, 0, 60, DEEP, COSTS) == 0.0001
