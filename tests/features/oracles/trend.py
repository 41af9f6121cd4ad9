import numpy as np
import pandas as pd
import talib

from tests.features.oracles.case import Case, Float64


def own(case: Case) -> Float64:
    return case.close


def standing(case: Case, minutes: int, of_closes) -> Float64:
    """Apply `of_closes` to the closes of aggregates; give each bar the value of the last one that is complete."""
    length = case.panel.grid.bar_minutes
    bucket = case.slot * length // minutes
    last = (
        pd.DataFrame({"session": case.session, "bucket": bucket})
        .reset_index()
        .groupby(["session", "bucket"])["index"]
        .max()
    )
    ends = last.to_numpy()
    seen = np.where((case.slot[ends] + 1) * length % minutes == 0, ends, ends + 1)
    at = np.searchsorted(seen, np.arange(case.close.size), side="right") - 1
    values = of_closes(np.ascontiguousarray(case.close[ends]))
    return np.where(at >= 0, values[at], np.nan)


def sma(n: int, minutes: int):
    return lambda case: standing(case, minutes, lambda close: close / talib.SMA(close, n) - 1)


def ema(n: int, minutes: int):
    return lambda case: standing(case, minutes, lambda close: close / talib.EMA(close, n) - 1)


def slope(minutes: int):
    return lambda case: standing(case, minutes, lambda close: talib.ROCP(talib.SMA(close, 20), 1))


for _minutes, _suffix in ((1, ""), (5, "_5m"), (15, "_15m")):
    for _n in (5, 10, 20, 50):
        globals()[f"sma_{_n}{_suffix}"] = sma(_n, _minutes)
        globals()[f"ema_{_n}{_suffix}"] = ema(_n, _minutes)
    globals()[f"slope_20{_suffix}"] = slope(_minutes)
