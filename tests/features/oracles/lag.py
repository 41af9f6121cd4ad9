import numpy as np

from tests.features.oracles.case import Case, Float64, windows


def over(case: Case, minutes: int) -> Float64:
    return windows(case.r, case.bars_in(minutes)).sum(axis=1)


def return_1(case: Case) -> Float64:
    return over(case, 1)


def return_5(case: Case) -> Float64:
    return over(case, 5)


def return_15(case: Case) -> Float64:
    return over(case, 15)


def return_30(case: Case) -> Float64:
    return over(case, 30)


def start(case: Case) -> Float64:
    """Number of the bar that opened each bar's session."""
    return np.maximum.accumulate(np.where(case.first, np.arange(case.close.size), 0))


def overnight_gap(case: Case) -> Float64:
    at = start(case)
    return np.where(at > 0, np.log(case.open[at] / case.close[at - 1]), np.nan)


def since_open(case: Case) -> Float64:
    return np.log(case.close / case.open[start(case)])
