"""What a feature looks like on the data at hand."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from daytrader_ray.features.bar import Bool, Float32, Float64, Int64

LAGS = (1, 5, 30)
"""Bars between the values of an autocorrelation."""

LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""Shares of all values that lie below a quantile."""


@dataclass(frozen=True)
class SymbolColumn:
    """One symbol's `values` of a feature and its raw `close`, `[row]` each."""

    symbol: str
    values: Float32
    close: Float64


@dataclass(frozen=True)
class Description:
    """Statistics of one feature.

    Attributes
    ----------
    bars, values
        Rows with a bar, and those of them with a value; what follows is of these values. NaN where there are none.
    mean, sd
        Of all symbols together.
    quantiles
        By share of the values below, the least and the greatest among them.
    lowest, highest
        The symbols with the smallest and the largest mean, with it; None without any value.
    autocorrelation
        By distance in bars: correlation with the value so much later in the same session, the mean over the symbols
        weighted by pairs.
    next_return
        The same mean of Spearman's rank correlation with the log return of the next `horizon` bars of the session.
        In sample, of overlapping returns and before costs: no evidence that it can be traded.
    horizon
        Bars of that return.
    """

    bars: int
    values: int
    mean: float
    sd: float
    quantiles: dict[float, float]
    lowest: tuple[str, float] | None
    highest: tuple[str, float] | None
    autocorrelation: dict[int, float]
    next_return: float
    horizon: int

    @property
    def coverage(self) -> float:
        """Return the share of the bars that have a value."""
        return self.values / self.bars if self.bars else math.nan


def describe(columns: Iterable[SymbolColumn], session_of_row: Int64, horizon: int) -> Description:
    """Return the statistics of a feature over symbols and sessions; `session_of_row` `[row]`."""
    bars, pooled, means = 0, [np.empty(0, dtype=np.float32)], []
    found: list[list[tuple[float, int]]] = []
    for column in columns:
        there = np.isfinite(column.values)
        bars += int(np.isfinite(column.close).sum())
        pooled.append(column.values[there])
        if there.any():
            means.append((float(column.values[there].mean(dtype=np.float64)), column.symbol))
        found.append(_correlations(column, session_of_row, horizon))
    values = np.concatenate(pooled)
    *lagged, ahead = (_weighted(parts) for parts in zip(*found, strict=True)) if found else [math.nan] * (len(LAGS) + 1)
    quantiles = np.quantile(values, LEVELS).tolist() if len(values) else [math.nan] * len(LEVELS)
    return Description(
        bars=bars,
        values=len(values),
        mean=float(values.mean(dtype=np.float64)) if len(values) else math.nan,
        sd=float(values.std(dtype=np.float64)) if len(values) else math.nan,
        quantiles=dict(zip(LEVELS, quantiles, strict=True)),
        lowest=min(means)[::-1] if means else None,
        highest=max(means)[::-1] if means else None,
        autocorrelation=dict(zip(LAGS, lagged, strict=True)),
        next_return=ahead,
        horizon=horizon,
    )


def _correlations(column: SymbolColumn, session_of_row: Int64, horizon: int) -> list[tuple[float, int]]:
    """Return (correlation, pairs) at each of LAGS and with the next return."""
    values, log_close = column.values.astype(np.float64), np.log(column.close)
    found = []
    for lag in LAGS:
        pairs = _in_session(session_of_row, lag) & np.isfinite(values[:-lag]) & np.isfinite(values[lag:])
        found.append((_correlation(values[:-lag][pairs], values[lag:][pairs]), int(pairs.sum())))
    ahead = log_close[horizon:] - log_close[:-horizon]
    pairs = _in_session(session_of_row, horizon) & np.isfinite(values[:-horizon]) & np.isfinite(ahead)
    ranks = rankdata(values[:-horizon][pairs]), rankdata(ahead[pairs])
    return [*found, (_correlation(*ranks), int(pairs.sum()))]


def _in_session(session_of_row: Int64, distance: int) -> Bool:
    same: Bool = session_of_row[distance:] == session_of_row[:-distance]
    return same


def _correlation(one: Float64, other: Float64) -> float:
    """Return Pearson's correlation, NaN where one of them does not move."""
    if len(one) < 2 or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return math.nan
    return float(np.corrcoef(one, other)[0, 1])


def _weighted(parts: Iterable[tuple[float, int]]) -> float:
    known = [(value, pairs) for value, pairs in parts if math.isfinite(value)]
    total = sum(pairs for _, pairs in known)
    return sum(value * pairs for value, pairs in known) / total if total else math.nan
