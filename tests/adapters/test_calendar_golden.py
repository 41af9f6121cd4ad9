"""Every session of 2018 to 2026 against what the exchange published: typed here, not made by the library."""

import datetime as dt
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.sessions import Session
from tests.adapters.stored import table

CLOSED = """
2018 01-01 01-15 02-19 03-30 05-28 07-04 09-03 11-22 12-05 12-25
2019 01-01 01-21 02-18 04-19 05-27 07-04 09-02 11-28 12-25
2020 01-01 01-20 02-17 04-10 05-25 07-03 09-07 11-26 12-25
2021 01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24
2022 01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26
2023 01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25
2024 01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25
2025 01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25
2026 01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25
"""
"""Weekdays without a session; 2018-12-05 and 2025-01-09 are days of mourning, Juneteenth is one since 2022."""

HALF_DAYS = """
2018 07-03 11-23 12-24
2019 07-03 11-29 12-24
2020 11-27 12-24
2021 11-26
2022 11-25
2023 07-03 11-24
2024 07-03 11-29 12-24
2025 07-03 11-28 12-24
2026 11-27 12-24
"""
"""Sessions that close at 13:00 New York."""

SUMMER_TIME = """
2018 03-11 11-04
2019 03-10 11-03
2020 03-08 11-01
2021 03-14 11-07
2022 03-13 11-06
2023 03-12 11-05
2024 03-10 11-03
2025 03-09 11-02
2026 03-08 11-01
"""
"""The Sundays on which New York's clocks change."""

N_SESSIONS = {2018: 251, 2019: 252, 2020: 253, 2021: 252, 2022: 251, 2023: 250, 2024: 252, 2025: 250, 2026: 251}
YEARS = sorted(N_SESSIONS)


def days_of(text: str) -> dict[int, list[dt.date]]:
    lines = [line.split() for line in text.strip().splitlines()]
    return {int(year): [dt.date.fromisoformat(f"{year}-{day}") for day in days] for year, *days in lines}


CLOSURES, SHORT, CHANGES = days_of(CLOSED), days_of(HALF_DAYS), days_of(SUMMER_TIME)


def golden(day: dt.date) -> Session | None:
    """The session of a day by the tables above: opens 13:30 UTC in summer time, 14:30 in winter."""
    if day.weekday() > 4 or day in CLOSURES[day.year]:
        return None
    begins, ends = CHANGES[day.year]
    opens = dt.datetime(day.year, day.month, day.day, 13 if begins <= day < ends else 14, 30, tzinfo=dt.UTC)
    return Session(day, int(opens.timestamp()) // 60, 210 if day in SHORT[day.year] else 390)


def golden_sessions(year: int) -> list[Session]:
    days = (dt.date(year, 1, 1) + dt.timedelta(days=k) for k in range(366))
    return [session for day in days if day.year == year and (session := golden(day))]


def odd_sessions() -> list[Session]:
    """Half-days, and the sessions just before and after every closure and every change of the clocks."""
    odd = {day for year in YEARS for day in SHORT[year]}
    for year in YEARS:
        sessions = [session.date for session in golden_sessions(year)]
        for day in [*CLOSURES[year], *CHANGES[year]]:
            odd |= set([d for d in sessions if d < day][-1:] + [d for d in sessions if d > day][:1])
    return [session for day in sorted(odd) if (session := golden(day))]


@pytest.mark.parametrize("year", YEARS)
def test_every_session_of_a_year_is_as_published(year: int) -> None:
    want = golden_sessions(year)
    assert len(want) == N_SESSIONS[year]
    for bar_minutes in (1, 5):
        grid = session_grid(dt.date(year, 1, 1), dt.date(year, 12, 31), bar_minutes)
        assert list(grid.sessions) == want
        lengths = {390 // bar_minutes, 210 // bar_minutes}
        assert set(grid.bars_per_session.tolist()) == lengths


@pytest.mark.parametrize("year", YEARS)
def test_sessions_open_at_half_past_nine_in_new_york(year: int) -> None:
    zone = ZoneInfo("America/New_York")
    for session in session_grid(dt.date(year, 1, 1), dt.date(year, 12, 31)).sessions:
        opens = dt.datetime.fromtimestamp(session.open_minute * 60, zone)
        closes = dt.datetime.fromtimestamp(session.close_minute * 60, zone)
        assert (opens.date(), opens.time()) == (session.date, dt.time(9, 30))
        assert closes.time() == (dt.time(13) if session.date in SHORT[year] else dt.time(16))


@pytest.mark.parametrize("year", YEARS)
def test_closed_days_have_no_session_on_their_own(year: int) -> None:
    for day in [*CLOSURES[year], *CHANGES[year]]:
        assert session_grid(day, day).sessions == ()


@pytest.mark.parametrize("bar_minutes", [1, 5])
def test_bars_of_every_odd_day_lie_on_its_own_rows(tmp_path: Path, bar_minutes: int) -> None:
    """First and last bar of each odd session, and one before and one after it that belong to no session."""
    odd = odd_sessions()
    assert len(odd) > 200
    prices: dict[int, float] = {}
    for number, session in enumerate(odd, start=1):
        inside = (session.open_minute, session.close_minute - bar_minutes)
        outside = (session.open_minute - bar_minutes, session.close_minute)
        prices |= dict.fromkeys(inside, float(number)) | dict.fromkeys(outside, 9999.0)
    store = ParquetStore(str(tmp_path))
    store.claim("one", bar_minutes)
    rows = [(dt.datetime.fromtimestamp(60 * minute, dt.UTC), price, 1.0) for minute, price in sorted(prices.items())]
    for month, found in groupby(rows, lambda row: f"{row[0]:%Y-%m}"):
        store.write_bars("AAPL", month, table(list(found)), None)
    panel = store.panel(["AAPL"], odd[0].date, odd[-1].date)
    grid = panel.grid
    close = panel.close[:, 0]
    assert np.nanmax(close) == len(odd)
    for number, session in enumerate(odd, start=1):
        at = grid.index_of(session.date)
        first, stop = grid.first_row[at], grid.first_row[at + 1]
        assert stop - first == session.n_minutes // bar_minutes
        assert np.flatnonzero(panel.traded[first:stop, 0]).tolist() == [0, stop - first - 1]
        assert close[first] == close[stop - 1] == number
    assert int(panel.traded.sum()) == 2 * len(odd)
