"""How the regime model is fitted, and what each regime means for trading."""

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
    """Fitting (`restarts`, `iterations`) and trading by regime; `unknown` holds where there is no model.

    `crisis_quantile`: the most volatile state is a crisis only if its mean log volatility exceeds this quantile of the
    history; otherwise it counts as volatile.
    """

    restarts: int = Field(default=3, ge=1)
    iterations: int = Field(default=50, ge=1)
    min_observations: int = Field(default=60, ge=10)
    crisis_quantile: float = Field(default=0.9, gt=0, lt=1)
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
