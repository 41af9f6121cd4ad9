import datetime as dt
from pathlib import Path

import pyarrow as pa

from daytrader_ray.adapters.bar_buffer import BarBuffer, buffer_folder
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.store_report import report
from daytrader_ray.adapters.tables import Kind
from tests.adapters.stored import DAY, HALF_DAY, minute, table
from tests.adapters.test_store_tables import daily, day, dividends, splits


def stored(root: Path) -> ParquetStore:
    store = ParquetStore(str(root))
    store.claim("one")
    bars = [(minute(slot), 10.0, 1.0) for slot in range(195)] + [(minute(0, 5), 10.0, 1.0)]
    store.write_bars(
        "AAPL", "2025-11", table(bars[:195]), (DAY, HALF_DAY), counts={"accepted": 195, "extended_hours": 4}
    )
    store.write_bars("AAPL", "2025-12", table(bars[195:]), None)
    store.write_bars("AAPL", "2025-11", table([(minute(0), 11.0, 1.0)]), None, revised_at=minute(0, 7))
    store.write_bars("I:VIX", "2025-11", table([(minute(0), 17.0, 0.0)], "I:VIX"), (DAY, DAY))
    bad = table([(minute(0), 10.0, 1.0), (minute(1), 10.0, 1.0), (minute(0, 3), 1.0, 1.0)])
    store.quarantine("download/x", bad.append_column("reason", pa.array(["off_grid", "bad_print", "outside_session"])))
    lost = pa.table(
        {"symbol": ["AAPL"], "timestamp": pa.array([None], pa.timestamp("us", "UTC")), "reason": ["not_finite"]}
    )
    store.quarantine("import/y", lost)
    store.write_table(Kind.DAILY, "AAPL", "2025", daily({"2025-11-26": 10.0}))
    store.write_table(Kind.SPLITS, "AAPL", "splits", splits(("2025-11-28", 1, 4)))
    actions = dividends(("2025-11-28", 0.5, "USD"), ("2019-11-28", 0.5, "USD"))
    store.write_table(Kind.DIVIDENDS, "AAPL", "dividends", actions)
    return store


def test_the_report_says_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    stored(tmp_path)
    BarBuffer(buffer_folder(tmp_path, "buffer", day("2025-12-02"))).close()
    state = report(str(tmp_path))
    assert (state.market, state.bar_minutes, state.first, state.last) == ("one", 1, DAY, day("2025-12-01"))
    assert state.pending == ("2025-12-02",)
    assert state.elsewhere == {"not_finite": 1}
    assert state.quarantined == {"bad_print": 1, "not_finite": 1, "off_grid": 1, "outside_session": 1}
    stock, index = state.symbols
    november, december = stock.months
    assert (november.sessions, november.present, november.gaps) == (2, 1, (HALF_DAY,))
    assert november.minutes == 195 / 600
    assert (november.complete, december.complete) == (True, False)
    assert (november.revised, december.revised) == (1, 0)
    assert november.quarantined == {"bad_print": 1, "off_grid": 1, "outside_session": 1}
    assert november.extended_hours == 4
    assert december.gaps == ()
    assert stock.gaps == (HALF_DAY,)
    assert stock.coverage == 2 / 3
    assert (stock.daily, stock.splits, stock.dividends, stock.unpriced) == (1, 1, 2, ())
    older = report(str(tmp_path), ["AAPL"], start=day("2019-11-27"))
    assert older.symbols[0].unpriced == (day("2019-11-28"),)
    assert (stock.fundamentals, stock.quote_bars, stock.trade_bars, stock.events) == (0, 0, 0, 0)
    assert index.is_index
    assert not stock.is_index


def test_the_report_keeps_to_the_symbols_and_days_asked_for(tmp_path: Path) -> None:
    stored(tmp_path)
    state = report(str(tmp_path), ["AAPL", "MSFT"], HALF_DAY, HALF_DAY)
    assert state.missing == ("MSFT",)
    assert [symbol.symbol for symbol in state.symbols] == ["AAPL"]
    (month,) = state.symbols[0].months
    assert (month.sessions, month.gaps) == (1, (HALF_DAY,))


def test_rows_of_a_symbol_without_any_accepted_bar_are_not_forgotten(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    bad = table([(minute(0), 10.0, 1.0)], "JUNK").append_column("reason", pa.array(["off_grid"]))
    store.quarantine("import/z", bad)
    assert report(str(tmp_path)).quarantined == {"off_grid": 1}
    assert report(str(tmp_path), ["AAPL"]).quarantined == {}


def test_an_empty_store_is_reported_as_empty(tmp_path: Path) -> None:
    state = report(str(tmp_path), ["AAPL"])
    assert (state.first, state.symbols, state.missing) == (None, (), ("AAPL",))
    assert report(str(tmp_path)).symbols == ()


def test_a_month_without_a_session_has_no_gap(tmp_path: Path) -> None:
    stored(tmp_path)
    saturday = dt.date(2025, 11, 29)
    (symbol,) = report(str(tmp_path), ["AAPL"], saturday, saturday).symbols
    assert symbol.gaps == ()
    assert symbol.coverage != symbol.coverage
