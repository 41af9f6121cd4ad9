import datetime as dt

import pytest

from daytrader_ray.adapters.polygon_reference import daily_bars, details, dividends, splits
from daytrader_ray.adapters.polygon_rest import NotDeliveredError, client
from daytrader_ray.adapters.tables import DAILY, DIVIDENDS, FUNDAMENTALS, SPLITS
from tests.adapters.vendor import Vendor, serving

DIVIDEND = {
    "ticker": "AAPL", "id": "E1", "cash_amount": 0.22, "currency": "USD", "declaration_date": "2025-10-20",
    "ex_dividend_date": "2025-11-10", "record_date": "2025-11-10", "pay_date": "2025-11-28", "dividend_type": "CD",
    "frequency": 4,
}  # fmt: skip


def split(day: str, old: float, new: float) -> dict[str, object]:
    return {"ticker": "AAPL", "id": "E2", "execution_date": day, "split_from": old, "split_to": new}


def test_a_daily_bar_belongs_to_its_day_in_new_york_on_both_sides_of_the_clock_change() -> None:
    with serving(Vendor()) as vendor:
        table = daily_bars(client(vendor.url, "secret"), "AAPL", dt.date(2025, 10, 31), dt.date(2025, 11, 3))
    assert table.schema == DAILY
    assert table["date"].to_pylist() == [dt.date(2025, 10, 31), dt.date(2025, 11, 3)]
    assert table.to_pylist()[0] | {"date": None} == {
        "date": None, "open": 10, "high": 11, "low": 9.5, "close": 10.5, "volume": 1000, "vwap": 10.2, "trades": 30
    }  # fmt: skip


def test_splits_and_dividends_of_all_pages_come_by_date() -> None:
    with serving(Vendor()) as vendor:
        vendor.page = 1
        vendor.tables["splits"] = [split("2020-08-31", 1, 4), split("2014-06-09", 1, 7)]
        vendor.tables["dividends"] = [DIVIDEND]
        rest = client(vendor.url, "secret")
        found, paid = splits(rest, "AAPL"), dividends(rest, "AAPL")
    assert found.schema == SPLITS
    assert found.to_pylist() == [
        {"execution_date": dt.date(2014, 6, 9), "split_from": 1.0, "split_to": 7.0},
        {"execution_date": dt.date(2020, 8, 31), "split_from": 1.0, "split_to": 4.0},
    ]
    assert paid.schema == DIVIDENDS
    assert paid.to_pylist() == [
        {
            "ex_date": dt.date(2025, 11, 10), "cash_amount": 0.22, "currency": "USD",
            "declaration_date": dt.date(2025, 10, 20), "record_date": dt.date(2025, 11, 10),
            "pay_date": dt.date(2025, 11, 28), "kind": "CD", "frequency": 4,
        }
    ]  # fmt: skip
    assert "ticker=AAPL" in vendor.requests[0]


def test_details_are_one_row_as_known_on_the_day_and_none_where_the_symbol_was_not_listed() -> None:
    day = dt.date(2025, 10, 31)
    with serving(Vendor()) as vendor:
        vendor.unknown = {"NONE"}
        rest = client(vendor.url, "secret")
        table, none = details(rest, "AAPL", day), details(rest, "NONE", day)
    assert "date=2025-10-31" in vendor.requests[0]
    assert table.schema == none.schema == FUNDAMENTALS
    assert none.num_rows == 0
    assert table.to_pylist() == [
        {
            "as_of": day, "name": "AAPL Inc.", "kind": "CS", "market_cap": 1e9, "shares": 1000, "sic_code": "3571",
            "sic_description": None, "sector": "Technology", "listed": dt.date(1980, 12, 12),
        }
    ]  # fmt: skip


def test_a_symbol_is_quoted_in_an_address() -> None:
    with serving(Vendor()) as vendor:
        details(client(vendor.url, "secret"), "A?B", dt.date(2025, 10, 31))
    assert vendor.requests[0].startswith("/v3/reference/tickers/A%3FB?")


@pytest.mark.parametrize("day", ["soon", "2025-13-01", 20250101])
def test_a_date_that_is_none_is_named_and_not_guessed(day: object) -> None:
    with serving(Vendor()) as vendor, pytest.raises(NotDeliveredError, match=r"AAPL: .* cannot be read"):
        vendor.tables["splits"] = [{**split("", 1, 2), "execution_date": day}]
        splits(client(vendor.url, "secret"), "AAPL")


def test_details_that_are_no_object_are_named() -> None:
    with serving(Vendor()) as vendor, pytest.raises(NotDeliveredError, match="'results' is no object"):
        vendor.failures = [(200, {}, b'{"results": []}')]
        details(client(vendor.url, "secret"), "AAPL", dt.date(2025, 10, 31))
