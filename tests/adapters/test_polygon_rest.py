import datetime as dt
import socket
import time

import pytest

from daytrader_ray.adapters.polygon_rest import client, minute_bars
from daytrader_ray.adapters.store import BAR_SCHEMA
from daytrader_ray.domain.errors import FeedError
from tests.adapters.vendor import Vendor, serving

MONDAY, FRIDAY = dt.date(2025, 11, 3), dt.date(2025, 11, 28)


def test_all_pages_are_read_as_raw_bars() -> None:
    with serving(Vendor()) as vendor:
        table = minute_bars(client(f"{vendor.url}/", "secret"), "AAPL", MONDAY, FRIDAY)
    assert table.schema == BAR_SCHEMA
    assert table.num_rows == 26 * 10
    assert table.slice(11, 1).to_pylist() == [
        {
            "symbol": "AAPL", "timestamp": dt.datetime(2025, 11, 4, 15, 31, tzinfo=dt.UTC),
            "open": 10, "high": 11, "low": 9.5, "close": 10.5, "volume": 101, "vwap": 10.2, "trades": 3,
        }
    ]  # fmt: skip
    assert "adjusted=false" in vendor.requests[0]
    assert len(vendor.requests) == 2


def test_no_bars_are_an_empty_table() -> None:
    with serving(Vendor("empty")) as vendor:
        assert minute_bars(client(vendor.url, "secret"), "AAPL", MONDAY, MONDAY).num_rows == 0


@pytest.mark.parametrize(
    ("behaviour", "key", "words", "hint"),
    [
        ("", "wrong", "AAPL: the market data vendor refused: Unknown API Key", "POLYGON_API_KEY"),
        ("limited", "secret", "AAPL: no answer from http://127.0.0.1:.*429", "wait, then run the same command again"),
        ("html", "secret", "an answer that is no JSON: '<html>a proxy", "proxy"),
    ],
)
def test_what_the_vendor_refuses_is_one_line_and_a_hint(behaviour: str, key: str, words: str, hint: str) -> None:
    with serving(Vendor(behaviour)) as vendor, pytest.raises(FeedError, match=words) as caught:
        minute_bars(client(vendor.url, key, tries=2), "AAPL", MONDAY, MONDAY)
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message


def test_a_vendor_that_hangs_is_given_up() -> None:
    before = time.perf_counter()
    with serving(Vendor("hang")) as vendor, pytest.raises(FeedError, match="no answer from"):
        minute_bars(client(vendor.url, "secret", read_seconds=0.1, tries=2), "AAPL", MONDAY, MONDAY)
    assert time.perf_counter() - before < 5


def test_a_vendor_that_is_not_there_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(FeedError, match=f"no answer from {url}"):
        minute_bars(client(url, "secret", tries=2), "AAPL", MONDAY, MONDAY)
