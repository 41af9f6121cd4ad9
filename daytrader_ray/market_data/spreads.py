"""Half-spreads of each symbol before a session opens, in bps of the price: as quoted, or estimated from bars.

For session s both are means over the 20 sessions before s, of those in which a spread is known, at least 3; else NaN.
The estimator is EDGE (Ardia, Guidotti & Kroencke 2024, J. Financial Economics 161): of consecutive bars of a session,
m = (high + low) / 2 and all prices as logs,

    S^2 = weighted mean of -4/po (d1 r2), (d1 r5)  and  -4/pc (d3 r4), (d5 r4)
    r1 = m - o,  r2 = o - m',  r3 = m - c',  r4 = c' - m',  r5 = o - c'         (' is the bar before)

with d = r less its mean over bars that moved, po and pc the shares of bars whose open (last close) is no extreme, and
weights by the variances of the two estimates. A single session's S^2 may be negative: it is averaged before the root.
"""

import itertools
from collections.abc import Callable

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Float64, Panel
from daytrader_ray.domain.sessions import Int64
from daytrader_ray.market_data.statistics import HISTORY, LEAST


def estimated_half_spreads(panel: Panel) -> Float64:
    """Return the half-spread in bps before each session `[session, symbol]`, estimated from bars.

    NaN where too little is known, or the mean estimate of S^2 is not above 0: noise hides the spread.
    """
    squares = _estimates(panel.grid.first_row, panel.open, panel.high, panel.low, panel.close)
    return _before(squares, lambda mean: 0.5e4 * np.sqrt(np.where(mean > 0.0, mean, np.nan)))


def quoted_half_spreads(spread_bps: Float64, first_row: Int64) -> Float64:
    """Return the half-spread in bps before each session `[session, symbol]` from quotes.

    `spread_bps` is the mean quoted spread of each minute `[row, symbol]` (NaN: no quotes), `first_row` `[session + 1]`.
    """
    ends = list(itertools.pairwise(first_row))
    means = np.array([_mean(spread_bps[a:b]) for a, b in ends]).reshape(len(ends), spread_bps.shape[1])
    return _before(means, lambda mean: mean / 2.0)


def _mean(values: Float64) -> Float64:
    """Return the mean of the known values of each column, NaN without any."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0))


def _before(daily: Float64, finish: Callable[[Float64], Float64]) -> Float64:
    """Return `finish` of the means over the sessions before each one `[session, symbol]`; NaN with fewer than LEAST."""
    out = np.full_like(daily, np.nan)
    for s in range(len(daily)):
        past = daily[max(0, s - HISTORY) : s]
        out[s] = finish(np.where(np.isfinite(past).sum(axis=0) >= LEAST, _mean(past), np.nan))
    return out


@njit
def _estimates(first_row: Int64, opens: Float64, highs: Float64, lows: Float64, closes: Float64) -> Float64:
    """Return S^2 of each session `[session, symbol]` (fraction squared, may be negative), NaN where there is none."""
    out = np.full((len(first_row) - 1, closes.shape[1]), np.nan)
    for s in range(len(out)):
        a, b = first_row[s], first_row[s + 1]
        for i in range(out.shape[1]):
            out[s, i] = squared_spread(opens[a:b, i], highs[a:b, i], lows[a:b, i], closes[a:b, i])
    return out


@njit
def squared_spread(opens: Float64, highs: Float64, lows: Float64, closes: Float64) -> float:
    """Return EDGE's S^2 of consecutive bars `[bar]`; NaN with fewer than two bars that moved, or only extremes."""
    n, moved, r1_sum, r3_sum, r5_sum, no, nc = 0, 0, 0.0, 0.0, 0.0, 0, 0
    r, tau = np.empty((5, len(closes))), np.zeros(len(closes))
    for t in range(1, len(closes)):
        o, h, low, c, h0, l0 = opens[t], highs[t], lows[t], closes[t - 1], highs[t - 1], lows[t - 1]
        if np.isnan(o) or np.isnan(c):
            continue
        o_log, c_log = np.log(o), np.log(c)
        m, m0 = (np.log(h) + np.log(low)) / 2.0, (np.log(h0) + np.log(l0)) / 2.0
        r[0, n], r[1, n], r[2, n], r[3, n], r[4, n] = m - o_log, o_log - m0, m - c_log, c_log - m0, o_log - c_log
        if h != low or low != c:
            tau[n] = 1.0
            moved += 1
            no += int(o != h) + int(o != low)
            nc += int(c != h0) + int(c != l0)
        r1_sum, r3_sum, r5_sum = r1_sum + r[0, n], r3_sum + r[2, n], r5_sum + r[4, n]
        n += 1
    if moved < 2 or no == 0 or nc == 0:
        return np.nan
    at_open, at_close = -4.0 * n / no, -4.0 * n / nc
    e1, e2, q1, q2 = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        share = tau[k] / moved
        d1, d3, d5 = r[0, k] - share * r1_sum, r[2, k] - share * r3_sum, r[4, k] - share * r5_sum
        x1 = at_open * d1 * r[1, k] + at_close * d3 * r[3, k]
        x2 = at_open * d1 * r[4, k] + at_close * d5 * r[3, k]
        e1, e2, q1, q2 = e1 + x1, e2 + x2, q1 + x1 * x1, q2 + x2 * x2
    e1, e2 = e1 / n, e2 / n
    v1, v2 = q1 / n - e1 * e1, q2 / n - e2 * e2
    return (v2 * e1 + v1 * e2) / (v1 + v2) if v1 + v2 > 0.0 else (e1 + e2) / 2.0
