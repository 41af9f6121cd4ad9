"""How the regime model is fitted, and what each regime means for trading."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.regime import Regime

Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]


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


def strategy_table(config: RegimeConfig) -> Float64:
    """Return the weights of momentum and reversion by regime `[4, 2]`, UNKNOWN first."""
    return np.array([[trading.momentum, trading.reversion] for trading in _by_regime(config)])


def entry_scale(states: Int8, config: RegimeConfig) -> Float64:
    """Return what entries are sized by at every bar `[row]`; `states` `[row]` as of `regime_states`."""
    scales = np.array([trading.scale for trading in _by_regime(config)])
    return np.asarray(scales[states.astype(np.int64) + 1])


def _by_regime(config: RegimeConfig) -> list[RegimeTrading]:
    return [config.trading(state) for state in sorted(Regime)]
