import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from daytrader_ray.adapters.screening import context_before, first_day, previous_of, screen
from daytrader_ray.adapters.store import BAR_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import DAILY, Kind
from daytrader_ray.market_data.adjust import Split

MONDAY = dt.date(2025, 3, 3)


def bars(*rows: tuple[str, float, float]) -> pa.Table:
    """Return flat bars of (ISO minute UTC, price, volume)."""
    made = [
        {"symbol": "A", "timestamp": dt.datetime.fromisoformat(f"{when}+00:00"), "volume": volume}
        | dict.fromkeys(("open", "high", "low", "close"), price)
        for when, price, volume in rows
    ]
    return pa.Table.from_pylist(made, schema=BAR_SCHEMA)


def test_the_evening_of_the_last_day_of_a_month_is_extended_hours_after_midnight_utc() -> None:
    screened = screen(bars(("2025-03-01T00:59", 10, 1), ("2025-03-01T01:00", 10, 1)))
    assert screened.counts == {"extended_hours": 1, "outside_session": 1}
    assert screened.quarantined["reason"].to_pylist() == ["outside_session"]


def test_accepted_bars_come_by_month_in_order() -> None:
    screened = screen(bars(("2025-04-01T14:00", 2.5, 1), ("2025-02-28T15:00", 1, 1), ("2025-02-28T16:00", 2, 1)))
    months = {month: table["close"].to_pylist() for month, table in screened.months().items()}
    assert months == {"2025-02": [1, 2], "2025-04": [2.5]}
    assert screen(BAR_SCHEMA.empty_table()).months() == {}


def test_what_was_before_is_told_by_daily_bars_or_by_minute_bars() -> None:
    days = {"date": [dt.date(2025, 2, 27), dt.date(2025, 2, 28), MONDAY], "close": [9.0, 10.0, 11.0]}
    empty = {name: pa.nulls(3, DAILY.field(name).type) for name in ("open", "high", "low", "vwap", "trades")}
    daily = pa.table(days | {"volume": [100.0, 300.0, 1.0]} | empty)
    minutes = bars(
        ("2025-02-27T15:00", 9, 60),
        ("2025-02-27T15:01", 9, 40),
        ("2025-02-28T15:00", 10, 300),
        ("2025-03-03T15:00", 7, 1),
    )
    for table in (daily, minutes):
        before = previous_of(table, MONDAY)
        assert before is not None
        assert (before.date, before.close) == (dt.date(2025, 2, 28), 10.0)
        assert before.dollar_volume.tolist() == [900.0, 3000.0]
    assert previous_of(minutes, dt.date(2025, 2, 27)) is None


def test_the_source_that_knows_of_the_later_session_tells_what_was_before(tmp_path: Path) -> None:
    store, friday = ParquetStore(str(tmp_path)), dt.date(2025, 2, 28)
    assert context_before(store, "A", MONDAY) is None
    store.write_bars("A", "2025-02", bars(("2025-02-27T15:00", 9, 60)), None)
    daily = [{"date": dt.date(2025, 2, 26), "close": 8.0, "volume": 5.0}]
    for days, close in ((daily, 9.0), ([{"date": friday, "close": 10.0, "volume": 5.0}], 10.0)):
        store.write_table(Kind.DAILY, "A", "2025", pa.Table.from_pylist(days, schema=DAILY))
        before = context_before(store, "A", MONDAY)
        assert before is not None
        assert before.close == close


@pytest.mark.parametrize("told", [True, False])
def test_a_split_is_explained_by_the_table_of_splits(told: bool) -> None:
    before = previous_of(bars(("2025-02-28T15:00", 70, 10)), MONDAY)
    splits = [Split(MONDAY, 7.0)] if told else []
    screened = screen(bars(("2025-03-03T15:00", 10.1, 70)), before, splits)
    assert screened.counts == ({"accepted": 1} if told else {"unexplained_split": 1})


def test_stamps_of_other_centuries_cost_nothing_and_name_no_day() -> None:
    wild = bars(("1700-01-01T15:00", 1, 1), ("9999-12-31T15:00", 1, 1), ("2025-03-03T15:00", 1, 1))
    assert screen(wild).counts == {"accepted": 1, "outside_session": 2}
    assert first_day(wild) == MONDAY
    assert first_day(wild.slice(0, 2)) == dt.date(2100, 1, 1)


def test_bars_of_an_index_have_no_volume_and_are_accepted() -> None:
    slots = [(f"2025-03-03T15:{minute:02d}", 17.0, 0.0) for minute in range(20)]
    screened = screen(bars(*slots))
    assert screened.counts == {"accepted": 20}
    assert np.all(screened.accepted["volume"].to_numpy() == 0)


def test_an_index_has_values_at_night_that_nobody_needs_to_look_at() -> None:
    table = bars(("2025-03-03T08:15", 17.0, 0.0), ("2025-03-03T15:00", 17.0, 0.0))
    assert screen(table).counts == {"outside_session": 1, "accepted": 1}
    index = table.set_column(0, "symbol", pa.array(["I:VIX"] * 2))
    assert screen(index).counts == {"extended_hours": 1, "accepted": 1}
