"""Extras of a history and of the minute that has just closed: the same calls over the same windows."""

import math
from collections.abc import Sequence

import numpy as np

from daytrader_ray.features.bar import Bars, Float32, Float64, Int64
from daytrader_ray.features.extras import CLOSE, FIELDS, Extra, History


def initial_tails(extras: Sequence[Extra], n_symbols: int) -> Float64:
    """Return the bars remembered before the first one, float64 `[symbol, field, bar]`: none, which is NaN.

    `field` is that of `History`; the bars are as many as the longest window has, the last one at the end.
    """
    longest = max((extra.window for extra in extras), default=0)
    return np.full((n_symbols, FIELDS, longest), np.nan)


def run_extras(extras: Sequence[Extra], bars: Bars, minutes: Int64, tail: Float64) -> Float32:
    """Compute the extras of one symbol's history.

    Parameters
    ----------
    bars, minutes
        Raw bars and their epoch minutes UTC, `[row]` each.
    tail
        The symbol's `[field, bar]` before the first row; the state after the last one is written into it.

    Returns
    -------
    values
        float32 `[row, extra]`; NaN without a bar, before the window is full, and where a value is not finite.
    """
    return _advance(extras, adjusted(bars, minutes), tail)


def step_extras(extras: Sequence[Extra], bars: Bars, minute: int, tails: Float64) -> Float32:
    """Take one minute's bars `[symbol]` into `tails` `[symbol, field, bar]`; return float32 `[symbol, extra]`."""
    fields = adjusted(bars, np.full(len(bars.close), minute, dtype=np.int64))
    found = [_advance(extras, fields[:, s : s + 1], tail) for s, tail in enumerate(tails)]
    return np.concatenate(found)


def adjusted(bars: Bars, minutes: Int64) -> Float64:
    """Return the fields of `History` as the kernels see the bars, float64 `[field, row]`."""
    price = bars.price_factor
    prices = (bars.open * price, bars.high * price, bars.low * price, bars.close * price)
    volume = np.where(bars.traded, bars.volume / bars.share_factor, 0.0)
    return np.stack([*prices, volume, bars.vwap * price, minutes.astype(np.float64)])


def _advance(extras: Sequence[Extra], fields: Float64, tail: Float64) -> Float32:
    there = np.flatnonzero(~np.isnan(fields[CLOSE]))
    known = np.concatenate([tail, fields[:, there]], axis=1)
    known.flags.writeable = False
    history = History(*known)
    unknown, longest = int(np.isnan(tail[CLOSE]).sum()), tail.shape[1]
    values = np.full((fields.shape[1], len(extras)), np.nan)
    for row, stop in zip(there.tolist(), range(longest + 1, known.shape[1] + 1), strict=True):
        for column, extra in enumerate(extras):
            if stop - extra.window >= unknown:
                values[row, column] = extra.function(history, stop - extra.window, stop)
    tail[:] = known[:, known.shape[1] - longest :]
    return _finite(values)


def _finite(values: Float64) -> Float32:
    with np.errstate(over="ignore"):
        result = values.astype(np.float32)
    result[~np.isfinite(result)] = math.nan
    return result
