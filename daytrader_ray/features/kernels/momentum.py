"""Momentum: RSI, MACD, rate of change and Williams %R, in the units of their authors except MACD (in prices)."""

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64
from daytrader_ray.features.kernels import past, sliding
from daytrader_ray.features.registry import Feature, ema_memory, wilder_memory

_MACD = ema_memory(26) + 31  # where a seed weighs 1e-8: the difference of two averages is small against them
_RSI = wilder_memory(14) + 63  # where a seed weighs 1e-9: in a flat half hour the averages shrink to a tenth with it
FEATURES = (
    Feature(
        "momentum.rsi_14",
        "100 G / (G + L), G and L Wilder(14) of rises and falls of C",
        _RSI,
        "Wilder 1978",
    ),
    Feature("momentum.macd_line", "(EMA12 - EMA26) / C", _MACD, "Appel 1979"),
    Feature("momentum.macd_signal", "EMA9 of EMA12 - EMA26, / C", _MACD + ema_memory(9), "Appel 1979"),
    Feature("momentum.macd_histogram", "MACD line - signal", _MACD + ema_memory(9), "Appel 1979"),
    Feature("momentum.roc_10", "C / C_t-10 - 1", 11, "common use"),
    Feature("momentum.roc_30", "C / C_t-30 - 1", 31, "common use"),
    Feature("momentum.williams_r_14", "-100 (max H - C) / (max H - min L) over 14 bars", 14, "Williams 1973"),
    Feature("momentum.ema_strength_12_26", "EMA12 / EMA26 - 1", _MACD, "common use"),
)
GAIN, LOSS, EMA_12, EMA_26, SIGNAL = 0, 1, 2, 3, 4
_HIGHS = 5
_LOWS = _HIGHS + sliding.size(14)
STATE = _LOWS + sliding.size(14)


def start(state: Float64, base: int) -> None:
    """Write what is not 0 before the first bar, `[symbol, N_STATE]`: empty windows of extremes."""
    for window in (_HIGHS, _LOWS):
        state[:, base + window + sliding.VALUE : base + window + sliding.size(14)] = sliding.NOTHING


@njit
def step(state: Float64, base: int, bar: Bar, out: Float32, first: int) -> None:
    """Step RSI, MACD, ROC and %R; a flat market gives RSI 50 and %R -50."""
    close = bar.close
    inverse = state[past.INVERSE]
    if state[past.BARS] == 1.0:
        state[base + EMA_12] = close
        state[base + EMA_26] = close
    else:
        change = close - state[past.PREVIOUS]
        state[base + GAIN] += (max(change, 0.0) - state[base + GAIN]) * (1.0 / 14.0)
        state[base + LOSS] += (max(-change, 0.0) - state[base + LOSS]) * (1.0 / 14.0)
    moved = state[base + GAIN] + state[base + LOSS]
    out[first] = 100.0 * state[base + GAIN] / moved if moved > 1e-12 * close else 50.0

    ema_12 = state[base + EMA_12] + (close - state[base + EMA_12]) * (2.0 / 13.0)
    ema_26 = state[base + EMA_26] + (close - state[base + EMA_26]) * (2.0 / 27.0)
    state[base + EMA_12] = ema_12
    state[base + EMA_26] = ema_26
    line = ema_12 - ema_26
    signal = state[base + SIGNAL] + (line - state[base + SIGNAL]) * 0.2
    state[base + SIGNAL] = signal
    out[first + 1] = line * inverse
    out[first + 2] = signal * inverse
    out[first + 3] = (line - signal) * inverse
    out[first + 7] = line / ema_26

    out[first + 4] = close / past.close_before(state, 10) - 1.0
    out[first + 5] = close / past.close_before(state, 30) - 1.0

    high = sliding.highest(state, base + _HIGHS, 14, bar.high)
    low = -sliding.highest(state, base + _LOWS, 14, -bar.low)
    out[first + 6] = -100.0 * (high - close) / (high - low) if high - low > 1e-12 * close else -50.0
