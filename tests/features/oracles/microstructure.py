import numpy as np
import pandas as pd
from scipy.stats import norm

from daytrader_ray.features.bar import TICKS
from tests.features.oracles.case import Case, Float64, windows


def tick(case: Case, name: str) -> Float64:
    return (
        np.asarray(case.ticks[case.rows, case.column, TICKS.index(name)]) if case.ticks is not None else case.r * np.nan
    )


def in_its_average(values: Float64) -> Float64:
    """Values over the exponential mean of their sizes, once 1e-7 is all that the first one weighs."""
    size = pd.Series(np.abs(values))
    known = size.notna()
    warm = (1 - 2 / 61) ** (known.cumsum() - 1) <= 1e-7
    return np.where(known & warm, values / size.ewm(span=60, ignore_na=True).mean(), np.nan)


def spread_bps(case: Case) -> Float64:
    return tick(case, "spread_bps")


def depth_imbalance(case: Case) -> Float64:
    return tick(case, "depth_imbalance")


def order_flow_imbalance(case: Case) -> Float64:
    return in_its_average(tick(case, "order_flow") / case.share_factor)


def has_quotes(case: Case) -> Float64:
    return 1.0 - np.isnan(spread_bps(case))


def tick_imbalance(case: Case) -> Float64:
    return tick(case, "tick_imbalance")


def trade_count(case: Case) -> Float64:
    return in_its_average(tick(case, "trades"))


def mean_trade_size(case: Case) -> Float64:
    return in_its_average(tick(case, "mean_size") / case.share_factor)


def has_trades(case: Case) -> Float64:
    return 1.0 - np.isnan(tick(case, "trades"))


def bar_before(case: Case) -> tuple[Float64, Float64, Float64]:
    """High, low and close of the bar before; at a session's first bar moved by the gap, to close at its open."""
    high, low, close = (pd.Series(x).shift().to_numpy() for x in (case.high, case.low, case.close))
    moved = np.where(case.first, case.open / close, 1.0)
    return high * moved, low * moved, close * moved


def corwin_schultz(case: Case) -> Float64:
    high, low, _ = bar_before(case)
    beta = np.log(high / low) ** 2 + np.log(case.high / case.low) ** 2
    gamma = np.log(np.maximum(high, case.high) / np.minimum(low, case.low)) ** 2
    k = 3 - 2 * np.sqrt(2)
    alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / k - np.sqrt(gamma / k)
    spread = 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))
    return windows(np.maximum(spread, 0), case.bars_in(30)).mean(axis=1)


def abdi_ranaldo(case: Case) -> Float64:
    high, low, close = bar_before(case)
    # Ratios keep the digits that logarithms of prices lose: the root of a product near 0 shows them.
    middle, next_middle = np.log(high / close * (low / close)) / 2, np.log(case.high / close * (case.low / close)) / 2
    return windows(np.sqrt(np.maximum(4 * middle * next_middle, 0)), case.bars_in(30)).mean(axis=1)


def amihud(case: Case) -> Float64:
    volume, expected = (np.where(x > 0, x, np.nan) for x in (case.volume, case.expected))
    ratios = pd.DataFrame(windows(np.abs(case.r) / (volume / expected), case.bars_in(30)))
    return ratios.mean(axis=1).to_numpy()


def bulk_volume_imbalance(case: Case) -> Float64:
    n = case.bars_in(30)
    sd = np.sqrt((windows(case.r, n) ** 2).mean(axis=1))
    bought = norm.cdf(np.where(case.r == 0, 0.0, case.r / np.where(sd > 0, sd, 1.0)))
    balance, volume = windows(case.volume * (2 * bought - 1), n).sum(axis=1), windows(case.volume, n).sum(axis=1)
    return np.where(volume > 0, balance / np.where(volume > 0, volume, 1.0), np.nan)
