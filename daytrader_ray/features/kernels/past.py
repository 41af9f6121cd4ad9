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
RETURN_15 = 8  # sum of r over 15 minutes, NaN in a minute without data

SHORT = 32  # bars kept of closes, highs and lows
LONG = 64  # bars kept of returns
CLOSES = 16  # each ring is written twice, so that every window is one contiguous stretch
HIGHS = CLOSES + 2 * SHORT
LOWS = HIGHS + 2 * SHORT
RETURNS = LOWS + 2 * SHORT
STATE = RETURNS + 2 * LONG


@njit
def step(state: Float64, bar: Bar) -> None:
    """Take in one bar."""
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
    """Add from the oldest to the newest value: no running sum, so no error that grows and no trace of old history."""
    result = 0.0
    for i in range(start, start + length):
        result += state[i]
    return result


@njit
def return_over(state: Float64, bars: int) -> float:
    """Sum of r over the last `bars` bars."""
    return total(state, window(state, RETURNS, LONG, bars), bars)


@njit
def deviation(state: Float64, start: int, length: int, mean: float, divisor: float) -> float:
    """Return the standard deviation about `mean`, in a second pass."""
    result = 0.0
    for i in range(start, start + length):
        result += (state[i] - mean) * (state[i] - mean)
    return math.sqrt(result / divisor)


@njit
def bars_of(minutes: int, bar_minutes: int) -> int:
    """Bars in a horizon given in minutes, at least one."""
    return max(1, minutes // bar_minutes)
