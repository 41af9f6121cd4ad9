import numpy as np
import talib

from tests.features.oracles.case import Case, Float64, windows


def rsi_14(case: Case) -> Float64:
    return talib.RSI(case.close, 14)


def macd_line(case: Case) -> Float64:
    return (talib.EMA(case.close, 12) - talib.EMA(case.close, 26)) / case.close


def macd_signal(case: Case) -> Float64:
    return talib.MACD(case.close, 12, 26, 9)[1] / case.close


def macd_histogram(case: Case) -> Float64:
    return talib.MACD(case.close, 12, 26, 9)[2] / case.close


def roc_10(case: Case) -> Float64:
    return talib.ROCP(case.close, 10)


def roc_30(case: Case) -> Float64:
    return talib.ROCP(case.close, 30)


def williams_r_14(case: Case) -> Float64:
    flat = windows(case.high, 14).max(axis=1) == windows(case.low, 14).min(axis=1)
    return np.where(flat, -50.0, talib.WILLR(case.high, case.low, case.close, 14))


def ema_strength_12_26(case: Case) -> Float64:
    return talib.EMA(case.close, 12) / talib.EMA(case.close, 26) - 1
