import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel

FIRST, SECOND = dt.date(2025, 2, 20), dt.date(2025, 2, 21)
SESSIONS = (Session(FIRST, 1000, 10), Session(SECOND, 2000, 10))
NAN = float("nan")


def bars(*rows: tuple[int, float, float]) -> SymbolBars:
    """Bars of (minute, close, volume) that open 1 lower, with high and low 2 around the close."""
    minute = np.array([row[0] for row in rows], dtype=np.int64)
    close = np.array([row[1] for row in rows])
    volume = np.array([row[2] for row in rows])
    return SymbolBars(minute, close - 1, close + 2, close - 2, close, volume, close + 0.5)


def panel(columns: dict[str, SymbolBars], imported: bool, bar_minutes: int = 1) -> Panel:
    return build_panel(columns, SessionGrid(SESSIONS, bar_minutes), lambda symbol, day: imported)


def test_a_quiet_minute_of_a_download_carries_the_last_close_to_the_end_of_its_session() -> None:
    built = panel({"A": bars((1002, 50, 7), (1004, 60, 8))}, imported=False)
    np.testing.assert_array_equal(built.close[:10, 0], [NAN, NAN, 50, 50, 60, 60, 60, 60, 60, 60])
    np.testing.assert_array_equal(built.open[:10, 0], [NAN, NAN, 49, 50, 59, 60, 60, 60, 60, 60])
    np.testing.assert_array_equal(built.volume[:10, 0], [0, 0, 7, 0, 8, 0, 0, 0, 0, 0])
    assert np.flatnonzero(built.traded[:, 0]).tolist() == [2, 4]
    assert np.isnan(built.vwap[3, 0])
    assert built.vwap[4, 0] == 60.5


def test_an_imported_session_is_unknown_outside_its_first_and_last_bar() -> None:
    built = panel({"A": bars((1002, 50, 7), (1004, 60, 8))}, imported=True)
    np.testing.assert_array_equal(built.low[:10, 0], [NAN, NAN, 48, 50, 58, NAN, NAN, NAN, NAN, NAN])


def test_nothing_is_carried_into_another_session() -> None:
    built = panel({"A": bars((1002, 50, 7), (2003, 60, 8))}, imported=False)
    np.testing.assert_array_equal(built.close[10:14, 0], [NAN, NAN, NAN, 60])
    assert np.isnan(panel({"A": bars((1002, 50, 7))}, imported=False).close[10:]).all()


def test_a_bar_without_volume_sets_the_price_but_is_not_traded() -> None:
    built = panel({"A": bars((1001, 50, 7), (1003, 60, 0))}, imported=True)
    assert built.close[3, 0] == built.open[3, 0] == built.high[3, 0] == 60
    assert not built.traded[3, 0]
    assert np.isnan(built.vwap[3, 0])


def test_each_symbol_keeps_its_own_rule_and_columns_are_sorted() -> None:
    grid = SessionGrid(SESSIONS)
    columns = {"B": bars((1000, 5, 1)), "A": bars((1000, 7, 1))}
    built = build_panel(columns, grid, lambda symbol, day: symbol == "B")
    assert built.symbols == ("A", "B")
    np.testing.assert_array_equal(built.close[:2], [[7, 5], [7, NAN]])


def test_bars_outside_the_sessions_are_left_out() -> None:
    built = panel({"A": bars((900, 1, 1), (1000, 5, 1), (1010, 2, 1), (3000, 2, 1))}, imported=False)
    assert np.flatnonzero(built.traded).tolist() == [0]


@pytest.mark.parametrize("imported", [True, False])
def test_minutes_are_joined_into_longer_bars(imported: bool) -> None:
    rows = [(1000, 50, 0), (1001, 40, 10), (1003, 44, 30), (1004, 90, 0), (1007, 45, 0), (1008, 46, 0)]
    built = panel({"A": bars(*rows)}, imported, bar_minutes=5)
    assert built.grid.n_rows == 4
    assert [float(x[0, 0]) for x in (built.open, built.high, built.low, built.close)] == [39, 46, 38, 44]
    assert built.volume[0, 0] == 40
    assert built.vwap[0, 0] == (10 * 40.5 + 30 * 44.5) / 40
    assert built.close[1, 0] == 46
    assert built.traded[:, 0].tolist() == [True, False, False, False]


slots = st.lists(st.integers(0, 9), min_size=1, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(slots, slots, st.integers(0, 19), st.booleans())
def test_later_prices_change_nothing_earlier(one: list[int], two: list[int], row: int, imported: bool) -> None:
    minutes = [1000 + slot for slot in one] + [2000 + slot for slot in two]
    cut = 1000 + row if row < 10 else 1990 + row
    before = panel({"A": bars(*((m, 50.0 + m % 7, float(m % 3)) for m in minutes))}, imported)
    changed = [(m, 50.0 + m % 7 if m <= cut else 900.0, float(m % 3) if m <= cut else 5.0) for m in minutes]
    after = panel({"A": bars(*changed)}, imported)
    for name in ("open", "high", "low", "close", "volume", "vwap", "traded"):
        assert getattr(before, name)[: row + 1].tobytes() == getattr(after, name)[: row + 1].tobytes()
    quiet = ~before.traded & ~np.isnan(before.close)
    assert (before.open[quiet] == before.close[quiet]).all()
    assert (before.volume[quiet] == 0).all()


@pytest.mark.parametrize(("bar_minutes", "last_row"), [(1, 17), (5, 3)])
def test_an_index_is_carried_for_fifteen_minutes(bar_minutes: int, last_row: int) -> None:
    grid = SessionGrid((Session(FIRST, 1000, 40),), bar_minutes)
    columns = {"I:VIX": bars((1002, 16, 0), (1030, 17, 0)), "A": bars((1002, 50, 7))}
    built = build_panel(columns, grid, lambda symbol, day: False)
    close = built.close[:, built.column("I:VIX")]
    again = 30 // bar_minutes
    assert np.flatnonzero(close == 16).tolist() == list(range(2 // bar_minutes, last_row + 1))
    assert np.flatnonzero(close == 17).tolist() == list(range(again, grid.n_rows))
    assert np.isnan(close[last_row + 1 : again]).all()
    assert not built.traded[:, built.column("I:VIX")].any()
    assert built.close[-1, built.column("A")] == 50
