"""What a session is asked to be: everything it needs, as plain values that can be sent to another process."""

import datetime as dt
import time
from dataclasses import dataclass

from daytrader_ray.adapters.alpaca_http import BrokerConfig
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.live_config import FeedConfig
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import Session
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.feature_set import FeatureSet
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.universe.config import UniverseConfig


@dataclass(frozen=True)
class Pace:
    """The time that a live session goes by: `speed` seconds pass in a real one, from `market` on at the time `wall`.

    Both are seconds since 1970; the default is real time, another one that of an exchange that plays a session.
    """

    speed: float = 1.0
    wall: float = 0.0
    market: float = 0.0

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self.market + (time.time() - self.wall) * self.speed  # noqa: TID251 - the edge where real time enters


@dataclass(frozen=True)
class SessionSpec:
    """Everything a session needs, as plain values that can be sent to another process.

    `sandbox_url` is the exchange that holds the clock; empty means the time of `pace`. `cash` USD the account starts
    with; None asks the broker. `score_seconds` is how long a close waits for scores.
    """

    root: str
    date: dt.date
    bundle_id: str
    universe: UniverseConfig
    features: FeatureSet
    kernel: KernelConfig
    costs: CostConfig
    regime: RegimeConfig
    portfolio: PortfolioConfig
    feed: FeedConfig
    broker: BrokerConfig
    journal_root: str
    sandbox_url: str = ""
    pace: Pace = Pace()
    cash: float | None = None
    score_seconds: float = 2.0

    @property
    def secrets(self) -> list[str]:
        """Return what must never be seen in a log."""
        return [*self.feed.secrets, *(key.get_secret_value() for key in (self.broker.key, self.broker.secret))]

    @property
    def run(self) -> str:
        """Return the first part of every client order id: the bundle that trades."""
        return self.bundle_id[:8]

    @property
    def journal_name(self) -> str:
        """Return the journal's name: rehearsals never touch the record of real orders."""
        return "rehearsal" if self.sandbox_url else "live"

    @property
    def buffer_name(self) -> str:
        """Return where received bars are kept: those of a rehearsal never reach the store."""
        return "rehearsal" if self.sandbox_url else "buffer"


def session_of(spec: SessionSpec) -> Session:
    """Return the exchange's session on the day of `spec`; `DataError` on a day without one."""
    grid = session_grid(spec.date, spec.date)
    if not grid.sessions:
        raise DataError(f"{spec.date} is no trading day of the New York exchanges", "choose another --session")
    return grid.sessions[0]
