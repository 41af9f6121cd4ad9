import numpy as np
import pandas as pd

from tests.features.oracles.case import Case, Float64, windows


def bollinger_b_20(case: Case) -> Float64:
    last = windows(case.close, 20)
    mean, sd = last.mean(axis=1), last.std(axis=1)
    flat = np.ptp(last, axis=1) == 0
    return np.where(flat, 0.5, (case.close - mean + 2 * sd) / np.where(flat, 1.0, 4 * sd))


def bollinger_width_20(case: Case) -> Float64:
    last = windows(case.close, 20)  # two passes: TA-Lib's sums of squares lose one cent at a price of 5000
    return np.where(np.ptp(last, axis=1) == 0, 0.0, 4 * last.std(axis=1) / last.mean(axis=1))


def atr_14(case: Case) -> Float64:
    before = np.where(case.first, np.nan, np.roll(case.close, 1))
    ranges = np.fmax(case.high, before) - np.fmin(case.low, before)
    return (pd.Series(ranges).ewm(alpha=1 / 14, adjust=False).mean() / case.close).to_numpy()


def realised(case: Case, minutes: int) -> Float64:
    return np.sqrt((windows(case.r, case.bars_in(minutes)) ** 2).sum(axis=1))


def realised_15(case: Case) -> Float64:
    return realised(case, 15)


def realised_30(case: Case) -> Float64:
    return realised(case, 30)


def realised_60(case: Case) -> Float64:
    return realised(case, 60)


def parkinson_30(case: Case) -> Float64:
    return np.sqrt((windows(np.log(case.high / case.low), case.bars_in(30)) ** 2).mean(axis=1) / (4 * np.log(2)))


def garman_klass_30(case: Case) -> Float64:
    height, body = np.log(case.high / case.low), np.log(case.close / case.open)
    return np.sqrt(windows(height**2 / 2 - (2 * np.log(2) - 1) * body**2, case.bars_in(30)).mean(axis=1))


def vol_of_vol_60(case: Case) -> Float64:
    last = windows(realised_15(case), case.bars_in(60))
    mean = last.mean(axis=1)
    return np.where(mean == 0, 0.0, last.std(axis=1) / np.where(mean == 0, 1.0, mean))
