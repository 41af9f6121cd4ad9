"""Which market the exchange trades, and which sessions of the calendar it has."""

import datetime as dt

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.source import MarketSource
from daytrader_ray.sandbox.stored_market import StoredMarket


def market_of(config: SandboxConfig) -> MarketSource:
    """Return the market of a store where the configuration names one, else the synthetic one."""
    return Market(config, market_grid(config)) if config.store is None else StoredMarket(config.store)


def market_grid(config: SandboxConfig) -> SessionGrid:
    """Return the sessions of that market: of the synthetic one `n_sessions` of the calendar from `first_session` on."""
    if config.store is not None:
        return StoredMarket(config.store).grid
    days = dt.timedelta(days=config.n_sessions * 3 // 2 + 15)
    grid = session_grid(config.first_session, config.first_session + days)
    if len(grid.sessions) < config.n_sessions:
        raise DataError(f"the calendar ends before {config.n_sessions} sessions from {config.first_session}")
    return grid.part(0, config.n_sessions)
