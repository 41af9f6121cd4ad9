"""Cross-section: the symbol against its sector, SPY, QQQ and the other members of the universe, minute by minute.

It reads what stage 1 wrote of all symbols in that minute (`CROSS_INPUTS`); a symbol without a bar, or too young for a
value, is left out of every rank and average, and so is who is no member of the universe in that session. The sector's
return is that of its ETF, or the mean of its members' without the symbol itself. Where one of a pair has no bar the
EWMAs of the pair stand still. Values that differ by rounding alone are ties; all equal is rank 0 for everybody.
"""

import math
from typing import NamedTuple

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import CROSS_INPUTS, Bool, Crowd, Float32, Float64, Int64
from daytrader_ray.features.registry import Feature, ema_memory

SPAN = 390
WARM_UP = ema_memory(SPAN)
_INPUTS = ("bars", "peers")
_NO_SECTOR = "no sector, or its ETF (without one: every other member) has no value in the minute"
_NO_RANK = "the symbol is no member of the universe in that session, or nobody else has a value"
_SOURCE = "definition"


def _excess(name: str, of: str, minutes: int, nan: str) -> Feature:
    name, formula = f"cross_section.excess_{name}_{minutes}", f"return_{minutes} - return_{minutes} of {of}"
    return Feature(name, formula, minutes, _SOURCE, _INPUTS, nan, in_minutes=True)


def _rank(of: str, value: str, lookback: int, nan: str = _NO_RANK) -> Feature:
    formula = f"(members with a lower {value} - members with a higher one) / (members - 1)"
    return Feature(f"cross_section.rank_{of}", formula, lookback, _SOURCE, _INPUTS, nan, in_minutes=True)


FEATURES = (
    *(_excess("sector", "the sector's ETF, or of its other members", minutes, _NO_SECTOR) for minutes in (5, 15, 30)),
    *(_excess("spy", "SPY", minutes, "SPY has no value") for minutes in (5, 15, 30)),
    *(_excess("qqq", "QQQ", minutes, "QQQ has no value") for minutes in (5, 15, 30)),
    *(_rank(f"return_{minutes}", f"return_{minutes}", minutes) for minutes in (5, 15, 30)),
    _rank("volume", "relative_volume", 1, f"{_NO_RANK}, or no volume is expected"),
    Feature(
        "cross_section.beta_spy_390",
        "EWMA(r r_SPY) / EWMA(r_SPY^2), span 390 bars, means taken as 0",
        WARM_UP,
        "RiskMetrics 1996",
        _INPUTS,
        "fewer bars than the warm-up in common with SPY, or SPY has not moved in any",
    ),
    Feature(
        "cross_section.correlation_sector_390",
        "EWMA(r s) / sqrt(EWMA(r^2) EWMA(s^2)), s the sector's r, span 390 bars, means taken as 0",
        WARM_UP,
        "RiskMetrics 1996",
        _INPUTS,
        "fewer bars than the warm-up in common with the sector, or one of the two has not moved in any",
    ),
)
RETURN_1, RETURN_5, RETURN_15, RETURN_30, RELATIVE_VOLUME = range(len(CROSS_INPUTS))
_N, _PRODUCT, _OTHER, _OWN = range(4)  # of a pair: bars in common, EWMA of x y, y^2 and x^2
_SPY, _SECTOR = 0, 4
STATE = 8
_ALPHA = 2.0 / (SPAN + 1.0)
_TIE = 1e-12  # values that differ by less than rounding may are equal


class Slice(NamedTuple):
    """What all symbols of a minute share: the members' inputs `[input, symbol]` (NaN: left out), how many have one.

    `total` and `n` `[sector, input]` are the sums over the members of a sector and their number.
    """

    values: Float64
    n_members: Int64
    total: Float64
    n: Int64


