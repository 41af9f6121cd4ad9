"""Is it luck? Probabilistic and deflated Sharpe ratios (METHODS 11), per day and not annualised."""

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from daytrader_ray.analytics.performance import moments

Float64 = npt.NDArray[np.float64]

EULER_MASCHERONI = 0.5772156649015329


def daily_sharpe(returns: Float64) -> float:
    """Return mean / std (ddof 1) of daily returns `[T]`; NaN with fewer than 2 days or no variation."""
    if len(returns) < 2 or not returns.std(ddof=1) > 0:
        return math.nan
    return float(returns.mean() / returns.std(ddof=1))


def psr(returns: Float64, benchmark: float = 0.0) -> float:
    """Return the probability that the true daily Sharpe ratio exceeds `benchmark`.

    `Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2))`, Bailey and Lopez de Prado (2012). NaN with
    fewer than 3 days or no variation.
    """
    ratio = daily_sharpe(returns)
    if len(returns) < 3 or math.isnan(ratio):
        return math.nan
    skewness, kurtosis = moments(returns)
    spread = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    if not spread > 0:
        return math.nan
    return float(norm.cdf((ratio - benchmark) * math.sqrt(len(returns) - 1) / math.sqrt(spread)))


def expected_maximum(ratios: Float64) -> float:
    """Return SR0, the best daily Sharpe ratio that `N` trials without skill would show `[N]`; 0 for one trial.

    `sqrt(V) ((1 - e) Phi^-1(1 - 1/N) + e Phi^-1(1 - 1/(N exp 1)))`, Bailey and Lopez de Prado (2014).
    """
    n = len(ratios)
    if n < 2:
        return 0.0
    first = norm.ppf(1.0 - 1.0 / n)
    second = norm.ppf(1.0 - 1.0 / (n * math.e))
    return float(ratios.std(ddof=1) * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second))


def dsr(returns: Float64, trials: Float64) -> float:
    """Return the deflated Sharpe ratio: PSR against what the best of `trials` (daily ratios) shows by luck.

    A trial without variation (it never traded) counts with a ratio of 0.
    """
    return psr(returns, expected_maximum(np.nan_to_num(trials, nan=0.0)))
