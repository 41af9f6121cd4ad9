"""What leans to one side: net and beta of a close's orders, hedges, and signals beside those of their sector."""

from typing import Any

import numpy as np
import pytest

from daytrader_ray.domain.budget import SIZING_STEPS, unlimited
from daytrader_ray.domain.trading import Reason
from daytrader_ray.engine.book import HANDS_OFF, Book, apply_fill, new_book, open_session
from daytrader_ray.engine.entries import size_entry
from daytrader_ray.engine.values import Snapshot, new_scratch
from tests.engine.deciding import ENTRY, EXIT, HEDGE, decide, holding, protected, snapshot

WIDE = {"max_position": 1.0, "max_sector": 4.0, "max_gross": 4.0, "max_net": 4.0, "max_beta": 4.0, "buying_power": 4.0}


def book_of(n: int, qty: dict[int, int]) -> Book:
    """A book of 100,000 USD that has bought these shares at 50.00."""
    book = new_book(n, 100_000.0)
    open_session(book)
    for i, shares in qty.items():
        apply_fill(book, i, ENTRY, 1 if shares > 0 else -1, abs(shares), 50.0, 0.0, 90, 5)
    return book


def shares_of(sent: list[tuple[Any, ...]], *kinds: Any) -> dict[int, int]:
    return {line[1]: line[2] * line[3] for line in sent if line[0] in kinds}


@pytest.mark.parametrize(
    ("limit", "beta"), [({"max_net": 1.0}, 0.0), ({"max_beta": 1.0}, 1.0), ({"max_beta": 2.0}, 2.0)]
)
@pytest.mark.parametrize("side", [1, -1])
def test_what_has_not_filled_frees_no_room_for_the_other_side(limit: dict[str, float], beta: float, side: int) -> None:
    """96,000 USD are held on one side; 45,000 are sent on the other one and may fill late or never."""
    n = 19
    signal = side * np.array([-0.9] + [1.0] * 9 + [-0.99] * 9)
    now = snapshot(n, signal=signal, budget=unlimited(n, 0.05)._replace(beta=np.full(n, beta)))
    sent = shares_of(decide(book_of(n, {0: -side * 1920}), now, **(WIDE | {"max_position": 0.05} | limit)), ENTRY)
    assert {i: sent[i] for i in range(1, 10)} == dict.fromkeys(range(1, 10), side * 100)
    assert sum(sent[i] for i in range(10, 19) if i in sent) == -side * 80


def test_an_exit_that_fills_alone_leaves_no_more_than_the_limit_on_the_other_side() -> None:
    """Longs of 40,000 are sold beside shorts of 96,000: net is -56,000 now and -96,000 then."""
    now = snapshot(3, signal=np.array([-1.0, -0.9, -1.0]))
    sent = decide(book_of(3, {0: 800, 1: -1920}), now, **(WIDE | {"max_net": 1.0}))
    assert shares_of(sent, EXIT, ENTRY) == {0: -800, 2: -80}


def test_a_hedge_frees_no_room_before_it_has_filled() -> None:
    now = snapshot(
        3, signal=np.array([0.9, 1.0, np.nan]), is_hedge=np.array([False, False, True]),
        hedge_cap=np.array([0.0, 0.0, 0.5]), budget=unlimited(3, 0.05)._replace(hedge=2, cap=np.full(3, 1.0)),
    )  # fmt: skip
    sent = decide(book_of(3, {0: 1920}), now, **(WIDE | {"max_net": 1.0}))
    assert shares_of(sent, HEDGE, ENTRY) == {1: 80, 2: -1000}


def test_a_hedge_that_is_sold_counts_against_the_shorts_of_its_close() -> None:
    """It was the beta hedge; shorts of 60,000 and 30,000 of it are held: -30,000 now, -60,000 once it is sold."""
    now = snapshot(
        3, signal=np.array([-0.9, -1.0, np.nan]), is_hedge=np.array([False, False, True]),
        hedge_cap=np.array([0.0, 0.0, 0.5]), budget=unlimited(3, 1.0),
    )  # fmt: skip
    sent = decide(book_of(3, {0: -1200, 2: 600}), now, **(WIDE | {"max_beta": 0.8}))
    assert shares_of(sent, HEDGE, ENTRY) == {2: -600, 1: -400}


def test_neutral_signals_lose_the_mean_of_their_sector_and_hedges_keep_theirs() -> None:
    now = snapshot(
        4,
        signal=np.array([0.9, 0.1, np.nan, 0.7]),
        sector=np.zeros(4, dtype=np.int64),
        is_hedge=np.array([False, False, False, True]),
        hedge_cap=np.array([0.0, 0.0, 0.0, 0.5]),
        budget=unlimited(4, 0.05)._replace(neutral=1),
    )
    scratch = new_scratch(now.sector)
    decide(new_book(4, 100_000.0), now, scratch=scratch)
    np.testing.assert_allclose(scratch.signal, [0.4, -0.4, np.nan, 0.7])


