"""What is behind the bars of the synthetic market, for whoever wants to know how well it was seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.sandbox.crises import Crisis, Stress
from daytrader_ray.sandbox.factors import BPS, REGIMES, Factors
from daytrader_ray.sandbox.listing import SECTORS
from daytrader_ray.sandbox.traits import Traits

SIGNAL_HALF_LIFE = 45.0
IC_MINUTES = 30


def truth_of(
    factors: Factors, session: int, stress: Stress | None, crises: Sequence[Crisis], signal: dict[str, Any]
) -> dict[str, Any]:
    """Return regime, market and sector factors (bps `[slot]`), crises and planted signal of a session, as JSON."""
    factor = factors.market(session)
    returns = factor.returns if stress is None else factor.returns + stress.returns
    return {
        "regime": REGIMES[factor.regime],
        "gap_bps": round((factor.gap + (stress.gap if stress else 0.0)) / BPS, 3),
        "market_bps": _bps(returns),
        "market_minute_sd_bps": _bps(factor.minute_sd),
        "sectors_bps": {name: _bps(factors.sector(name, session)) for name in SECTORS},
        "crises": [crisis.model_dump(mode="json") for crisis in crises],
        "signal": signal,
    }


def signal_of(strength: float, stocks: Sequence[Traits], market_minute_sd: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Describe what is planted, with its information coefficient: the mean over `stocks` of corr(z, return ahead).

    The return of the next h = 30 minutes is the sum of its drifts s z and of noise. With rho the autocorrelation of z
    after a minute, the coefficient is s (rho + ... + rho^h) / sqrt(s^2 sum_ij rho^|i-j| + h var(noise of a minute)).
    """
    lags, rho = np.arange(1, IC_MINUTES + 1), 0.5 ** (1.0 / SIGNAL_HALF_LIFE)
    drift = strength * BPS
    explained = drift**2 * float(np.sum(rho ** np.abs(lags[:, None] - lags[None, :])))
    market = float(np.mean(market_minute_sd**2))
    noise = np.array([(stock.noise_bps * BPS) ** 2 + stock.beta**2 * market for stock in stocks])
    coefficients = drift * float(np.sum(rho**lags)) / np.sqrt(explained + IC_MINUTES * noise)
    return {
        "strength_bps": strength,
        "half_life_minutes": SIGNAL_HALF_LIFE,
        "horizon_minutes": IC_MINUTES,
        "information_coefficient": round(float(np.mean(coefficients)), 6),
    }


def _bps(values: npt.NDArray[np.float64]) -> list[float]:
    out: list[float] = np.round(values / BPS, 3).tolist()
    return out
