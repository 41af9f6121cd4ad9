"""Which sessions of the exchange calendar the synthetic market has."""

import datetime as dt

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig


def market_grid(config: SandboxConfig) -> SessionGrid:
    """Return the sessions of the synthetic market: `n_sessions` of the exchange calendar from `first_session` on."""
    days = dt.timedelta(days=config.n_sessions * 3 // 2 + 15)
    grid = session_grid(config.first_session, config.first_session + days)
    if len(grid.sessions) < config.n_sessions:
        raise DataError(f"the calendar ends before {config.n_sessions} sessions from {config.first_session}")
    return grid.part(0, config.n_sessions)
