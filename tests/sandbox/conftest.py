"""A calendar of its own for the sandbox's tests: weekdays at 13:30 UTC."""

import datetime as dt
import warnings
from collections.abc import Iterator

import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_grid

with warnings.catch_warnings():
    # alpaca-py 0.44 opens its stream through this module, which says at import that it will go.
    warnings.filterwarnings("ignore", message="websockets.legacy is deprecated", category=DeprecationWarning)
    import websockets.legacy  # noqa: F401


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


@pytest.fixture(scope="session")
def config() -> SandboxConfig:
    return SandboxConfig(first_session=dt.date(2025, 11, 20), n_sessions=8, hard_to_borrow=("GME",))


@pytest.fixture(scope="session")
def listed(config: SandboxConfig) -> Market:
    """The same market as the exchange's, made in this process; its session 6 is the half-day 2025-11-28."""
    return Market(config, market_grid(config))


@pytest.fixture(scope="session")
def url(config: SandboxConfig) -> Iterator[str]:
    """The address of one exchange in a process of its own for all tests."""
    with running(config, CostConfig()) as address:
        yield address
