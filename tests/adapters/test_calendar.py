import datetime as dt

import pytest

from daytrader_ray.adapters.calendar import session_grid


def utc(minute: int) -> str:
    return dt.datetime.fromtimestamp(minute * 60, dt.UTC).strftime("%Y-%m-%d %H:%M")


# Answers from the exchange's published hours, not from the code.
@pytest.mark.parametrize(
    ("date", "opens", "minutes"),
    [
        ("2025-03-07", "2025-03-07 14:30", 390),  # Friday before the clocks change
        ("2025-03-10", "2025-03-10 13:30", 390),  # Monday after
        ("2025-10-31", "2025-10-31 13:30", 390),
        ("2025-11-03", "2025-11-03 14:30", 390),
        ("2025-11-28", "2025-11-28 14:30", 210),  # half-day after Thanksgiving
        ("2025-12-24", "2025-12-24 14:30", 210),
        ("2025-07-03", "2025-07-03 13:30", 210),
        ("2013-07-03", "2013-07-03 13:30", 210),
    ],
)
def test_sessions_open_and_close_as_the_exchange_says(date: str, opens: str, minutes: int) -> None:
    day = dt.date.fromisoformat(date)
    (session,) = session_grid(day, day).sessions
    assert (utc(session.open_minute), session.n_minutes, session.date) == (opens, minutes, day)


@pytest.mark.parametrize("date", ["2025-01-09", "2025-11-27", "2025-12-25", "2025-06-19", "2025-11-29", "2012-10-29"])
def test_holidays_weekends_and_closures_have_no_session(date: str) -> None:
    day = dt.date.fromisoformat(date)
    grid = session_grid(day, day)
    assert grid.sessions == ()
    assert grid.n_rows == 0


def test_longer_bars_divide_the_same_sessions() -> None:
    grid = session_grid(dt.date(2025, 11, 26), dt.date(2025, 12, 1), bar_minutes=5)
    assert grid.bars_per_session.tolist() == [78, 42, 78]


def test_a_year_has_its_sessions() -> None:
    assert len(session_grid(dt.date(2024, 1, 1), dt.date(2024, 12, 31)).sessions) == 252
