import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.errors import DataError
from tests.adapters.stored import DAY, HALF_DAY, minute, table
from tests.adapters.test_store_tables import daily, day, dividends, splits

MONTH = "2025-11"


def stored(root: Path) -> ParquetStore:
    """A 4:1 split before the half-day: 100 and 101 on the 26th, 25 and 26 on the 28th, 27 on December 1st."""
    store = ParquetStore(str(root))
    rows = [(minute(0), 100.0, 8.0), (minute(389), 101.0, 8.0), (minute(0, 2), 25.0, 40.0), (minute(1, 2), 26.0, 40.0)]
    store.write_bars("AAPL", MONTH, table(rows), (DAY, HALF_DAY))
    store.write_bars("AAPL", "2025-12", table([(minute(0, 5), 27.0, 40.0)]), (day("2025-12-01"), day("2025-12-01")))
    store.write_table(Kind.SPLITS, "AAPL", "splits", splits(("2025-11-28", 1, 4)))
    return store


def test_a_panel_is_raw_and_carries_the_factors_of_its_sessions(tmp_path: Path) -> None:
    store = stored(tmp_path)
    panel = store.panel(["AAPL"])
    assert panel.close[0, 0] == 100.0
    assert panel.close[390, 0] == 25.0
    assert panel.price_factor[:, 0].tolist() == [1.0, 4.0, 4.0]
    assert panel.share_factor[:, 0].tolist() == [1.0, 4.0, 4.0]


def test_a_dividend_is_priced_by_the_daily_close_before_it(tmp_path: Path) -> None:
    store = stored(tmp_path)
    store.write_table(Kind.DIVIDENDS, "AAPL", "dividends", dividends(("2025-12-01", 2.0, "USD")))
    store.write_table(Kind.DAILY, "AAPL", "2025", daily({"2025-11-28": 42.0}))
    panel = store.panel(["AAPL"])
    assert panel.price_factor[:, 0] == pytest.approx([1, 4, 4 * 42 / 40])
    assert panel.share_factor[:, 0].tolist() == [1.0, 4.0, 4.0]


def test_without_daily_bars_the_last_minute_prices_a_dividend(tmp_path: Path) -> None:
    store = stored(tmp_path)
    store.write_table(Kind.DIVIDENDS, "AAPL", "dividends", dividends(("2025-12-01", 1.0, "USD")))
    assert store.panel(["AAPL"]).price_factor[:, 0] == pytest.approx([1, 4, 4 * 26 / 25])


def test_actions_before_the_panel_count_so_that_the_past_never_changes(tmp_path: Path) -> None:
    store = stored(tmp_path)
    whole, part = store.panel(["AAPL"]), store.panel(["AAPL"], day("2025-12-01"))
    assert part.price_factor[:, 0].tolist() == whole.price_factor[2:, 0].tolist()
    cut = store.panel(["AAPL"], None, DAY)
    assert cut.price_factor[:, 0].tolist() == whole.price_factor[:1, 0].tolist()


def test_as_of_shows_old_bars_in_the_shares_of_that_day(tmp_path: Path) -> None:
    store = stored(tmp_path)
    raw = store.bars("AAPL")
    assert store.bars("AAPL", as_of=DAY).equals(raw)
    after = store.bars("AAPL", as_of=HALF_DAY)
    assert after.schema == raw.schema
    assert after["close"].to_pylist() == [25.0, 25.25, 25.0, 26.0, 27.0]
    assert after["volume"].to_pylist() == [32.0, 32.0, 40.0, 40.0, 40.0]
    assert after["vwap"].null_count == 5
    returns = np.diff(np.log(after["close"].to_numpy()))
    assert np.abs(returns).max() < 0.05


def test_as_of_ignores_what_comes_after_it(tmp_path: Path) -> None:
    store = stored(tmp_path)
    dividend = dividends(("2025-12-01", 2.0, "USD"))
    before = store.bars("AAPL", as_of=HALF_DAY)
    store.write_table(Kind.DIVIDENDS, "AAPL", "dividends", dividend)
    assert store.bars("AAPL", as_of=HALF_DAY).equals(before)
    closes = store.bars("AAPL", as_of=dt.date(2025, 12, 1))["close"].to_pylist()
    assert closes == pytest.approx([25 * 24 / 26, 25.25 * 24 / 26, 25 * 24 / 26, 24, 27])


def test_a_store_of_five_minute_bars_says_so(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    assert store.bar_minutes == 1
    store.claim("one", 5)
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.0, 5.0), (minute(5), 11.0, 6.0)]), (DAY, DAY))
    assert store.bar_minutes == 5
    panel = store.panel(["AAPL"])
    assert panel.grid.bar_minutes == 5
    assert panel.close[:3, 0].tolist() == [10.0, 11.0, 11.0]
    assert store.panel(["AAPL"], bar_minutes=15).volume[0, 0] == 11.0
    for finer in (1, 7):
        with pytest.raises(DataError, match=f"holds 5-minute bars: no {finer}-minute bars") as caught:
            store.panel(["AAPL"], bar_minutes=finer)
        assert "set bar_minutes to 5" in caught.value.hint
    with pytest.raises(DataError, match="holds 5-minute bars, not 1-minute ones"):
        store.claim("one")


def test_an_index_lies_beside_the_stocks(tmp_path: Path) -> None:
    store = stored(tmp_path)
    bars = table([(minute(3), 17.5, 0.0), (minute(5), 18.0, 0.0)], "I:VIX")
    store.write_bars("I:VIX", MONTH, bars, (DAY, DAY))
    panel = store.panel(["AAPL", "I:VIX"], DAY, DAY)
    assert panel.symbols == ("AAPL", "I:VIX")
    assert panel.close[3:7, 1].tolist() == [17.5, 17.5, 18.0, 18.0]
    assert not panel.traded[:, 1].any()