@njit
def step(state: Float64, base: int, cross: Float64, crowd: Crowd, member: Bool, out: Float32, first: int) -> None:
    """Step one minute.

    Parameters
    ----------
    state
        `[k, ...]` of the k symbols `crowd.columns`, in their order; changed in place from `base` on.
    cross
        `[symbol, 5]` of all symbols (`CROSS_INPUTS`).
    crowd, member
        Whom to compare with; who is a member in this session, `[symbol]`.
    out
        `[k, feature]`, written from `first` on; NaN where the symbol has no bar or is too young.
    """
    now = _slice(cross, crowd, member)
    for at in range(crowd.columns.shape[0]):
        s = crowd.columns[at]
        row, pairs = out[at], state[at]
        for j in range(3):
            k = RETURN_5 + j
            row[first + j] = cross[s, k] - _sector(now, cross, crowd, s, k)
            row[first + 3 + j] = cross[s, k] - _reference(cross, crowd.spy, k)
            row[first + 6 + j] = cross[s, k] - _reference(cross, crowd.qqq, k)
            row[first + 9 + j] = _standing(now, s, k)
        row[first + 12] = _standing(now, s, RELATIVE_VOLUME)
        own = cross[s, RETURN_1]
        _pair(pairs, base + _SPY, own, _reference(cross, crowd.spy, RETURN_1))
        _pair(pairs, base + _SECTOR, own, _sector(now, cross, crowd, s, RETURN_1))
        row[first + 13] = math.nan if math.isnan(own) else _beta(pairs, base + _SPY)
        row[first + 14] = math.nan if math.isnan(own) else _correlation(pairs, base + _SECTOR)


@njit
def _slice(cross: Float64, crowd: Crowd, member: Bool) -> Slice:
    """Take the minute's inputs of the members, and add them up by sector."""
    n_symbols, n_inputs = cross.shape
    n_sectors = crowd.sector.max() + 1
    values = np.empty((n_inputs, n_symbols))
    n_members = np.zeros(n_inputs, dtype=np.int64)
    total = np.zeros((n_sectors, n_inputs))
    n = np.zeros((n_sectors, n_inputs), dtype=np.int64)
    for s in range(n_symbols):
        sector = crowd.sector[s]
        for k in range(n_inputs):
            value = cross[s, k] if member[s] else math.nan
            values[k, s] = value
            if not math.isnan(value):
                n_members[k] += 1
                if sector >= 0:
                    total[sector, k] += value
                    n[sector, k] += 1
    return Slice(values, n_members, total, n)


@njit
def _reference(cross: Float64, column: int, k: int) -> float:
    """Return input `k` of a reference; NaN where there is none."""
    return float(cross[column, k]) if column >= 0 else math.nan


@njit
def _sector(now: Slice, cross: Float64, crowd: Crowd, s: int, k: int) -> float:
    """Return the sector's input `k` as symbol `s` sees it; NaN where there is nobody."""
    sector, proxy = crowd.sector[s], crowd.proxy[s]
    if sector < 0:
        return math.nan
    if proxy >= 0:
        return float(cross[proxy, k])
    total, n = now.total[sector, k], now.n[sector, k]
    own = now.values[k, s]
    if not math.isnan(own):
        total -= own
        n -= 1
    return float(total / n) if n > 0 else math.nan


@njit
def _standing(now: Slice, s: int, k: int) -> float:
    """Return the rank of `s` among the members in [-1, 1], ties in their middle.

    It counts all symbols, O(symbols) each: below a few hundred of them that beats sorting once.
    """
    values, others = now.values[k], now.n_members[k] - 1
    value = values[s]
    if math.isnan(value) or others < 1:
        return math.nan
    low, high, balance = value - _TIE, value + _TIE, 0
    for i in range(values.shape[0]):
        balance += int(values[i] < low) - int(values[i] > high)
    return float(balance / others)


@njit
def _pair(state: Float64, at: int, own: float, other: float) -> None:
    """Step the EWMAs of a pair; they start at 0, which no ratio of them shows."""
    if math.isnan(own) or math.isnan(other):
        return
    state[at + _N] += 1.0
    state[at + _PRODUCT] += _ALPHA * (own * other - state[at + _PRODUCT])
    state[at + _OTHER] += _ALPHA * (other * other - state[at + _OTHER])
    state[at + _OWN] += _ALPHA * (own * own - state[at + _OWN])


@njit
def _beta(state: Float64, at: int) -> float:
    """Return the pair's beta once it is warm; 0 / 0, where the other never moved, is NaN."""
    if state[at + _N] < WARM_UP:
        return math.nan
    return float(state[at + _PRODUCT] / state[at + _OTHER])


@njit
def _correlation(state: Float64, at: int) -> float:
    """Return the pair's correlation once it is warm; NaN where one of the two never moved."""
    if state[at + _N] < WARM_UP:
        return math.nan
    return float(state[at + _PRODUCT]) / math.sqrt(state[at + _OTHER] * state[at + _OWN])
