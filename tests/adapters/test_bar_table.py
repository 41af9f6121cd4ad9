"""What is known of a minute, and what is not."""

import datetime as dt
import math

from daytrader_ray.adapters.bar_table import BarTable
from daytrader_ray.adapters.messages import SeenBar
from daytrader_ray.domain.sessions import Session

OPEN = 29_000_000


def bar(symbol, slot, day_volume):
    return SeenBar(symbol, OPEN + slot, 10.0, 11.0, 9.0, 10.5, 100.0, math.nan, None, day_volume)


def test_a_minute_decided_late_is_not_covered_where_later_bars_show_that_its_own_is_missing():
    table = BarTable(Session(dt.date(2025, 12, 2), OPEN, 390), ("AAPL", "SPY"))
    for symbol, gap in (("AAPL", 150.0), ("SPY", 0.0)):
        table.offer(bar(symbol, 0, 100.0), "polygon")
        table.offer(bar(symbol, 2, 200.0 + gap), "polygon")
    for slot in range(3):
        table.cover(slot, index=False)
    assert table.unknown(2) == {"AAPL": 1} and table.stale(1) == ["AAPL"]
    table.offer(bar("AAPL", 1, math.nan), "rest")
    assert table.unknown(2) == {}
