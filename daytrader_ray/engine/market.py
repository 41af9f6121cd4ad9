"""What a session is opened with."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Panel, SessionStatistics
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import Session
from daytrader_ray.features.extras import Extra
from daytrader_ray.features.live import Warmed

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
    before; None: nothing.
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
