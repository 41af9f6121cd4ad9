import datetime as dt
from dataclasses import replace

from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase, Reason
from daytrader_ray.execution.agreement import differences

DAY = dt.date(2025, 12, 2)


def order(slot, symbol="AAPL", qty=10):
    return Order(DAY, slot, symbol, OrderKind.ENTRY, 1, qty, None, Reason.SIGNAL, f"r-{slot}-{symbol}")


def fill(slot, price=10.0, qty=10):
    return Fill(DAY, slot, Phase.OPEN, "AAPL", OrderKind.ENTRY, 1, qty, price, 0.0, f"r-{slot - 1}-AAPL")


def test_equal_records_have_no_differences():
    assert differences([order(1), order(2)], [order(1), order(2)]) == []


def test_one_share_more_is_one_difference_that_shows_both_sides():
    (found,) = differences([order(1), order(2, qty=11)], [order(1), order(2)])
    assert str(found) == "minute 2: order AAPL ENTRY buy 11 (signal) | order AAPL ENTRY buy 10 (signal)"


def test_a_hundredth_of_a_cent_is_a_difference():
    (found,) = differences([fill(2)], [replace(fill(2), price=10.0001)])
    assert "10.0000" in str(found) and "10.0001" in str(found)


def test_what_only_one_run_has_is_named_earliest_first():
    found = differences([order(9)], [order(5), order(9), fill(3)])
    assert [str(d) for d in found] == [
        "minute 3: nothing | fill AAPL ENTRY buy 10 at 10.0000 in phase A, fee 0.00",
        "minute 5: nothing | order AAPL ENTRY buy 10 (signal)",
    ]


def test_the_same_fill_twice_is_a_difference():
    assert len(differences([fill(2), fill(2)], [fill(2)])) == 1


def test_another_order_of_sending_is_a_difference():
    one, other = order(1, "AAPL"), order(1, "MSFT")
    assert len(differences([one, other], [other, one])) == 2
