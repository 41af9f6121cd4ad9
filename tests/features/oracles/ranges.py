"""The three that are no features but come with them."""

import numpy as np
import pandas as pd

from tests.features.oracles.case import Case, Float64, windows

WARM_UP = 219  # (13 / 14)^218 < 1e-7


def atr_5(case: Case) -> Float64:
    """Wilder's average of completed 5-minute bars, raw USD; one cut short counts with the next bar."""
    length = case.panel.grid.bar_minutes
    frame = pd.DataFrame({"high": case.high, "low": case.low, "close": case.close})
    frame["bar"] = np.arange(len(frame))
    of_five = frame.groupby([case.session, case.slot * length // 5])
    bars = of_five.agg({"high": "max", "low": "min", "close": "last", "bar": "last"})
    before = bars["close"].shift().where(bars.index.get_level_values(0).duplicated())
    ranges = np.fmax(bars["high"], before) - np.fmin(bars["low"], before)
    average = ranges.ewm(alpha=1 / 14, adjust=False).mean().to_numpy()
    ends = bars["bar"].to_numpy()
    seen = np.where((case.slot[ends] + 1) * length % 5 == 0, ends, ends + 1)
    complete = np.searchsorted(seen, np.arange(case.close.size), side="right")
    factor = case.panel.price_factor[case.session, case.column]
    return np.where(complete >= WARM_UP, average[complete - 1] / factor, np.nan)


def return_30(case: Case) -> Float64:
    return windows(case.r, case.bars_in(30)).sum(axis=1)


def sigma_30(case: Case) -> Float64:
    """The square root of 30 minutes x the deviation over 60."""
    deviation = windows(case.r, case.bars_in(60)).std(axis=1, ddof=1)
    return np.where(deviation > 0, np.sqrt(case.bars_in(30)) * deviation, np.nan)
