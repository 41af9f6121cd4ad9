"""What several families remember of one symbol: the session so far, the last closes and sums of returns.

Windows of price LEVELS (averages, bands, ROC) run across sessions. Returns r are intraday: the first bar of a session
counts from its own open, so that the overnight gap is in no return (it is a feature of its own) and a window of
returns may reach into the previous session. The first rows of a session therefore have all their values.
"""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float64
from daytrader_ray.features.kernels import sliding

BARS = 0  # bars of this symbol so far
SEEN = 1  # 1 when the symbol has had a bar in this session
FIRST = 2  # 1 when this bar is the session's first
CLOSE = 3  # close of this bar
PREVIOUS = 4  # close of the bar before, across sessions
SESSION_OPEN = 5  # open of the session's first bar
GAP = 6  # ln(session open / last close before it)
RETURN = 7  # r of this bar
RETURN_5 = 8  # sum of r over 5 minutes
SINCE_OPEN = 9  # sum of r of this session
TRUE_RANGE = 10  # range with the close before, H - L in a session's first bar
INVERSE = 11  # 1 / C
HEIGHT = 12  # ln(H / L)

KEPT = 32  # closes kept; a power of 2
CLOSES = 13
_WINDOW_5 = CLOSES + KEPT
_WINDOW_15 = _WINDOW_5 + sliding.size(5)
_WINDOW_30 = _WINDOW_15 + sliding.size(15, 4)
_WINDOW_60 = _WINDOW_30 + sliding.size(30, 6)
STATE = _WINDOW_60 + sliding.size(60, 6)

SUMS_15 = _WINDOW_15 + sliding.VALUE + 4  # of r, r^2, r^3, r^4 over 15 minutes
SUMS_30 = _WINDOW_30 + sliding.VALUE + 6  # the same over 30; of ln(H / L)^2; of Garman and Klass's variance of a bar
SUMS_60 = _WINDOW_60 + sliding.VALUE + 6  # the same over 60; of the realised volatility over 15 and its square
_LN_CLOSE = 2.0 * math.log(2.0) - 1.0


@njit
def step(state: Float64, bar: Bar, bar_minutes: int) -> None:
    """Take in one bar of `bar_minutes`."""
    previous = state[CLOSE]
    body = math.log(bar.close / bar.open)
    if state[SEEN] == 0.0:
        state[SEEN] = 1.0
        state[FIRST] = 1.0
        state[SESSION_OPEN] = bar.open
        state[GAP] = math.log(bar.open / previous)
        state[RETURN] = state[SINCE_OPEN] = body
        state[TRUE_RANGE] = bar.high - bar.low
    else:
        state[FIRST] = 0.0
        state[RETURN] = math.log(bar.close / previous)
        state[SINCE_OPEN] += state[RETURN]
        state[TRUE_RANGE] = max(bar.high, previous) - min(bar.low, previous)
    state[PREVIOUS] = previous
    state[CLOSE] = bar.close
    state[INVERSE] = 1.0 / bar.close
    state[CLOSES + (int(state[BARS]) & (KEPT - 1))] = bar.close
    state[BARS] += 1.0
    state[HEIGHT] = math.log(bar.high / bar.low)
    _sum_returns(state, body, bar_minutes)


@njit
def _sum_returns(state: Float64, body: float, bar_minutes: int) -> None:
    """Sum the powers of r, and what goes with them, over 5, 15, 30 and 60 minutes."""
    n_15, n_30, n_60 = bars_of(15, bar_minutes), bars_of(30, bar_minutes), bars_of(60, bar_minutes)
    r = state[RETURN]
    r_2 = r * r
    state[RETURN_5] = sliding.total(state, _WINDOW_5, bars_of(5, bar_minutes), r)
    for window in (_WINDOW_15, _WINDOW_30, _WINDOW_60):
        state[window + 1] = r
        state[window + 2] = r_2
        state[window + 3] = r_2 * r
        state[window + 4] = r_2 * r_2
    sliding.totals(state, _WINDOW_15, n_15, 4)
    height_2 = state[HEIGHT] * state[HEIGHT]
    state[_WINDOW_30 + 5] = height_2
    state[_WINDOW_30 + 6] = 0.5 * height_2 - _LN_CLOSE * body * body
    sliding.totals(state, _WINDOW_30, n_30, 6)
    state[_WINDOW_60 + 5] = math.sqrt(state[SUMS_15 + 1])
    state[_WINDOW_60 + 6] = state[SUMS_15 + 1]
    sliding.totals(state, _WINDOW_60, n_60, 6)


@njit
def close_before(state: Float64, n: int) -> float:
    """Return the close `n` bars before this one, at most 31; 0 where there is none."""
    close: float = state[CLOSES + ((int(state[BARS]) - 1 - n) & (KEPT - 1))]
    return close


@njit
def bars_of(minutes: int, bar_minutes: int) -> int:
    """Bars in a horizon given in minutes, at least one."""
    return minutes if bar_minutes == 1 else max(1, minutes // bar_minutes)
