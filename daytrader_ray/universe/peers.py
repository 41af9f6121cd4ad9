"""Sectors by number and who is compared with whom, from the universe's list."""

import datetime as dt
from collections.abc import Sequence

import numpy as np

from daytrader_ray.domain.indices import QQQ, SPY
from daytrader_ray.domain.panel import Bool
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import Int64
from daytrader_ray.universe.config import UniverseConfig


def peers_of(universe: UniverseConfig, symbols: Sequence[str], dates: Sequence[dt.date]) -> Peers:
    """Return the peers of the columns `symbols` in the sessions of `dates`."""
    columns = {symbol: column for column, symbol in enumerate(symbols)}
    numbers = {name: number for number, name in enumerate(universe.sector_names)}
    sectors = [universe.sector_of(symbol) for symbol in symbols]
    return Peers(
        spy=columns.get(SPY, -1),
        qqq=columns.get(QQQ, -1),
        sector=np.array([numbers.get(name, -1) for name in sectors], dtype=np.int64),
        proxy=np.array([columns.get(universe.proxies.get(name, ""), -1) for name in sectors], dtype=np.int64),
        member=members_of(universe, symbols, dates),
    )


def members_of(universe: UniverseConfig, symbols: Sequence[str], dates: Sequence[dt.date]) -> Bool:
    """Return which symbols the list had on each day `[session, symbol]`."""
    rows = [[universe.has(symbol, day) for symbol in symbols] for day in dates]
    return np.array(rows, dtype=np.bool_).reshape(len(dates), len(symbols))


def sector_codes(universe: UniverseConfig, symbols: Sequence[str]) -> Int64:
    """Return a sector's number for every symbol `[symbol]`: as in `Peers`, all without one share the next number."""
    numbers = {name: number for number, name in enumerate(universe.sector_names)}
    return np.array([numbers.get(universe.sector_of(symbol), len(numbers)) for symbol in symbols], dtype=np.int64)
