"""What the regime model observes every five minutes, in O(1) memory; history and live step the same kernel.

- `log_rv`: log of the realised volatility of SPY over 30 minutes, relative to its mean for that minute of day;
- `breadth`: share of the stocks that are above their first price of the session;
- `mean_corr`: mean correlation of all pairs of stocks (below);
- `corr_qqq`, `corr_tlt`, `corr_gld`: EWMA correlation (half-life 20 minutes) of one-bar returns with SPY's;
- `trend`: |sum of SPY's returns over 30 minutes| / root of the sum of their squares;
- `vix`: log of the VIX; `vix_term`: VIX3M / VIX - 1, below 0 when the term structure is inverted.

The mean correlation takes O(n) instead of a product for each pair: with z a stock's return over its EWMA volatility,
the products of all pairs sum to (sum z)^2 - sum z^2. Their EWMA per pair over that of z^2 per stock lies in
[-1 / (n - 1), 1].

Returns are intraday: nothing spans two sessions, but the correlations carry over. Raw prices therefore serve: what
adjusts a session for splits and dividends cancels in all of these. An input that cannot be computed is NaN: an index
whose price is too old (as the panel has it), a correlation without a return in the last 30 minutes of trading. In a
minute in which SPY has no price all of them are.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Frames

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

INPUTS = ("log_rv", "breadth", "mean_corr", "corr_qqq", "corr_tlt", "corr_gld", "trend", "vix", "vix_term")
ROLES = ("SPY", "QQQ", "TLT", "GLD")
INDICES = ("I:VIX", "I:VIX3M")
LOG_RV, BREADTH, MEAN_CORR, CORRELATION, TREND, VIX, VIX_TERM = 0, 1, 2, 3, 6, 7, 8
WINDOW_MINUTES, EVERY_MINUTES, HALF_LIFE_MINUTES = 30, 5, 20
MIN_RETURNS = 2


class Observer(NamedTuple):
    """Who is observed and the running state: everything `observe_step` reads and writes.

    `role` and `indices` column of each of ROLES and of INDICES, -1 if absent; `in_breadth` [symbol]; `every` bars
    between observations; `decay` of the EWMA per bar. State: `last` and `first` price of the session [symbol]; `ring`
    last returns of SPY; `filled` [n in ring, next place]; `pairs` [pair, (product, SPY squared, other squared)];
    `squares` of returns [symbol]; `together` [(product of two stocks, square of one)], in units of their volatility;
    `since` [mean correlation, then pairs] bars since its last return.
    """

    role: Int64
    indices: Int64
    in_breadth: Bool
    every: int
    decay: float
    last: Float64
    first: Float64
    ring: Float64
    filled: Int64
    pairs: Float64
    squares: Float64
    together: Float64
    since: Int64


def bars_between(bar_minutes: int) -> int:
    """Return how many bars there are from one observation to the next."""
    return max(1, EVERY_MINUTES // bar_minutes)


def observer(symbols: Sequence[str], breadth: Sequence[str], bar_minutes: int) -> Observer:
    """Return an observer of `symbols` (in column order) that has seen nothing yet."""
    at = {symbol: column for column, symbol in enumerate(symbols)}
    n = len(symbols)
    return Observer(
        role=np.array([at.get(name, -1) for name in ROLES], dtype=np.int64),
        indices=np.array([at.get(name, -1) for name in INDICES], dtype=np.int64),
        in_breadth=np.array([symbol in set(breadth) for symbol in symbols], dtype=np.bool_),
        every=bars_between(bar_minutes),
        decay=0.5 ** (bar_minutes / HALF_LIFE_MINUTES),
        last=np.full(n, np.nan),
        first=np.full(n, np.nan),
        ring=np.zeros(WINDOW_MINUTES // bar_minutes),
        filled=np.zeros(2, dtype=np.int64),
        pairs=np.zeros((len(ROLES) - 1, 3)),
        squares=np.zeros(n),
        together=np.zeros(2),
        since=np.zeros(len(ROLES), dtype=np.int64),
    )


@njit
def _return(observer: Observer, close: Float64, column: int) -> float:
    return np.log(close[column] / observer.last[column]) if column >= 0 else np.nan


@njit
def _price(close: Float64, column: int) -> float:
    return float(close[column]) if column >= 0 else np.nan


@njit
def observe_step(observer: Observer, slot: int, close: Float64, out: Float64) -> bool:
    """Take the closes of one bar [symbol]; when an observation is due, fill `out` [input] and return True.

    `out[LOG_RV]` is the plain realised volatility per bar: the model knows what is usual at that minute.
    """
    if slot == 0:
        observer.last[:] = np.nan
        observer.first[:] = np.nan
        observer.filled[:] = 0

    observer.since[:] += 1
    spy = _return(observer, close, observer.role[0])
    if not np.isnan(spy):
        ring, filled = observer.ring, observer.filled
        ring[filled[1]] = spy
        filled[1] = (filled[1] + 1) % len(ring)
        filled[0] = min(filled[0] + 1, len(ring))
        for pair in range(len(observer.pairs)):
            other = _return(observer, close, observer.role[pair + 1])
            if not np.isnan(other):
                _average(observer.pairs[pair], observer.decay, spy, other)
                observer.since[pair + 1] = 0
    _correlate(observer, close)

    for symbol in range(len(close)):
        if not np.isnan(close[symbol]):
            observer.last[symbol] = close[symbol]
            if np.isnan(observer.first[symbol]):
                observer.first[symbol] = close[symbol]

    if (slot + 1) % observer.every != 0:
        return False
    spy_column = observer.role[0]
    if spy_column >= 0 and np.isnan(close[spy_column]):
        out[:] = np.nan
    else:
        _fill(observer, out)
        vix, vix_3m = _price(close, observer.indices[0]), _price(close, observer.indices[1])
        out[VIX] = np.log(vix)
        out[VIX_TERM] = vix_3m / vix - 1.0
    return True


@njit
def _average(pair: Float64, decay: float, spy: float, other: float) -> None:
    pair[0] = decay * pair[0] + (1.0 - decay) * spy * other
    pair[1] = decay * pair[1] + (1.0 - decay) * spy * spy
    pair[2] = decay * pair[2] + (1.0 - decay) * other * other


@njit
def _correlate(observer: Observer, close: Float64) -> None:
    """Take the returns of one bar into the mean correlation of the stocks; those without one are left out."""
    n, total, squares = 0, 0.0, 0.0
    for symbol in range(len(close)):
        move = _return(observer, close, symbol) if observer.in_breadth[symbol] else np.nan
        if np.isnan(move):
            continue
        variance = observer.decay * observer.squares[symbol] + (1.0 - observer.decay) * move * move
        observer.squares[symbol] = variance
        if variance > 0.0:
            n += 1
            total += move / np.sqrt(variance)
            squares += move * move / variance
    if n > 1:
        product = (total * total - squares) / (n * (n - 1))
        observer.together[0] = observer.decay * observer.together[0] + (1.0 - observer.decay) * product
        observer.together[1] = observer.decay * observer.together[1] + (1.0 - observer.decay) * squares / n
        observer.since[0] = 0


@njit
def _fill(observer: Observer, out: Float64) -> None:
    out[:] = np.nan
    n, place = observer.filled[0], observer.filled[1]
    total, squares = 0.0, 0.0
    for back in range(n, 0, -1):
        value = observer.ring[(place - back) % len(observer.ring)]
        total += value
        squares += value * value
    if n >= MIN_RETURNS and squares > 0.0:
        out[LOG_RV] = np.sqrt(squares / n)
        out[TREND] = abs(total) / np.sqrt(squares)

    known, above = 0, 0.0
    for symbol in range(len(observer.last)):
        if observer.in_breadth[symbol] and not np.isnan(observer.last[symbol]):
            known += 1
            move = observer.last[symbol] - observer.first[symbol]
            above += 1.0 if move > 0.0 else (0.5 if move == 0.0 else 0.0)
    if known > 0:
        out[BREADTH] = above / known

    fresh = observer.since < len(observer.ring)
    if fresh[0] and observer.together[1] > 0.0:
        out[MEAN_CORR] = observer.together[0] / observer.together[1]
    for pair in range(len(observer.pairs)):
        product, spy, other = observer.pairs[pair]
        if fresh[pair + 1] and spy > 0.0 and other > 0.0:
            out[CORRELATION + pair] = product / np.sqrt(spy * other)


@dataclass(frozen=True)
class Observations:
    """All observations of some sessions: `x` `[n, input]` in the order of INPUTS, NaN where one has no value.

    `x[:, LOG_RV]` is the plain realised volatility per bar. `rows`, `slots` and `sessions` [n] say where each was made.
    """

    x: Float64
    rows: Int64
    slots: Int64
    sessions: Int64
    breadth: tuple[str, ...]
    bar_minutes: int


@njit
def _observe_rows(observer: Observer, slots: Int64, close: Float64) -> tuple[Float64, Int64]:
    x = np.empty((len(slots), len(INPUTS)))
    rows = np.empty(len(slots), dtype=np.int64)
    n = 0
    for row in range(len(slots)):
        if observe_step(observer, slots[row], close[row], x[n]):
            rows[n] = row
            n += 1
    return x[:n].copy(), rows[:n].copy()


def observe(frames: Frames, stocks: Collection[str], start: int, stop: int) -> Observations:
    """Observe sessions `start` to `stop - 1`; the correlations are warmed on all sessions of `frames` before them.

    Breadth and mean correlation are those of `stocks`, without the ROLES.
    """
    panel, grid = frames.panel, frames.panel.grid
    breadth = tuple(symbol for symbol in panel.symbols if symbol in stocks and symbol not in ROLES)
    end = int(grid.first_row[stop])
    fresh = observer(panel.symbols, breadth, grid.bar_minutes)
    x, rows = _observe_rows(fresh, grid.slot_of_row[:end], np.ascontiguousarray(panel.close[:end]))
    keep = rows >= grid.first_row[start]
    x, rows = x[keep], rows[keep]
    return Observations(x, rows, grid.slot_of_row[rows], grid.session_of_row[rows], breadth, grid.bar_minutes)
