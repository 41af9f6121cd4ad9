"""What all families remember of one symbol: the session so far and the last bars.

Windows of price LEVELS (averages, bands, ROC) run across sessions. Returns r are intraday: the first bar of a session
counts from its own open, so that the overnight gap is in no return (it is a feature of its own) and a window of
returns may reach into the previous session. The first rows of a session therefore have all their values.
"""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float64

BARS = 0  # bars of this symbol so far
SEEN = 1  # 1 when the symbol has had a bar in this session
FIRST = 2  # 1 when this bar is the session's first
CLOSE = 3  # close of this bar
PREVIOUS = 4  # close of the bar before, across sessions
SESSION_OPEN = 5  # open of the session's first bar
GAP = 6  # ln(session open / last close before it)
RETURN = 7  # r of this bar
RETURN_5 = 8  # sum of r over 5 minutes
RETURN_15 = 9  # sum of r over 15 minutes, NaN in a minute without data
RETURN_30 = 10
RETURN_60 = 11

SHORT = 32  # bars kept of closes, highs and lows
LONG = 64  # bars kept of returns
CLOSES = 16  # each ring is written twice, so that every window is one contiguous stretch
HIGHS = CLOSES + 2 * SHORT
LOWS = HIGHS + 2 * SHORT
RETURNS = LOWS + 2 * SHORT
STATE = RETURNS + 2 * LONG


@njit
def step(state: Float64, bar: Bar, bar_minutes: int) -> None:
    """Take in one bar of `bar_minutes`."""
    previous = state[CLOSE]
    if state[SEEN] == 0.0:
        state[SEEN] = 1.0
        state[FIRST] = 1.0
        state[SESSION_OPEN] = bar.open
        state[GAP] = math.log(bar.open / previous)
        state[RETURN] = math.log(bar.close / bar.open)
    else:
        state[FIRST] = 0.0
        state[RETURN] = math.log(bar.close / previous)
    state[PREVIOUS] = previous
    state[CLOSE] = bar.close
    n = int(state[BARS])
    put(state, CLOSES, SHORT, n, bar.close)
    put(state, HIGHS, SHORT, n, bar.high)
    put(state, LOWS, SHORT, n, bar.low)
    put(state, RETURNS, LONG, n, state[RETURN])
    state[BARS] = n + 1.0
    _sum_returns(state, bar_minutes)


@njit
def _sum_returns(state: Float64, bar_minutes: int) -> None:
    """Write the sums of r over 5, 15, 30 and 60 minutes, each part of the last hour added up once."""
    n_5, n_15 = bars_of(5, bar_minutes), bars_of(15, bar_minutes)
    n_30, n_60 = bars_of(30, bar_minutes), bars_of(60, bar_minutes)
    newest = window(state, RETURNS, LONG, 0)
    state[RETURN_5] = total(state, newest - n_5, n_5)
    state[RETURN_15] = state[RETURN_5] + total(state, newest - n_15, n_15 - n_5)
    state[RETURN_30] = state[RETURN_15] + total(state, newest - n_30, n_30 - n_15)
    state[RETURN_60] = state[RETURN_30] + total(state, newest - n_60, n_60 - n_30)


@njit
def put(state: Float64, ring: int, size: int, n: int, value: float) -> None:
    """Write the `n`-th value of a ring."""
    at = ring + n % size
    state[at] = value
    state[at + size] = value


@njit
def window(state: Float64, ring: int, size: int, length: int) -> int:
    """Return the index of the oldest of the last `length` values; the rest follow it."""
    return ring + (int(state[BARS]) - 1) % size + size + 1 - length


@njit
def total(state: Float64, start: int, length: int) -> float:
    """Add a window up afresh: no running sum, so no error that grows and no trace of old history.

    Four partial sums, always in the same order, keep the processor's adders busy.
    """
    a = b = c = d = 0.0
    whole = start + length - length % 4
    for i in range(start, whole, 4):
        a += state[i]
        b += state[i + 1]
        c += state[i + 2]
        d += state[i + 3]
    for i in range(whole, start + length):
        a += state[i]
    return (a + b) + (c + d)


@njit
def deviation(state: Float64, start: int, length: int, mean: float, divisor: float) -> float:
    """Return the standard deviation about `mean`, in a second pass."""
    a = b = c = d = 0.0
    whole = start + length - length % 4
    for i in range(start, whole, 4):
        a += (state[i] - mean) * (state[i] - mean)
        b += (state[i + 1] - mean) * (state[i + 1] - mean)
        c += (state[i + 2] - mean) * (state[i + 2] - mean)
        d += (state[i + 3] - mean) * (state[i + 3] - mean)
    for i in range(whole, start + length):
        a += (state[i] - mean) * (state[i] - mean)
    return math.sqrt(((a + b) + (c + d)) / divisor)


@njit
def bars_of(minutes: int, bar_minutes: int) -> int:
    """Bars in a horizon given in minutes, at least one."""
    return minutes if bar_minutes == 1 else max(1, minutes // bar_minutes)
