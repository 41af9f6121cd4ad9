"""Each check says no to exactly one thing, and what is exactly at a limit passes them all."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.domain.trading import Order, OrderKind, Reason
from daytrader_ray.risk.checks import CHECKS, Exposure, refuse

BOOK = Exposure(
    state=0,
    equity=100_000.0,
    start_equity=100_000.0,
    held=0,
    price=100.0,
    beta=1.0,
    may_short=True,
    sector_gross=15_000.0,
    gross=150_000.0,
    net=10_000.0,
    net_beta=20_000.0,
    max_position=0.05,
    max_sector=0.25,
    max_gross=2.0,
    max_net=1.0,
    max_beta=0.5,
    buying_power=3.0,
)
HEDGE = OrderKind.HEDGE


def order(kind: OrderKind = OrderKind.ENTRY, side: int = 1, qty: int = 50, limit: float | None = None) -> Order:
    return Order(dt.date(2025, 12, 2), 10, "AAPL", kind, side, qty, None, Reason.SIGNAL, "x", limit)


def test_an_entry_within_every_limit_passes() -> None:
    assert refuse(order(), BOOK) is None
    assert refuse(order(side=-1), BOOK) is None


@pytest.mark.parametrize(
    ("change", "sent", "reason"),
    [
        ({}, order(qty=0), "quantity 0, expected at least 1"),
        ({"state": 1}, order(), "entry while exits alone are allowed"),
        ({"state": 2}, order(), "entry while exits alone are allowed"),
        ({"state": 1, "held": 5}, order(HEDGE, qty=1), "hedge while exits alone are allowed"),
        ({"state": 1, "held": -10}, order(HEDGE, qty=30), "hedge while exits alone are allowed"),
        ({"held": 10}, order(qty=1), "entry while 10 shares are held"),
        ({"held": -10}, order(qty=1), "entry while -10 shares are held"),
        ({"held": 10}, order(OrderKind.EXIT, side=-1, qty=11), "-11 shares would not close a position of +10"),
        ({"held": 10}, order(OrderKind.STOP, side=1, qty=10), "+10 shares would not close a position of +10"),
        ({"held": 0}, order(OrderKind.EXIT, side=-1, qty=10), "-10 shares would not close a position of +0"),
        ({"may_short": False}, order(side=-1), "it may not be sold short"),
        ({"may_short": False}, order(HEDGE, side=-1), "it may not be sold short"),
        ({}, order(limit=101.01), "limit of 101.0100 USD, the last close is 100.0000 USD"),
        ({}, order(limit=98.99), "limit of 98.9900 USD, the last close is 100.0000 USD"),
        ({"held": 5}, order(OrderKind.EXIT, -1, 5, 98.0), "limit of 98.0000 USD, the last close is 100.0000 USD"),
        ({"price": 0.005}, order(limit=0.0052), "limit of 0.0052 USD, the last close is 0.0050 USD"),
        ({}, order(qty=51), "position of 5100.00 USD, at most 5000.00 USD"),
        ({"held": 10}, order(HEDGE, qty=41), "position of 5100.00 USD, at most 5000.00 USD"),
        ({"held": -10}, order(HEDGE, side=-1, qty=41), "position of 5100.00 USD, at most 5000.00 USD"),
        ({"sector_gross": 20_001.0}, order(), "sector of 25001.00 USD, at most 25000.00 USD"),
        ({"gross": 195_001.0}, order(), "gross exposure of 200001.00 USD, at most 200000.00 USD"),
        ({"gross": 195_001.0}, order(HEDGE), "gross exposure of 200001.00 USD, at most 200000.00 USD"),
        (
            {"gross": 95_001.0, "buying_power": 1.0},
            order(),
            "gross exposure for the buying power of 100001.00 USD, at most 100000.00 USD",
        ),
        (
            {"start_equity": 60_000.0, "gross": 175_001.0},
            order(),
            "gross exposure for the buying power of 180001.00 USD, at most 180000.00 USD",
        ),
        ({"net": 95_001.0}, order(), "net exposure of 100001.00 USD, at most 100000.00 USD"),
        ({"net": -95_001.0}, order(side=-1), "net exposure of 100001.00 USD, at most 100000.00 USD"),
        ({"net_beta": 45_001.0}, order(), "net beta of 50001.00 USD, at most 50000.00 USD"),
        ({"net_beta": -45_001.0}, order(side=-1), "net beta of 50001.00 USD, at most 50000.00 USD"),
        ({"net_beta": 40_001.0, "beta": 2.0}, order(), "net beta of 50001.00 USD, at most 50000.00 USD"),
        ({"net_beta": -45_001.0, "beta": -1.0}, order(), "net beta of 50001.00 USD, at most 50000.00 USD"),
    ],
)
def test_what_a_limit_forbids_is_refused_with_the_numbers(change: dict[str, float], sent: Order, reason: str) -> None:
    book = dataclasses.replace(BOOK, **change)
    assert refuse(sent, book) == reason
    assert [check(sent, book) for check in CHECKS if check(sent, book)] == [reason]


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ({}, order(qty=1)),
        ({"state": 1, "held": 5}, order(HEDGE, side=-1, qty=5)),
        ({"state": 1, "held": -5}, order(HEDGE, side=1, qty=4)),
        ({"state": 2, "held": 5}, order(OrderKind.EXIT, side=-1, qty=5)),
        ({"may_short": False}, order()),
        ({"may_short": False, "held": 5}, order(HEDGE, side=-1, qty=5)),
        ({"may_short": False, "held": 5}, order(OrderKind.EXIT, side=-1, qty=5)),
        ({}, order(limit=101.0)),
        ({}, order(limit=99.0)),
        ({"price": 0.005}, order(limit=0.0051)),
        ({"sector_gross": 20_000.0}, order()),
        ({"sector_gross": 30_000.0}, order(HEDGE)),
        ({"gross": 195_000.0}, order()),
        ({"gross": 95_000.0, "buying_power": 1.0}, order()),
        ({"equity": 90_000.0, "start_equity": 200_000.0, "gross": 150_000.0, "max_position": 0.06}, order()),
        ({"net": 95_000.0}, order()),
        ({"net": -95_000.0}, order(side=-1)),
        ({"net": 99_000.0}, order(side=-1)),
        ({"net": 99_000.0}, order(HEDGE)),
        ({"net_beta": 45_000.0}, order()),
        ({"net_beta": 60_000.0}, order(side=-1)),
        ({"net_beta": 60_000.0, "beta": 0.0}, order()),
        ({"net_beta": 60_000.0, "beta": -1.0}, order()),
        ({"net_beta": 60_000.0}, order(HEDGE)),
        ({"max_position": 0.05 * (1 - 5e-10)}, order()),
    ],
)
def test_what_is_at_a_limit_or_lessens_a_position_passes(change: dict[str, float], sent: Order) -> None:
    assert refuse(sent, dataclasses.replace(BOOK, **change)) is None


@given(st.integers(-500, 500).filter(bool))
def test_an_exit_of_exactly_the_position_always_passes_however_bad_the_book(held: int) -> None:
    book = dataclasses.replace(BOOK, held=held, equity=1.0, gross=1e9, net=-1e9, net_beta=1e9, may_short=False, state=2)
    for kind in (OrderKind.EXIT, OrderKind.STOP):
        assert refuse(order(kind, side=-1 if held > 0 else 1, qty=abs(held)), book) is None
