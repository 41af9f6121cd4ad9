"""Trend: how far the price stands from its averages, on the symbol's bars and on completed 5- and 15-minute ones."""

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Float32, Float64, Minute
from daytrader_ray.features.kernels import past, sliding
from daytrader_ray.features.registry import Feature, ema_memory

_SPANS = (5, 10, 20, 50)


def _features(minutes: int) -> tuple[Feature, ...]:
    """Return the nine features of one timeframe; the symbol's own bars are those of 1 minute."""
    suffix, of = ("", "") if minutes == 1 else (f"_{minutes}m", f", of completed {minutes}-minute aggregates")

    def feature(name: str, formula: str, lookback: int) -> Feature:
        return Feature(f"trend.{name}{suffix}", formula + of, lookback * minutes, "common use", in_minutes=minutes > 1)

    return (
        *(feature(f"sma_{n}", f"C / SMA{n} - 1", n) for n in _SPANS),
        *(feature(f"ema_{n}", f"C / EMA{n} - 1", ema_memory(n)) for n in _SPANS),
        feature("slope_20", "SMA20 / SMA20 one bar before - 1", 21),
    )


FEATURES = (*_features(1), *_features(5), *_features(15))
_N = 9

_COUNT, _BUCKET, _SMA_20, _EMAS, _VALUES = 0, 1, 2, 3, 7
_SUM_5 = _VALUES + _N
_SUM_10 = _SUM_5 + sliding.size(5)
_SUM_20 = _SUM_10 + sliding.size(10)
_SUM_50 = _SUM_20 + sliding.size(20)
_FRAME = _SUM_50 + sliding.size(50)
STATE = 3 * _FRAME


@njit
def step(state: Float64, base: int, minute: Minute, out: Float32, first: int) -> None:
    """Step the averages of the three timeframes; those of an aggregate stand until the next one is complete."""
    close = state[past.CLOSE]
    _average(state, base, close)
    start = minute.slot * minute.bar_minutes
    for frame in range(1, 3):
        length = 5 if frame == 1 else 15
        at = base + frame * _FRAME
        bucket = start // length + 1.0  # 0 is none
        if state[at + _BUCKET] != 0.0 and (state[past.FIRST] == 1.0 or bucket != state[at + _BUCKET]):
            _average(state, at, state[past.PREVIOUS])
        state[at + _BUCKET] = bucket
        if start + minute.bar_minutes == bucket * length:
            _average(state, at, close)
            state[at + _BUCKET] = 0.0
    for frame in range(3):
        for k in range(_N):
            out[first + frame * _N + k] = state[base + frame * _FRAME + _VALUES + k]


@njit
def _average(state: Float64, at: int, close: float) -> None:
    """Take the close of a timeframe's bar into its averages."""
    if state[at + _COUNT] == 0.0:
        state[at + _COUNT] = 1.0
        for k in range(4):
            state[at + _EMAS + k] = close
    sma_20 = sliding.total(state, at + _SUM_20, 20, close) * (1.0 / 20.0)
    state[at + _VALUES] = close / (sliding.total(state, at + _SUM_5, 5, close) * (1.0 / 5.0)) - 1.0
    state[at + _VALUES + 1] = close / (sliding.total(state, at + _SUM_10, 10, close) * (1.0 / 10.0)) - 1.0
    state[at + _VALUES + 2] = close / sma_20 - 1.0
    state[at + _VALUES + 3] = close / (sliding.total(state, at + _SUM_50, 50, close) * (1.0 / 50.0)) - 1.0
    ema_5 = state[at + _EMAS] + (close - state[at + _EMAS]) * (2.0 / 6.0)
    ema_10 = state[at + _EMAS + 1] + (close - state[at + _EMAS + 1]) * (2.0 / 11.0)
    ema_20 = state[at + _EMAS + 2] + (close - state[at + _EMAS + 2]) * (2.0 / 21.0)
    ema_50 = state[at + _EMAS + 3] + (close - state[at + _EMAS + 3]) * (2.0 / 51.0)
    state[at + _EMAS] = ema_5
    state[at + _EMAS + 1] = ema_10
    state[at + _EMAS + 2] = ema_20
    state[at + _EMAS + 3] = ema_50
    state[at + _VALUES + 4] = close / ema_5 - 1.0
    state[at + _VALUES + 5] = close / ema_10 - 1.0
    state[at + _VALUES + 6] = close / ema_20 - 1.0
    state[at + _VALUES + 7] = close / ema_50 - 1.0
    state[at + _VALUES + 8] = sma_20 / state[at + _SMA_20] - 1.0
    state[at + _SMA_20] = sma_20
