import datetime as dt

import numpy as np
import pytest

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.polygon_rest import client
from daytrader_ray.adapters.polygon_ticks import quote_bars, trade_bars
from daytrader_ray.adapters.tables import QUOTE_BARS, TRADE_BARS
from tests.adapters.vendor import Vendor, serving

SESSION = session_grid(dt.date(2025, 11, 28), dt.date(2025, 11, 28)).sessions[0]
OPEN_NS = SESSION.open_minute * 60_000_000_000
CLOSE_NS = SESSION.close_minute * 60_000_000_000


def filled() -> Vendor:
    """Return a vendor of a thousand quotes and trades in the first ten minutes."""
    rng = np.random.default_rng(1)
    vendor = Vendor()
    stamps = OPEN_NS + np.sort(rng.integers(0, 600_000_000_000, 1000))
    bid = np.round(100 + np.cumsum(rng.normal(0, 0.01, 1000)), 2)
    vendor.tables["quotes"] = [
        {"sip_timestamp": int(t), "bid_price": b, "ask_price": round(b + 0.02, 2), "bid_size": 3, "ask_size": 5}
        for t, b in zip(stamps, bid.tolist(), strict=True)
    ]
    vendor.tables["trades"] = [
        {"sip_timestamp": int(t), "price": p, "size": 50, "conditions": [12] if i % 9 == 0 else [14, 41]}
        for i, (t, p) in enumerate(zip(stamps, bid.tolist(), strict=True))
    ]
    return vendor


def test_a_session_is_folded_into_minutes_page_by_page_with_equal_bits_however_long_the_pages() -> None:
    found = []
    for page in (1000, 333, 50):
        with serving(filled()) as vendor:
            vendor.page = page
            rest = client(vendor.url, "secret")
            found.append((quote_bars(rest, "SPY", SESSION)[0], trade_bars(rest, "SPY", SESSION)[0]))
            assert len(vendor.requests) == 2 * -(-1000 // page)
    quotes, trades = found[0]
    assert all(other[0].equals(quotes) and other[1].equals(trades) for other in found)
    assert (quotes.schema, trades.schema) == (QUOTE_BARS, TRADE_BARS)
    assert quotes["timestamp"].to_pylist()[:1] == [dt.datetime(2025, 11, 28, 14, 30, tzinfo=dt.UTC)]
    assert sum(quotes["quotes"].to_pylist()) == 1000
    # The vendor counts in shares (quotes since November 2025); a trade out of hours (12) has no price to say.
    assert quotes["bid_size_mean"].to_pylist() == pytest.approx([3.0] * 10)
    assert sum(trades["volume"].to_pylist()) == 50 * 1000


def test_only_the_session_is_asked_for_in_the_order_of_the_tape() -> None:
    with serving(Vendor()) as vendor:
        vendor.tables |= {"quotes": [], "trades": []}
        assert quote_bars(client(vendor.url, "secret"), "SPY", SESSION)[0].num_rows == 0
        assert trade_bars(client(vendor.url, "secret"), "SPY", SESSION)[0].num_rows == 0
    for target in vendor.requests:
        assert f"timestamp.gte={OPEN_NS}&timestamp.lt={CLOSE_NS}&order=asc" in target


def test_what_is_left_out_is_counted() -> None:
    with serving(filled()) as vendor:
        vendor.tables["quotes"][10] |= {"bid_price": 0.0}
        vendor.tables["quotes"][-1] |= {"sip_timestamp": OPEN_NS}
        del vendor.tables["trades"][5]["sip_timestamp"]
        rest = client(vendor.url, "secret")
        (_, quotes), (_, trades) = quote_bars(rest, "SPY", SESSION), trade_bars(rest, "SPY", SESSION)
    assert (quotes, trades) == ({"unsound": 1, "late": 1}, {"unstamped": 1})