@pytest.mark.parametrize("side", [1, -1])
def test_a_neutral_signal_is_clipped_to_one(side: int) -> None:
    now = snapshot(
        3, signal=side * np.array([0.9, -0.9, -0.9]), sector=np.zeros(3, dtype=np.int64),
        budget=unlimited(3, 0.05)._replace(neutral=1),
    )  # fmt: skip
    scratch = new_scratch(now.sector)
    decide(new_book(3, 100_000.0), now, scratch=scratch)
    np.testing.assert_allclose(scratch.signal, side * np.array([1.0, -0.6, -0.6]))


def test_what_is_held_beside_a_symbol_left_alone_is_still_sold() -> None:
    book = book_of(2, {0: 100, 1: 100})
    book.blocked[0] = HANDS_OFF
    assert shares_of(decide(book, snapshot(2, signal=np.array([-1.0, -1.0]))), EXIT) == {1: -100}


def hedged(beta: float = np.nan, **other: Any) -> tuple[Book, Snapshot]:
    """100 shares of symbol 0 at 50.00 held, symbol 1 to hedge them."""
    now = snapshot(
        2,
        signal=np.array([0.4, np.nan]),
        is_hedge=np.array([False, True]),
        hedge_cap=np.array([0.0, 0.5]),
        budget=unlimited(2, 0.05)._replace(hedge=1, beta=np.array([2.0, beta])),
    )
    return holding(2, 100), now._replace(**other)


def test_the_beta_hedge_is_traded_to_its_target_outside_the_band() -> None:
    book, now = hedged()
    assert decide(book, now) == [(HEDGE, 1, -1, 200, Reason.HEDGE, 0.0)]
    apply_fill(book, 1, HEDGE, -1, 101, 50.0, 0.0, 101, 5)
    assert decide(book, now) == []
    book, now = hedged()
    apply_fill(book, 1, HEDGE, -1, 99, 50.0, 0.0, 101, 5)
    assert decide(book, now) == [(HEDGE, 1, -1, 101, Reason.HEDGE, 0.0)]
    assert protected(book) == []


def test_a_hedge_on_the_wrong_side_is_first_closed() -> None:
    book, now = hedged()
    apply_fill(book, 1, HEDGE, 1, 30, 50.0, 0.0, 99, 5)
    assert decide(book, now) == [(HEDGE, 1, -1, 30, Reason.HEDGE, 0.0)]


@pytest.mark.parametrize("beta", [0.0, -1.0])
def test_an_instrument_without_a_positive_beta_hedges_nothing(beta: float) -> None:
    book, now = hedged(beta)
    assert decide(book, now) == []
    apply_fill(book, 1, HEDGE, -1, 200, 50.0, 0.0, 99, 5)
    assert decide(book, now) == [(HEDGE, 1, 1, 200, Reason.HEDGE, 0.0)]


@pytest.mark.parametrize(
    "other",
    [
        {"reducing": 1},
        {"halted": np.array([False, True])},
        {"shortable": np.array([True, False])},
        {"restricted": np.array([False, True])},
        {"close": np.array([50.0, np.nan])},
    ],
)
def test_a_hedge_does_not_grow_where_it_may_not(other: dict[str, Any]) -> None:
    book, now = hedged(**other)
    assert decide(book, now) == []


def test_a_hedge_whose_order_has_an_unknown_fate_is_left_alone() -> None:
    book, now = hedged()
    book.blocked[1] = HANDS_OFF
    assert decide(book, now) == []


@pytest.mark.parametrize(("kernel", "qty"), [({"max_gross": 0.1}, 100), ({"buying_power": 0.08}, 60)])
def test_a_hedge_is_cut_to_the_rooms_in_gross_and_buying_power(kernel: dict[str, float], qty: int) -> None:
    book, now = hedged()
    assert decide(book, now, **kernel) == [(HEDGE, 1, -1, qty, Reason.HEDGE, 0.0)]


def test_a_hedge_is_cut_to_its_cap() -> None:
    book, now = hedged(hedge_cap=np.array([0.0, 0.06]))
    assert decide(book, now) == [(HEDGE, 1, -1, 120, Reason.HEDGE, 0.0)]


def test_a_stock_alone_in_its_sector_keeps_its_signal_in_neutral_mode() -> None:
    budget = unlimited(3, 0.05)._replace(neutral=1)
    now = snapshot(3, signal=np.array([0.9, np.nan, 0.6]), sector=np.array([0, 0, 1]), budget=budget)
    scratch = new_scratch(now.sector)
    assert shares_of(decide(new_book(3, 100_000.0), now, scratch=scratch), ENTRY) == {0: 90, 2: 60}
    np.testing.assert_allclose(scratch.signal, now.signal)


