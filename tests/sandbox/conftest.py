"""A calendar of its own for the sandbox's tests: weekdays at 13:30 UTC."""

import datetime as dt

import pytest

from daytrader_ray.domain.sessions import Session, SessionGrid


def weekdays(n: int, half_days: tuple[int, ...] = (), first: dt.date = dt.date(2025, 10, 6)) -> SessionGrid:
    """Lay `n` consecutive days end to end from 13:30 UTC; those in `half_days` last 210 minutes."""
    sessions = []
    for index in range(n):
        date = first + dt.timedelta(days=index)
        opens = int(dt.datetime(date.year, date.month, date.day, 13, 30, tzinfo=dt.UTC).timestamp()) // 60
        sessions.append(Session(date, opens, 210 if index in half_days else 390))
    return SessionGrid(tuple(sessions))


@pytest.fixture(scope="session")
def days() -> SessionGrid:
    """Twenty sessions; the sixth is a half-day."""
    return weekdays(20, half_days=(5,))


@pytest.fixture(scope="session")
def more_days() -> SessionGrid:
    """The same twenty sessions and ten more."""
    return weekdays(30, half_days=(5,))
