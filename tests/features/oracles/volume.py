import numpy as np

from tests.features.oracles.case import Case, Float64


def traded(case: Case, values: Float64) -> Float64:
    """Divide by the session's volume so far, NaN where nothing has traded."""
    shares = case.since_open(case.volume)
    return np.where(shares > 0, values / np.where(shares > 0, shares, 1.0), np.nan)


def obv(case: Case) -> Float64:
    return traded(case, case.since_open(np.sign(case.r) * case.volume))


def accumulation_distribution(case: Case) -> Float64:
    height = case.high - case.low
    place = np.where(height > 0, (2 * case.close - case.high - case.low) / np.where(height > 0, height, 1.0), 0.0)
    return traded(case, case.since_open(place * case.volume))


def relative_volume(case: Case) -> Float64:
    return case.volume / np.where(case.expected > 0, case.expected, np.nan)


def vwap_distance(case: Case) -> Float64:
    price = np.where(np.isnan(case.vwap), (case.high + case.low + case.close) / 3, case.vwap)
    vwap = traded(case, case.since_open(price * case.volume))
    return case.close / vwap - 1
