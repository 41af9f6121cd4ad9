"""Each check says no to exactly one thing, and the kernel's own orders pass them all."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.domain.trading import Order, OrderKind, Reason
from daytrader_ray.risk.checks import Exposure, refuse

BOOK = Exposure(
    equity=100_000.0,
    held=0,
    price=100.0,
    sector_gross=20_000.0,
    gross=150_000.0,
    max_position=0.05,
    max_sector=0.25,
    max_gross=2.0,
)


def order(kind: OrderKind = OrderKind.ENTRY, side: int = 1, qty: int = 50) -> Order:
    return Order(dt.date(2025, 12, 2), 10, "AAPL", kind, side, qty, None, Reason.SIGNAL, "x")


def test_an_entry_within_every_limit_passes() -> None:
    assert refuse(order(), BOOK) is None


@pytest.mark.parametrize(
    ("change", "sent", "word"),
    [
        ({}, order(qty=0), "quantity 0"),
        ({"held": 10}, order(), "entry while 10 shares are held"),
        ({}, order(qty=51), "position of 5100.00 USD, at most 5000.00"),
        ({"sector_gross": 20_001.0}, order(), "sector of 25001.00 USD, at most 25000.00"),
        ({"gross": 195_001.0}, order(), "gross exposure of 200001.00 USD"),
        ({"held": 10}, order(OrderKind.EXIT, side=-1, qty=11), "would not close a position of +10"),
        ({"held": 10}, order(OrderKind.STOP, side=1, qty=10), "would not close a position of +10"),
        ({"held": 0}, order(OrderKind.EXIT, side=-1, qty=10), "would not close a position of +0"),
    ],
)
def test_what_a_limit_forbids_is_refused_with_the_numbers(change: dict[str, float], sent: Order, word: str) -> None:
    reason = refuse(sent, dataclasses.replace(BOOK, **change))
    assert reason is not None
    assert word in reason


@given(st.integers(-500, 500).filter(bool))
def test_an_exit_of_exactly_the_position_always_passes_however_bad_the_book(held: int) -> None:
    book = dataclasses.replace(BOOK, held=held, equity=1.0, gross=1e9)
    assert refuse(order(OrderKind.EXIT, side=-1 if held > 0 else 1, qty=abs(held)), book) is None
