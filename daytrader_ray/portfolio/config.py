"""What the slow loop is told."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from daytrader_ray.domain.config import Config

Scheme = Literal["none", "min_variance", "risk_parity"]
Neutrality = Literal["net", "beta", "sector"]


class FearRule(Config):
    """What fear of the market, as its indices of volatility tell it, does to entries; what is held stays."""

    enabled: bool = Field(
        default=False, description="smaller entries while VIX is high or above VIX3M (needs both indices)"
    )
    vix: float = Field(default=30.0, gt=0, description="VIX above this is fear")
    gross: float = Field(default=0.5, ge=0, le=1, description="factor of every cap and of kernel.max_gross meanwhile")
    hold: Mapping[str, float] = Field(
        default={}, description="what is held meanwhile, as signed fractions of equity: VIXY: 0.02"
    )


class PortfolioConfig(Config):
    """The slow loop: at the open and every hour, caps for the stocks and targets for the hedges."""

    scheme: Scheme = Field(
        default="none", description="what divides the book; none: every stock may have kernel.max_position"
    )
    target_bps: float = Field(
        default=0.5, ge=0, description="min_variance: least expected return of the book in 30 minutes, of equity"
    )
    turnover: float = Field(
        default=0.05, ge=0, description="min_variance: price of a unit of turnover, in variances of an average stock"
    )
    neutral: tuple[Neutrality, ...] = Field(
        default=(), description="min_variance: what the book's weights, its betas, or each sector's weights sum to 0 in"
    )
    beta_hedge: bool = Field(default=False, description="hedge the book's beta with SPY or QQQ")
    crowded: float = Field(
        default=1.0, ge=0, le=1, description="mean correlation of stocks above which signals are demeaned by sector"
    )
    fear: FearRule = FearRule()

    @property
    def is_hourly(self) -> bool:
        """Return whether anything but betas is asked for, which change once a day."""
        return self.scheme != "none" or self.beta_hedge or self.crowded < 1.0 or self.fear.enabled
