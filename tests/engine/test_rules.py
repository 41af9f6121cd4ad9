"""Rules that no backtest reaches, because its venue refuses nothing, and rules at their exact limits."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from daytrader_ray.domain.budget import Sizing
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.domain.trading import Reason
from daytrader_ray.engine.book import (
    ACTIVE,
    ENTERING,
    HALTED,
    HANDS_OFF,
    PEAK,
    REDUCING,
    START_EQUITY,
    apply_fill,
    new_book,
    open_session,
    restate,
)
from daytrader_ray.engine.fills import (
    Bar,
    Liquidity,
    costs_of,
    fill_fee,
    fill_price,
    limit_at_open,
    limit_inside,
    market_fill,
    stop_fill,
)
from daytrader_ray.engine.kernel import release
from daytrader_ray.engine.short_sales import fall_from, short_sales
from daytrader_ray.engine.values import new_intents, new_scratch
from tests.engine.deciding import (
    CANCEL,
    CANCEL_STOP,
    ENTRY,
    EXIT,
    STOP,
    N,
    decide,
    holding,
    lines,
    protected,
    snapshot,
)


def test_a_symbol_whose_order_has_an_unknown_fate_is_left_alone() -> None:
    for blocked, sent in ((HANDS_OFF, []), (ENTERING, [])):
        book = holding(1, 100)
        book.blocked[0] = blocked
        assert decide(book, snapshot(1, signal=np.array([-1.0]))) == sent
    book = new_book(1, 100_000.0)
    book.blocked[0] = HANDS_OFF
    scratch = new_scratch(np.zeros(1, dtype=np.int64))
    assert decide(book, snapshot(1, signal=np.array([1.0])), scratch=scratch) == []
    assert scratch.verdict[0] == Reason.DENIED_BLOCKED


def test_no_stop_is_placed_while_hands_are_off_but_one_is_under_an_entry_on_its_way() -> None:
    for blocked, n in ((HANDS_OFF, 0), (ENTERING, 1)):
        book = holding(1, 100)
        book.stop_live[0], book.blocked[0] = 0, blocked
        assert len(protected(book)) == n


def test_a_position_whose_stop_was_refused_twice_is_sold_and_not_entered_again() -> None:
    book = holding(1, 100)
    book.stop_live[0], book.stop_failures[0] = 0, 1
    assert [line[0] for line in protected(book)] == [STOP]
    book.stop_live[0], book.stop_failures[0] = 0, 2
    assert protected(book) == []
    assert decide(book, snapshot(1, signal=np.ones(1)), orders="limit") == [(EXIT, 0, -1, 100, Reason.UNPROTECTED, 0.0)]
    book = new_book(1, 100_000.0)
    book.stop_failures[0] = 2
    scratch = new_scratch(np.zeros(1, dtype=np.int64))
    assert decide(book, snapshot(1, signal=np.ones(1)), scratch=scratch) == []
    assert scratch.verdict[0] == Reason.UNPROTECTED


def test_an_entry_in_two_pieces_ends_with_one_stop_for_the_whole_at_its_average_price() -> None:
    book = new_book(1, 100_000.0)
    book.atr[0] = 0.5
    apply_fill(book, 0, ENTRY, 1, 54, 50.0, 0.0, 90, 5)
    assert protected(book) == [(STOP, 0, -1, 54, Reason.PROTECT, 49.0)]
    apply_fill(book, 0, ENTRY, 1, 54, 51.0, 0.0, 91, 5)
    cancel, stop = protected(book)
    assert (cancel[0], cancel[4]) == (CANCEL_STOP, Reason.PROTECT)
    assert stop == (STOP, 0, -1, 108, Reason.PROTECT, 49.5)
    assert (book.trades[0], book.entry_slot[0]) == (1, 90)
    assert book.money[0] == pytest.approx(100_000.0 - 54 * 101.0)


@pytest.mark.parametrize(("side", "first", "second"), [(1, 49.0, 49.5), (-1, 51.0, 51.5)])
def test_the_stop_of_a_short_position_lies_above_it(side: int, first: float, second: float) -> None:
    book = holding(1, 100 * side)
    assert book.stop_price[0] == first
    apply_fill(book, 0, ENTRY, side, 100, 51.0, 0.0, 91, 5)
    assert protected(book)[-1] == (STOP, 0, -side, 200, Reason.PROTECT, second)


def test_a_stop_that_fills_in_pieces_covers_what_is_left_and_cools_down_with_the_last_one() -> None:
    book = holding(1, 100)
    apply_fill(book, 0, STOP, -1, 40, 49.0, 0.0, 95, 5)
    assert (book.qty[0], book.stop_live[0], book.cooldown_until[0], book.stop_price[0]) == (60, 60, 0, 49.0)
    apply_fill(book, 0, STOP, -1, 60, 49.0, 0.5, 96, 5)
    assert (book.qty[0], book.stop_live[0], book.cooldown_until[0], book.stop_price[0]) == (0, 0, 101, 0.0)
    assert book.money[0] == pytest.approx(100_000.0 - 100.0 - 0.5)


def test_what_a_limit_has_not_filled_is_cancelled_and_asked_for_no_longer() -> None:
    book = new_book(2, 100_000.0)
    for i, side in ((0, 1), (1, -1)):
        book.limit_kind[i], book.limit_qty[i], book.limit_price[i] = ENTRY, side * 300, 50.0
        apply_fill(book, i, ENTRY, side, 100, 50.0, 0.0, 10, 5)
    out = new_intents(2)
    assert lines(out, release(book, out)) == [
        (CANCEL, 0, 1, 200, Reason.UNFILLED, 50.0),
        (CANCEL, 1, -1, 200, Reason.UNFILLED, 50.0),
    ]
    assert release(book, out) == 0
    assert book.limit_kind.tolist() == book.limit_qty.tolist() == [0, 0]


def test_a_filled_limit_rests_no_longer() -> None:
    book = new_book(1, 100_000.0)
    book.limit_kind[0], book.limit_qty[0], book.limit_price[0] = ENTRY, 100, 50.0
    apply_fill(book, 0, ENTRY, 1, 100, 50.0, 0.0, 10, 5)
    out = new_intents(1)
    assert release(book, out) == 0


@pytest.mark.parametrize(("equity", "state"), [(98_000.0, HALTED), (98_000.01, ACTIVE)])
def test_the_book_is_halted_from_two_percent_of_loss_on(equity: float, state: int) -> None:
    book = holding(1, 100)
    book.money[START_EQUITY] = 100_000.0
    book.money[0] = equity - 5_000.0
    sent = decide(book, snapshot(1, signal=np.ones(1)))
    assert book.state[0] == state
    assert sent == ([(CANCEL_STOP, 0, -1, 100, Reason.HALTED, 49.0), (EXIT, 0, -1, 100, Reason.HALTED, 0.0)]
                    if state == HALTED else [])  # fmt: skip


def test_a_halted_book_stays_halted_until_the_next_session_whatever_it_is_told() -> None:
    book = new_book(1, 100_000.0)
    book.state[0] = HALTED
    scratch = new_scratch(np.zeros(1, dtype=np.int64))
    assert decide(book, snapshot(1, signal=np.ones(1), reducing=1), scratch=scratch) == []
    assert (book.state[0], scratch.verdict[0]) == (HALTED, Reason.HALTED)
    open_session(book)
    assert decide(book, snapshot(1, signal=np.ones(1)))[0][0] is ENTRY


def test_a_reducing_book_enters_again_once_it_is_told_no_longer() -> None:
    book = new_book(1, 100_000.0)
    assert decide(book, snapshot(1, signal=np.ones(1), reducing=1)) == []
    assert book.state[0] == REDUCING
    assert decide(book, snapshot(1, signal=np.ones(1)))[0][:4] == (ENTRY, 0, 1, 100)
    assert book.state[0] == ACTIVE


@pytest.mark.parametrize(
    ("slot", "signal", "reason"),
    [
        (100, -0.5, Reason.REVERSED),
        (103, 0.1249, Reason.NONE),
        (104, 0.1249, Reason.SIGNAL_EXIT),
        (104, 0.125, Reason.NONE),
        (208, 1.0, Reason.NONE),
        (209, 1.0, Reason.TIME_EXIT),
        (383, 1.0, Reason.TIME_EXIT),
        (384, 1.0, Reason.FLATTEN),
        (388, 1.0, Reason.FLATTEN),
        (389, 1.0, Reason.NONE),
        (209, np.nan, Reason.TIME_EXIT),
        (150, np.nan, Reason.NONE),
    ],
)
def test_the_first_reason_that_holds_sells(slot: int, signal: float, reason: Reason) -> None:
    for side in (1, -1):
        sent = decide(holding(1, 100 * side), snapshot(1, signal=np.array([side * signal])), slot=slot)
        assert [line[4] for line in sent if line[0] is EXIT] == ([reason] if reason else [])


@pytest.mark.parametrize(("slot", "enters"), [(382, True), (383, False), (389, False)])
def test_the_last_entry_is_not_flattened_in_the_bar_in_which_it_fills(slot: int, enters: bool) -> None:
    assert bool(decide(new_book(1, 100_000.0), snapshot(1, signal=np.ones(1)), slot=slot)) == enters


@pytest.mark.parametrize(
    ("field", "inside", "outside", "reason"),
    [
        ("quiet", 4, 5, Reason.DENIED_QUIET),
        ("event_scale", 0.5, 0.0, Reason.DENIED_EVENT),
        ("atr", 0.01, 0.0, Reason.DENIED_HISTORY),
        ("atr", 0.01, np.nan, Reason.DENIED_HISTORY),
        ("expected_volume", 20.0, 0.0, Reason.DENIED_HISTORY),
        ("expected_volume", 20.0, 19.0, Reason.DENIED_SIZE),
        ("close", 50.0, np.nan, Reason.DENIED_HISTORY),
        ("tradable", True, False, Reason.DENIED_HISTORY),
        ("halted", False, True, Reason.DENIED_HALT),
        ("shortable", True, False, Reason.DENIED_BORROW),
        ("restricted", False, True, Reason.DENIED_RULE_201),
        ("sector_limit", 0.001, 0.0004, Reason.DENIED_SECTOR),
        ("signal", -0.5, -0.4999, Reason.DENIED_THRESHOLD),
    ],
)
def test_an_entry_is_denied_from_its_limit_on(field: str, inside: Any, outside: Any, reason: Reason) -> None:
    for value, denied in ((inside, False), (outside, True)):
        now = snapshot(1, signal=np.array([-1.0]))
        now = now._replace(**{field: np.array([value], dtype=getattr(now, field).dtype)})
        scratch = new_scratch(np.zeros(1, dtype=np.int64))
        sent = decide(new_book(1, 100_000.0), now, scratch=scratch)
        assert bool(sent) != denied
        assert scratch.verdict[0] == (reason if denied else 0)


@pytest.mark.parametrize(("fallen", "fraction"), [(0.0, 0.5), (0.05, 0.375), (0.1, 0.25), (0.3, 0.25)])
def test_the_kelly_fraction_falls_to_a_quarter_over_ten_percent_below_the_peak(fallen: float, fraction: float) -> None:
    book = new_book(1, 100_000.0)
    book.money[PEAK] = 100_000.0 / (1.0 - fallen)
    learned = Sizing(np.array([0.2, 0.6]), np.array([0.5, 1.0]), 0.5)
    for signal, weight in ((0.599, 0.5), (0.6, 1.0)):
        sent = decide(book, snapshot(1, signal=np.array([signal])), learned=learned, sizing="kelly")
        assert sent[0][3] == int(100_000.0 * 0.05 * fraction / 0.5 * weight * signal / 50.0 + 1e-9)


@pytest.mark.parametrize(
    ("kernel", "qty", "reason"),
    [
        ({"max_sector": 0.04}, 80, 0),
        ({"max_gross": 0.04}, 80, 0),
        ({"max_net": 0.04}, 80, 0),
        ({"max_beta": 0.04}, 80, 0),
        ({"buying_power": 0.04}, 80, 0),
        ({"max_sector": 0.0004}, 0, Reason.DENIED_SECTOR),
        ({"max_gross": 0.0004}, 0, Reason.DENIED_GROSS),
        ({"max_net": 0.0004}, 0, Reason.DENIED_NET),
        ({"max_beta": 0.0004}, 0, Reason.DENIED_BETA),
        ({"buying_power": 0.0004}, 0, Reason.DENIED_CASH),
        ({"max_sector": 0.0004, "max_gross": 0.0004}, 0, Reason.DENIED_SECTOR),
        ({"max_net": 0.0004, "max_beta": 0.0004, "buying_power": 0.0004}, 0, Reason.DENIED_NET),
    ],
)
def test_each_room_cuts_an_entry_or_denies_it(kernel: dict[str, float], qty: int, reason: int) -> None:
    for side in (1.0, -1.0):
        scratch = new_scratch(np.zeros(1, dtype=np.int64))
        sent = decide(new_book(1, 100_000.0), snapshot(1, signal=np.array([side])), scratch=scratch, **kernel)
        assert [line[3] for line in sent] == [qty] * (qty > 0)
        assert scratch.verdict[0] == reason


def test_a_stop_trails_by_an_increment_or_more_also_where_the_increment_changes() -> None:
    for best, moved in ((1.9951, False), (1.9952, True), (2.0, False), (2.01, True)):
        book = new_book(1, 100_000.0)
        apply_fill(book, 0, ENTRY, 1, 100, 1.9949, 0.0, 90, 5)
        book.atr[0] = 0.5
        protected(book)
        book.stop_price[0] = 0.9951
        now = snapshot(1, close=np.full(1, 1.99), high=np.full(1, best), signal=np.ones(1), expected_volume=np.ones(1))
        sent = decide(book, now, trailing=True)
        assert [line[0] for line in sent] == ([CANCEL_STOP, STOP] if moved else [])


@pytest.mark.parametrize(("blocked", "stop_live"), [(HANDS_OFF, 100), (ENTERING, 100), (0, 0)])
def test_a_stop_is_not_moved_while_an_order_is_on_its_way_or_none_rests(blocked: int, stop_live: int) -> None:
    book = holding(1, 100)
    book.blocked[0], book.stop_live[0] = blocked, stop_live
    assert decide(book, snapshot(1, high=np.full(1, 60.0), signal=np.ones(1)), trailing=True) == []
    book = holding(1, 100)
    assert decide(book, snapshot(1, high=np.full(1, 60.0), signal=np.ones(1)), slot=90, trailing=True) == []
    sent = decide(book, snapshot(1, high=np.full(1, 60.0), signal=np.ones(1)), slot=91, trailing=True)
    assert sent[1] == (STOP, 0, -1, 100, Reason.TRAIL, 59.0)


def test_a_stop_does_not_follow_a_price_that_is_not_known() -> None:
    for side in (1, -1):
        unknown = snapshot(1, high=np.full(1, np.nan), low=np.full(1, np.nan), signal=np.full(1, side * 1.0))
        assert decide(holding(1, 100 * side), unknown, trailing=True) == []


def test_a_stop_that_is_carried_over_a_split_lies_on_the_increment() -> None:
    book = holding(1, 100)
    book.mark[0] = 50.0
    restate(book, np.array([1.0 / 3.0]))
    assert (book.qty[0], book.stop_price[0], book.mark[0]) == (33, 147.0, pytest.approx(150.0))
    book = holding(2, -101)
    book.stop_price[0], book.mark[:] = 50.03, 50.0
    cash = float(book.money[0])
    restate(book, np.array([1.5, 2.0]))
    assert (book.qty[0], book.stop_price[0], book.atr[0]) == (-151, 33.35, pytest.approx(1.0 / 3.0))
    assert book.money[0] == pytest.approx(cash - 0.5 * 50.0 / 1.5)


@pytest.mark.parametrize(("low", "falls"), [(18.10, False), (18.09, True)])
def test_rule_201_counts_a_fall_of_just_ten_percent(low: float, falls: bool) -> None:
    days = tuple(Session(dt.date(2025, 11, 3) + dt.timedelta(days=k), 1440 * k, 2) for k in range(3))
    close, traded = np.full((6, 1), 20.10), np.ones((6, 1), dtype=np.bool_)
    close[4:] = 40.20
    lows = close.copy()
    lows[3] = low
    panel = Panel(SessionGrid(days), ("A",), close, close, lows, close, close, close, traded)
    before = [short_sales(panel, s, np.ones(1)) for s in range(3)]
    assert [bool(day.restricted[0]) for day in before] == [False, False, falls]
    assert np.isnan(before[0].limit[0])
    assert bool(low <= before[1].limit[0]) == falls


def test_rule_201_looks_at_a_split_in_the_price_of_its_morning() -> None:
    """Twenty for one before the second session: 201.00 is 10.05 then, of which 9.60 is no fall of ten percent."""
    days = tuple(Session(dt.date(2025, 11, 3) + dt.timedelta(days=k), 1440 * k, 2) for k in range(3))
    close, traded = np.array([[201.0], [201.0], [9.6], [9.6], [9.6], [9.6]]), np.ones((6, 1), dtype=np.bool_)
    factor = np.array([[1.0], [20.0], [20.0]])
    panel = Panel(SessionGrid(days), ("A",), close, close, close, close, close, close, traded, factor, factor)
    split, after = short_sales(panel, 1, np.array([20.0])), short_sales(panel, 2, np.array([20.0]))
    assert split.limit[0] == pytest.approx(0.9 * 10.05)
    assert not after.restricted[0]


@pytest.mark.parametrize("cents", range(1, 4001, 7))
def test_the_limit_of_rule_201_is_not_below_ninety_percent_of_a_price_in_cents(cents: int) -> None:
    assert 0.09 * cents <= fall_from(np.array([cents / 10.0]))[0] < 0.09 * cents + 1e-9


COSTS = costs_of(CostConfig(), dt.date(2024, 6, 3), N, 1)
DEEP = Liquidity(np.array([10e6]), np.array([0.02]), np.array([np.nan]))


def bar(open_: float, low: float, high: float, volume: float = 4_000.0) -> Bar:
    return Bar(
        np.array([open_]), np.array([high]), np.array([low]), np.array([volume]), np.array([50.0]), np.array([0])
    )


@pytest.mark.parametrize(
    ("opened", "low", "at_open", "inside"), [(49.98, 49.9, 100, 100), (50.0, 50.0, 0, 0), (50.01, 49.99, 0, 100)]
)
def test_a_limit_fills_at_a_better_open_or_where_the_bar_trades_through_it(
    opened: float, low: float, at_open: int, inside: int
) -> None:
    for side in (1, -1):
        prices = (opened, low, 51.0) if side > 0 else (100.0 - opened, 49.0, 100.0 - low)
        now = bar(*prices)
        qty, price = limit_at_open(0, side, 100, 50.0, 100, now, DEEP, COSTS)
        assert (qty, limit_inside(0, side, 100, 50.0, now, COSTS)) == (at_open, inside)
        assert qty == 0 or side * price <= side * 50.0


def test_a_limit_takes_at_most_five_percent_of_the_bar_and_pays_costs_up_to_itself() -> None:
    qty, price = limit_at_open(0, 1, 300, 60.0, 100, bar(50.0, 49.0, 51.0), DEEP, COSTS)
    assert (qty, price) == (200, fill_price(50.0, 1, 200, 10e6, 0, 100, DEEP, COSTS))
    assert limit_at_open(0, 1, 300, 50.001, 100, bar(50.0, 49.0, 51.0), DEEP, COSTS) == (200, 50.001)
    assert limit_at_open(0, 1, 300, 60.0, 100, bar(50.0, 49.0, 51.0, volume=19.0), DEEP, COSTS) == (0, 0.0)


def test_one_share_is_a_trade() -> None:
    now, why = bar(50.0, 49.0, 51.0, volume=1.0), int(Reason.FLATTEN)
    assert market_fill(0, int(EXIT), -1, 300, why, 384, N, now, DEEP, COSTS)[0] == 300
    assert stop_fill(holding(1, 100), 0, 100, N, now, DEEP, COSTS) > 0.0


def test_a_new_session_forgets_refused_stops() -> None:
    book = holding(1, 100)
    book.stop_failures[0] = 2
    open_session(book)
    assert (book.stop_failures[0], book.stop_live[0], book.carried[0]) == (0, 0, 1)


def test_what_is_sold_or_was_never_held_is_not_carried() -> None:
    book = holding(2, 100)
    open_session(book)
    apply_fill(book, 0, EXIT, -1, 100, 50.0, 0.0, 3, 5)
    assert book.carried.tolist() == [0, 0]


def test_fees_are_those_of_the_schedule_and_taf_has_its_cap() -> None:
    assert fill_fee(-1, 10_000_000, 1_000.0, COSTS) == pytest.approx(278_000.0 + 8.30)
    assert fill_fee(-1, 49_999, 0.01, COSTS) == pytest.approx(0.01 + 8.30)
    assert fill_fee(-1, 10_000, 1.0, COSTS) == pytest.approx(0.28 + 1.66)
