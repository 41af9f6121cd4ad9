"""What a session is opened with: the market before it, the rules, and where the books stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Panel, SessionStatistics
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import Session
from daytrader_ray.engine.book import Carried
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.extras import Extra
from daytrader_ray.features.live import Warmed
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.regime.config import RegimeConfig

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """What is known before the session opens.

    `history` holds all earlier sessions of `symbols`; `expected_history` their expected volumes `[row, symbol]`;
    `statistics` what they say of today; `price_factor` and `share_factor` of today (`domain.panel.Panel`), `tradable`
    and `sector` are `[symbol]`; `sector_limit` `[sector]` and `event_scale` `[slot, symbol]` are as in `backtest.Plan`.
    The history's `past_ticks` `[row, symbol, 6]` and `past_events` `[row, symbol, 2]` and today's `events`
    `[slot, symbol, 2]` are as in `features.bar.Bars`, None where there are none. Today's ticks come with the bars.
    `peers` of all sessions of the history and today are whom the cross-section compares with, None for nobody; `extras`
    the configured features beside those of the registry. `warmed` is what has been computed of the history's features
    before; None: nothing. `hard_to_borrow` are the symbols that the account may not sell short.
    """

    session: Session
    history: Panel
    expected_history: Float64
    statistics: SessionStatistics
    price_factor: Float64
    share_factor: Float64
    tradable: npt.NDArray[np.bool_]
    sector: npt.NDArray[np.int64]
    sector_limit: Float64
    event_scale: Float64
    past_ticks: Float64 | None = None
    past_events: Float64 | None = None
    events: Float64 | None = None
    peers: Peers | None = None
    warmed: Warmed | None = None
    extras: tuple[Extra, ...] = ()
    hard_to_borrow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Terms:
    """The sections of the configuration that a session trades by."""

    kernel: KernelConfig = field(default_factory=KernelConfig)
    costs: CostConfig = field(default_factory=CostConfig)
    regime: RegimeConfig = field(default_factory=RegimeConfig)
    portfolio: PortfolioConfig = field(default_factory=PortfolioConfig)


@dataclass(frozen=True)
class Start:
    """Where the books stand when a session begins, or begins again.

    `cash` USD, `peak` highest equity so far. Of a session that had begun before: `start_equity` USD at its start (None:
    it had not), and whether it was `halted`. `carried` by symbol.
    """

    cash: float
    peak: float = 0.0
    start_equity: float | None = None
    halted: bool = False
    carried: Mapping[str, Carried] = field(default_factory=dict)


@dataclass(frozen=True)
class Conditions:
    """What a session was told beside bars and fills, so that a backtest can be told the same.

    `halts` `[slot, symbol]` what was halted and `reducing` `[slot]` whether exits alone were allowed, at each close.
    """

    hard_to_borrow: tuple[str, ...]
    halts: npt.NDArray[np.bool_]
    reducing: npt.NDArray[np.bool_]
