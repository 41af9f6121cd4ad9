"""Whatever the vendor answers ends in a table or in one named error."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.polygon_reference import daily_bars, details, dividends, splits
from daytrader_ray.adapters.polygon_rest import Vendor, client, minute_bars
from daytrader_ray.adapters.polygon_ticks import quote_bars, trade_bars
from daytrader_ray.domain.errors import FeedError

DAY = dt.date(2025, 11, 28)
SESSION = session_grid(DAY, DAY).sessions[0]
READERS: dict[str, Callable[[Vendor], pa.Table]] = {
    "minutes": lambda vendor: minute_bars(vendor, "AAPL", DAY, DAY),
    "index": lambda vendor: minute_bars(vendor, "I:VIX", DAY, DAY),
    "daily": lambda vendor: daily_bars(vendor, "AAPL", DAY, DAY),
    "splits": lambda vendor: splits(vendor, "AAPL"),
    "dividends": lambda vendor: dividends(vendor, "AAPL"),
    "details": lambda vendor: details(vendor, "AAPL", DAY),
    "quotes": lambda vendor: quote_bars(vendor, "AAPL", SESSION)[0],
    "trades": lambda vendor: trade_bars(vendor, "AAPL", SESSION)[0],
}
NAMES = (
    *("t", "o", "h", "l", "c", "v", "vw", "n", "execution_date", "split_from", "split_to", "ex_dividend_date"),
    *("cash_amount", "frequency", "sip_timestamp", "bid_price", "ask_size", "price", "size", "conditions"),
    *("correction", "market_cap", "list_date", "name", "sic_code"),
)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False), st.integers(10**17, 2 * 10**18))
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=8), st.dates().map(str))
rows = st.dictionaries(st.sampled_from(NAMES), st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=9)
answers = st.one_of(
    st.fixed_dictionaries({"results": st.one_of(st.lists(rows, max_size=4), rows, scalars)}),
    st.fixed_dictionaries({"status": scalars, "next_url": scalars}),
    scalars,
)
bodies = st.one_of(answers.map(lambda value: json.dumps(value).encode()), st.binary(max_size=40))


class Canned:
    """A client of the vendor whose every answer is the same."""

    BASE = "http://vendor"
    headers: dict[str, str] = {}  # noqa: RUF012 - as the vendor's class has it

    def __init__(self, status: int, body: bytes) -> None:
        self.client = self
        self.status, self.data = status, body

    def request(self, *_: Any, **__: Any) -> "Canned":
        return self


@pytest.mark.parametrize("reader", ["minutes", "daily"])
@pytest.mark.parametrize("stamp", ["null", "99999999999999999", "-99999999999999999", "1e30", '"noon"', "true", "0.5"])
def test_a_stamp_that_is_none_is_never_a_traceback(reader: str, stamp: str) -> None:
    canned = Canned(200, f'{{"results":[{{"t":{stamp},"o":1,"h":1,"l":1,"c":1,"v":1}}]}}'.encode())
    vendor = client("http://vendor", "k", tries=1, make=lambda *_, **__: canned)
    if reader == "minutes" and stamp == "null":
        assert minute_bars(vendor, "AAPL", DAY, DAY)["timestamp"].null_count == 1
        return
    with pytest.raises(FeedError, match="AAPL: "):
        READERS[reader](vendor)


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=25, deadline=None)
@given(status=st.sampled_from([200, 200, 200, 400, 401, 403, 404, 418, 500]), body=bodies)
def test_any_answer_is_a_table_or_a_named_error(reader: str, status: int, body: bytes) -> None:
    canned = Canned(status, body)
    vendor = client("http://vendor", "k", tries=1, make=lambda *_, **__: canned)
    try:
        table = READERS[reader](vendor)
    except FeedError as error:
        assert error.message
        assert "\n" not in error.message
    else:
        assert isinstance(table, pa.Table)
