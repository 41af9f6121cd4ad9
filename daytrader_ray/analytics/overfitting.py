"""Is it luck? Probabilistic and deflated Sharpe ratios (METHODS 11), per day and not annualised."""

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from daytrader_ray.analytics.performance import moments

Float64 = npt.NDArray[np.float64]

EULER_MASCHERONI = 0.5772156649015329

NONE: Float64 = np.empty(0)
"""The ratios of a ledger without other trials."""


def daily_sharpe(returns: Float64) -> float:
    """Return mean / std (ddof 1) of daily returns `[T]`; NaN with fewer than 2 days or no variation."""
    if len(returns) < 2 or not np.ptp(returns) > 0:
        return math.nan
    return float(returns.mean() / returns.std(ddof=1))


def psr(returns: Float64, benchmark: float = 0.0) -> float:
    """Return the probability that the true daily Sharpe ratio exceeds `benchmark` (`exceedance`).

    NaN with fewer than 3 days or no variation.
    """
    ratio = daily_sharpe(returns)
    if len(returns) < 3 or math.isnan(ratio):
        return math.nan
    return exceedance(ratio, benchmark, len(returns), *_shape(returns))


def dsr(returns: Float64, ratios: Float64, ledger: Float64 = NONE) -> float:
    """Return the deflated Sharpe ratio: PSR against what the best of all trials shows by luck (`expected_maximum`)."""
    return psr(returns, expected_maximum(ratios, ledger))


def minimum_track_record(returns: Float64, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Return the days that these returns need for a PSR of `confidence` (`track_record`); NaN as in `psr`."""
    ratio = daily_sharpe(returns)
    if len(returns) < 3 or math.isnan(ratio):
        return math.nan
    return track_record(ratio, benchmark, *_shape(returns), confidence)


def expected_maximum(ratios: Float64, ledger: Float64 = NONE) -> float:
    """Return SR0, the best daily Sharpe ratio that trials without skill would show, from all their ratios.

    `ratios` are those of the trials of one search, `ledger` those of all others. A trial without variation (NaN: it
    never traded) counts with a ratio of 0; one trial alone gives 0.

    N counts all trials, but V is the larger of the variance of this search's trials and that of all: METHODS 11 takes
    the latter, and then many dull trials beside a wide search make V, and with it the bar, smaller. No ledger lowers it
    below that of the search alone.
    """
    own, every = (np.nan_to_num(each, nan=0.0) for each in (ratios, np.concatenate([ratios, ledger])))
    if len(every) < 2:
        return 0.0
    return best_of(len(every), max(float(each.std(ddof=1)) for each in (own, every) if len(each) > 1))


def exceedance(ratio: float, benchmark: float, days: float, skewness: float, kurtosis: float) -> float:
    """Return `Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2))`, Bailey and Lopez de Prado (2012)."""
    spread = _spread(ratio, skewness, kurtosis)
    if not spread > 0:
        return math.nan
    return float(norm.cdf((ratio - benchmark) * math.sqrt(days - 1) / math.sqrt(spread)))


def track_record(ratio: float, benchmark: float, skewness: float, kurtosis: float, confidence: float = 0.95) -> float:
    """Return `1 + (1 - g3 SR + (g4 - 1) / 4 SR^2) (z / (SR - SR*))^2` days, Bailey and Lopez de Prado (2012).

    Infinite where the ratio does not exceed the benchmark.
    """
    if ratio <= benchmark:
        return math.inf
    z = float(norm.ppf(confidence))
    return 1.0 + _spread(ratio, skewness, kurtosis) * (z / (ratio - benchmark)) ** 2


def best_of(n: int, deviation: float) -> float:
    """Return the expected best of `n > 1` ratios around 0, Bailey and Lopez de Prado (2014).

    `sqrt(V) ((1 - e) Phi^-1(1 - 1/N) + e Phi^-1(1 - 1/(N exp 1)))` with `sqrt(V)` their standard `deviation`.
    """
    first = norm.ppf(1.0 - 1.0 / n)
    second = norm.ppf(1.0 - 1.0 / (n * math.e))
    return float(deviation * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second))


def _spread(ratio: float, skewness: float, kurtosis: float) -> float:
    return 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2


def _shape(returns: Float64) -> tuple[float, float]:
    skewness, kurtosis = moments(returns)
    return float(skewness), float(kurtosis)
