"""How the regime model is fitted, and what each regime means for trading."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.regime import Regime

Float64 = npt.NDArray[np.float64]


class RegimeTrading(Config):
    """Strategy weights and position scale in one regime."""

    momentum: float = Field(ge=0, le=1)
    reversion: float = Field(ge=0, le=1)
    scale: float = Field(default=1.0, ge=0, le=1)


class RegimeConfig(Config):
    """The model of the market's mood, and trading by regime; `unknown` holds where there is no model."""

    model: Literal["hmm", "mixture"] = Field(
        default="hmm",
        description="hmm: a hidden Markov model, in which a state lasts; mixture: Gaussians without memory.",
    )
    restarts: int = Field(default=3, ge=1, description="Starts of a fit; the likeliest is kept.")
    iterations: int = Field(default=50, ge=1, description="Steps of expectation and maximisation at most.")
    min_observations: int = Field(default=60, ge=10, description="With fewer (one in 5 minutes) there is no model.")
    anchor_sessions: int = Field(
        default=60, ge=1, description="The first sessions of the history, whose states give later ones their names."
    )
    crisis_quantile: float = Field(
        default=0.9,
        gt=0,
        lt=1,
        description="The third state is a crisis if its mean log volatility exceeds this quantile of the history.",
    )
    crisis_vix: float = Field(default=30.0, gt=0, description="Otherwise it is one while the VIX is above this.")
    trending: RegimeTrading = RegimeTrading(momentum=0.7, reversion=0.3)
    volatile: RegimeTrading = RegimeTrading(momentum=0.3, reversion=0.7)
    crisis: RegimeTrading = RegimeTrading(momentum=0.1, reversion=0.1, scale=0.25)
    unknown: RegimeTrading = RegimeTrading(momentum=0.5, reversion=0.5)

    def trading(self, state: int) -> RegimeTrading:
        """Return what holds in a regime (`domain.regime.Regime` or its number)."""
        return {
            Regime.TRENDING: self.trending,
            Regime.VOLATILE: self.volatile,
            Regime.CRISIS: self.crisis,
            Regime.UNKNOWN: self.unknown,
        }[Regime(state)]


class StrategyRows(NamedTuple):
    """Strategy weights and position scale of every bar [row]."""

    w_momentum: Float64
    w_reversion: Float64
    scale: Float64


def strategy_rows(states: npt.NDArray[np.int8], config: RegimeConfig) -> StrategyRows:
    """Look up what holds at every bar; `states` `[row]` as of `regime_states`."""
    table = np.array(
        [[t.momentum, t.reversion, t.scale] for t in (config.trading(state) for state in range(-1, len(Regime) - 1))]
    )
    rows = table[states.astype(np.int64) + 1]
    return StrategyRows(*(np.ascontiguousarray(column) for column in rows.T))
