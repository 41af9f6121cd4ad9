import datetime as dt
import math
import socket
import time
from collections.abc import Callable
from typing import Any

import massive
import polygon
import pytest

from daytrader_ray.adapters.polygon_rest import NotDeliveredError, UnknownSymbolError, client, minute_bars
from daytrader_ray.adapters.polygon_rest import Vendor as RestVendor
from daytrader_ray.adapters.store import BAR_SCHEMA
from daytrader_ray.domain.errors import FeedError
from tests.adapters.vendor import Vendor, serving

MONDAY, FRIDAY = dt.date(2025, 11, 3), dt.date(2025, 11, 28)
CUT = (200, {}, b'{"status":"OK","results":[{"t":17')
BROKEN = (500, {}, b"oops")


class Log:
    """A pace that lets everything through and writes down what it is told."""

    def __init__(self) -> None:
        self.waits = 0
        self.refusals: list[float | None] = []
        self.answers = 0

    def wait(self) -> None:
        self.waits += 1

    def answered(self) -> None:
        self.answers += 1

    def refused(self, retry_after: float | None) -> None:
        self.refusals.append(retry_after)


@pytest.mark.parametrize("make", [polygon.RESTClient, massive.RESTClient], ids=["polygon", "massive"])
def test_all_pages_are_read_as_raw_bars_with_either_name_of_the_client(make: Callable[..., Any]) -> None:
    with serving(Vendor()) as vendor:
        table = minute_bars(client(f"{vendor.url}/", "secret", make=make), "AAPL", MONDAY, FRIDAY)
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


def test_ends_may_be_moments() -> None:
    start = dt.datetime(2025, 11, 3, 15, 30, tzinfo=dt.UTC)
    with serving(Vendor("limited")) as vendor, pytest.raises(FeedError):
        minute_bars(client(vendor.url, "secret", tries=1), "AAPL", start, start + dt.timedelta(minutes=5))
    assert "/range/1/minute/1762183800000/1762184100000?" in vendor.requests[0]


def test_no_bars_are_an_empty_table() -> None:
    with serving(Vendor("empty")) as vendor:
        assert minute_bars(client(vendor.url, "secret"), "AAPL", MONDAY, MONDAY).num_rows == 0


def test_what_is_left_out_is_null_and_an_index_has_no_volume() -> None:
    body = b'{"status":"OK","results":[{"t":1762180200000,"o":17.5,"h":18,"l":17,"c":17.9}]}'
    with serving(Vendor()) as vendor:
        vendor.failures = [(200, {}, body), (200, {}, body)]
        rest = client(vendor.url, "secret")
        stock, index = (minute_bars(rest, symbol, MONDAY, MONDAY).to_pylist()[0] for symbol in ("AAPL", "I:VIX"))
    assert (stock["volume"], stock["vwap"], stock["trades"]) == (None, None, None)
    assert (index["symbol"], index["volume"], index["close"]) == ("I:VIX", 0.0, 17.9)
    assert "/ticker/I:VIX/" in vendor.requests[1]


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
    assert "secret" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((403, {}, b'{"status":"NOT_AUTHORIZED","message":"You are not entitled."}'), NotDeliveredError, "entitled"),
        ((404, {}, b'{"status":"NOT_FOUND","message":"Ticker not found."}'), UnknownSymbolError, "Ticker not found"),
        ((400, {}, b"\n"), NotDeliveredError, "HTTP status 400"),
        ((200, {}, b"[1, 2]"), NotDeliveredError, "expected an object, found list"),
        ((200, {}, b'{"results": {"t": 1}}'), NotDeliveredError, "'results' is no list"),
        ((200, {}, b'{"results": [{"t": 1, "o": "high"}]}'), NotDeliveredError, "cannot be read"),
        ((200, {}, b'{"results": [1]}'), NotDeliveredError, "cannot be read"),
    ],
)
def test_one_thing_that_cannot_be_had_is_told_from_a_vendor_that_cannot(
    answer: tuple[int, dict[str, str], bytes], kind: type[FeedError], words: str
) -> None:
    with serving(Vendor()) as vendor, pytest.raises(kind, match=words) as caught:
        vendor.failures = [answer]
        minute_bars(client(vendor.url, "secret"), "AAPL", MONDAY, MONDAY)
    assert caught.value.message.startswith("AAPL: ")
    assert len(vendor.requests) == 1


def test_failures_that_may_pass_are_tried_again_and_a_limit_never_counts() -> None:
    pace = Log()
    with serving(Vendor()) as vendor:
        vendor.failures = [BROKEN, (429, {"Retry-After": "3"}, b"{}"), CUT] + [(429, {}, b"{}")] * 5
        rest = RestVendor(polygon.RESTClient("secret", base=vendor.url), pace=pace, sleep=lambda _: None)
        table = minute_bars(rest, "AAPL", MONDAY, MONDAY)
    assert table.num_rows == 10
    assert pace.refusals == [3.0, None, None, None, None, None]
    assert pace.waits == len(vendor.requests) == 9
    assert pace.answers == 3


def test_a_vendor_that_stays_broken_is_given_up_after_all_tries() -> None:
    with serving(Vendor()) as vendor, pytest.raises(NotDeliveredError, match="HTTP status 500"):
        vendor.failures = [BROKEN] * 9
        minute_bars(client(vendor.url, "secret", tries=2), "AAPL", MONDAY, MONDAY)
    assert len(vendor.requests) == 2


@pytest.mark.parametrize("text", ["soon", "Wed, 99 Nov", "-5", "nan", ""])
def test_a_retry_after_that_cannot_be_read_is_none_or_short(text: str) -> None:
    pace = Log()
    with serving(Vendor()) as vendor:
        vendor.failures = [(429, {"Retry-After": text}, b"{}")]
        minute_bars(client(vendor.url, "secret", pace=pace), "AAPL", MONDAY, MONDAY)
    (told,) = pace.refusals
    assert told is None or math.isfinite(told)


def test_pages_that_lead_back_end() -> None:
    pages = [(200, {}, b'{"results":[],"next_url":"http://x/v2/y?cursor=%d"}' % n) for n in (1, 2, 1, 2, 1, 2)]
    for circle in (pages, pages[:1] * 6):
        with serving(Vendor()) as vendor, pytest.raises(NotDeliveredError, match="one that came before"):
            vendor.failures = list(circle)
            minute_bars(client(vendor.url, "secret"), "AAPL", MONDAY, MONDAY)


def test_a_broken_vendor_cannot_ask_for_a_wait_of_a_day() -> None:
    slept: list[float] = []
    with serving(Vendor()) as vendor:
        vendor.failures = [(503, {"Retry-After": "86400"}, b"{}"), (503, {"Retry-After": "7"}, b"{}")]
        rest = RestVendor(polygon.RESTClient("secret", base=vendor.url), sleep=slept.append)
        assert minute_bars(rest, "AAPL", MONDAY, MONDAY).num_rows == 10
    assert slept == [60.0, 7.0]


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
