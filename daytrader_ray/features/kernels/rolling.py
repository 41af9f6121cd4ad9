"""Rolling: the first four moments of returns."""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Float32, Float64, Minute
from daytrader_ray.features.kernels import past
from daytrader_ray.features.registry import Feature

_FEW = "fewer than 4 bars in the window (of 5 minutes over 15)"


def _features(n: int) -> tuple[Feature, ...]:
    over = f"of r over {n} minutes"
    formulas = {
        "mean": f"mean {over}",
        "std": f"standard deviation {over}, ddof 1",
        "skew": f"m3 / m2^1.5 {over}, m_k the central moments",
        "kurtosis": f"m4 / m2^2 - 3 {over}, m_k the central moments",
    }
    return tuple(
        Feature(f"rolling.{name}_{n}", formula, n, "definition", nan=_FEW, in_minutes=True)
        for name, formula in formulas.items()
    )


FEATURES = (*_features(15), *_features(30), *_features(60))
STATE = 0
_FLAT = 1e-4


@njit
def step(state: Float64, minute: Minute, out: Float32, first: int) -> None:
    """Write the moments over 15, 30 and 60 minutes."""
    _moments(state, past.SUMS_15, past.bars_of(15, minute.bar_minutes), out, first)
    _moments(state, past.SUMS_30, past.bars_of(30, minute.bar_minutes), out, first + 4)
    _moments(state, past.SUMS_60, past.bars_of(60, minute.bar_minutes), out, first + 8)


@njit
def _moments(state: Float64, sums: int, n: int, out: Float32, first: int) -> None:
    """Write the moments from the sums of r to r^4.

    NaN over fewer than four bars: the kurtosis of three is always -1.5. Sums about 0 are exact enough, because r
    scatters about 0: only where it varies by less than a hundredth of its size would the third and fourth moments drown
    in rounding; they are 0 there.
    """
    if n < 4:
        out[first : first + 4] = math.nan
        return
    one_over = 1.0 / n
    mean, mean_2 = state[sums] * one_over, state[sums + 1] * one_over
    mean_3, mean_4 = state[sums + 2] * one_over, state[sums + 3] * one_over
    square = mean * mean
    m_2 = max(mean_2 - square, 0.0)
    out[first] = mean
    out[first + 1] = math.sqrt(m_2 * (n / (n - 1.0)))
    if m_2 <= _FLAT * mean_2:
        out[first + 2] = 0.0
        out[first + 3] = 0.0
        return
    m_3 = mean_3 - 3.0 * mean * mean_2 + 2.0 * mean * square
    m_4 = mean_4 - 4.0 * mean * mean_3 + 6.0 * square * mean_2 - 3.0 * square * square
    one_over = 1.0 / m_2
    out[first + 2] = m_3 * one_over * math.sqrt(one_over)
    out[first + 3] = m_4 * one_over * one_over - 3.0