def test_the_signals_of_entries_are_kept_also_where_nothing_is_neutral_or_decided() -> None:
    now = snapshot(1, signal=np.array([0.7]))
    for slot in (100, 389):
        scratch = new_scratch(now.sector)
        decide(new_book(1, 100_000.0), now, slot=slot, scratch=scratch)
        assert scratch.signal.tolist() == [0.7]


@pytest.mark.parametrize("side", [1, -1])
def test_neutral_mode_sells_nothing_by_its_coming(side: int) -> None:
    signal = side * np.linspace(0.88, 0.92, 24)
    now = snapshot(24, signal=signal, sector=np.zeros(24, dtype=np.int64))
    neutral = now._replace(budget=now.budget._replace(neutral=1))
    held = dict.fromkeys(range(24), side * 80)
    assert shares_of(decide(book_of(24, held), neutral, slot=150), EXIT) == {}
    reversed_ = neutral._replace(signal=-signal)
    assert len(shares_of(decide(book_of(24, held), reversed_, slot=150), EXIT)) == 24


def test_what_neutral_mode_has_entered_against_a_signal_is_not_sold_for_that_signal() -> None:
    """One stock of a strong sector is sold short for being weak beside the others."""
    budget = unlimited(4, 0.05)._replace(neutral=1)
    now = snapshot(4, signal=np.array([0.6, 1.0, 1.0, 1.0]), sector=np.zeros(4, dtype=np.int64), budget=budget)
    assert shares_of(decide(book_of(4, {0: -80}), now, slot=150), EXIT) == {}
    plain = now._replace(budget=unlimited(4, 0.05))
    assert shares_of(decide(book_of(4, {0: -80}), plain, slot=150), EXIT) == {0: 80}


def test_the_beta_hedge_counts_what_other_hedges_do_and_not_itself() -> None:
    """Stocks of beta 10,000, 50 TLT against them with beta -0.2; 30 of the hedge are sold short already."""
    is_hedge = np.array([False, True, True])
    budget = unlimited(3, 0.05)._replace(
        hedge=1, beta=np.array([2.0, 1.0, -0.2]), hedge_weight=np.array([0.0, 0.0, 0.025])
    )
    now = snapshot(3, signal=np.array([0.4, np.nan, np.nan]), is_hedge=is_hedge, hedge_cap=0.5 * is_hedge,
                   budget=budget)  # fmt: skip
    book = holding(3, 100)
    for i, side, qty in ((1, -1, 30), (2, 1, 50)):
        apply_fill(book, i, HEDGE, side, qty, 50.0, 0.0, 99, 5)
    assert shares_of(decide(book, now), HEDGE) == {1: -(190 - 30)}


@pytest.mark.parametrize("side", [1, -1])
def test_a_hedge_that_is_wanted_no_longer_is_sold_however_little_it_is(side: int) -> None:
    book, now = hedged()
    apply_fill(book, 1, HEDGE, side, 3, 50.0, 0.0, 99, 5)
    for budget, sent in (
        (now.budget._replace(hedge=-1), {1: -side * 3}),
        (now.budget._replace(hedge=-1, hedge_weight=np.array([0.0, 0.02])), {}),
    ):
        assert shares_of(decide(book, now._replace(budget=budget)), HEDGE) == sent


def test_a_hedge_just_at_its_band_is_kept() -> None:
    book, now = hedged()
    apply_fill(book, 1, HEDGE, -1, 100, 50.0, 0.0, 101, 5)
    assert decide(book, now) == []


def test_a_short_hedge_that_grows_keeps_its_first_bar_and_takes_the_average_price() -> None:
    book, _ = hedged()
    for slot, (qty, price) in enumerate([(100, 50.0), (300, 52.0)]):
        apply_fill(book, 1, HEDGE, -1, qty, price, 0.0, 90 + slot, 5)
    assert (book.qty[1], book.entry_slot[1], book.entry_price[1], book.trades[1]) == (-400, 90, 51.5, 0)
    apply_fill(book, 1, HEDGE, 1, 1, 60.0, 0.0, 95, 5)
    assert (book.qty[1], book.entry_price[1]) == (-399, 51.5)
    apply_fill(book, 1, HEDGE, 1, 398, 60.0, 0.0, 96, 5)
    apply_fill(book, 1, HEDGE, 1, 1, 60.0, 0.0, 97, 5)
    assert (book.qty[1], book.entry_price[1], book.entry_slot[1]) == (0, 51.5, 90)


@pytest.mark.parametrize(("room", "bound"), [(2_000.0, 0), (5_000.0, -1), (6_000.0, -1)])
def test_a_room_as_large_as_the_wish_does_not_bind(room: float, bound: int) -> None:
    row = np.full(len(SIZING_STEPS), 1e9)
    row[SIZING_STEPS.index("room_sector_usd")] = room
    qty, _ = size_entry(5_000.0, 50.0, row)
    assert (qty, row[-1]) == (min(room, 5_000.0) / 50.0, bound)
