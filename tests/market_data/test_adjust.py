import datetime as dt

import numpy as np
import pytest

from daytrader_ray.market_data.adjust import Dividend, Split, factors, unpriced

DAYS = [dt.date(2025, 3, day) for day in (3, 4, 5, 6, 7, 10, 11)]


def test_a_split_multiplies_both_factors_from_its_day_on() -> None:
    price, share = factors(DAYS, [Split(DAYS[2], 7.0), Split(DAYS[5], 0.1)], [], {})
    assert share.tolist() == [1.0, 1.0, 7.0, 7.0, 7.0, 7.0 * 0.1, 7.0 * 0.1]
    assert price.tolist() == share.tolist()


def test_a_dividend_is_measured_against_the_close_before_its_ex_date() -> None:
    closes = {DAYS[3]: 50.0, DAYS[4]: 40.0, DAYS[5]: 1.0}
    price, share = factors(DAYS, [], [Dividend(DAYS[5], 2.0)], closes)
    assert price.tolist() == [1.0] * 5 + [40.0 / 38.0] * 2
    assert share.tolist() == [1.0] * 7


def test_split_and_dividend_on_one_day_are_both_in_old_shares() -> None:
    """40 USD before; 1 USD is paid on each old share and each becomes two: fair value 19.50 a new share."""
    price, share = factors(DAYS, [Split(DAYS[2], 2.0)], [Dividend(DAYS[2], 1.0)], {DAYS[1]: 40.0})
    assert price[2] * 19.5 == pytest.approx(price[1] * 40.0, rel=1e-15)
    assert share[2] == 2.0


def test_what_is_announced_for_tomorrow_changes_nothing_today() -> None:
    known = factors(DAYS[:4], [Split(DAYS[1], 2.0)], [], {})
    announced = factors(DAYS[:4], [Split(DAYS[4], 3.0), Split(DAYS[1], 2.0)], [Dividend(DAYS[4], 1.0)], {DAYS[3]: 9.0})
    for before, after in zip(known, announced, strict=True):
        assert before.tobytes() == after.tobytes()


def test_actions_before_the_first_session_count() -> None:
    price, share = factors(DAYS[3:], [Split(DAYS[0], 4.0)], [], {})
    assert price.tolist() == share.tolist() == [4.0] * 4


@pytest.mark.parametrize("closes", [{}, {dt.date(2025, 2, 20): 40.0}, {DAYS[1]: 2.0}])
def test_a_dividend_without_a_recent_close_above_it_is_left_out_and_named(closes: dict[dt.date, float]) -> None:
    dividend = Dividend(DAYS[2], 2.0)
    price, _ = factors(DAYS, [], [dividend], closes)
    assert np.all(price == 1.0)
    assert unpriced([dividend], closes) == (dividend,)


@pytest.mark.parametrize(
    ("ex_date", "amount", "close", "earlier", "later"),
    [
        (dt.date(2014, 5, 8), 3.29, 592.33, 0.8961764, 0.9011818),
        (dt.date(2014, 8, 7), 0.47, 94.97, 0.9011818, 0.9056639),
    ],
)
def test_real_dividends_of_aapl_agree_with_the_factor_file_of_lean(
    ex_date: dt.date, amount: float, close: float, earlier: float, later: float
) -> None:
    before = ex_date - dt.timedelta(days=1)
    price, _ = factors([before, ex_date], [], [Dividend(ex_date, amount)], {before: close})
    assert price[1] / price[0] == pytest.approx(later / earlier, abs=2e-7)
