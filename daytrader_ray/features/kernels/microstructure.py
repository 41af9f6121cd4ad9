"""Microstructure: what quotes and trades of the minute say where the store has them, and estimates from bars alone.

Quotes and trades: a minute without them gives NaN and `has_quotes` or `has_trades` 0, never a zero that looks like a
value; the means they are measured by stand still meanwhile. Sizes and flow are in adjusted shares.

The estimates run over the last 30 minutes of bars, across sessions. The night is taken out of a pair of bars: the last
bar before it is moved by the gap, so that it closes at the session's open. A flat window gives 0 for both spreads and
for Amihud's ratio; a bar without a change of price counts as half bought, half sold. They are features and no costs: on
one-minute bars they measure volatility more than spread.
"""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32, Float64, Minute
from daytrader_ray.features.kernels import past, sliding
from daytrader_ray.features.registry import Feature, ema_memory

SPAN = 60
WARM_UP = ema_memory(SPAN)
_QUOTES, _TRADES = ("quotes",), ("trades",)
_NO_QUOTES, _NO_TRADES = "no quotes in the minute", "no trades in the minute"
_FEW = f"or in fewer than {WARM_UP} of the symbol's minutes so far"
FEATURES = (
    Feature(
        "microstructure.spread_bps", "quoted spread / mid, bps, mean over time", 1, "quote bars", _QUOTES, _NO_QUOTES
    ),
    Feature(
        "microstructure.depth_imbalance",
        "(bid size - ask size) / (bid size + ask size), mean over time",
        1,
        "quote bars",
        _QUOTES,
        _NO_QUOTES,
    ),
    Feature(
        "microstructure.order_flow_imbalance",
        "e / EWMA(|e|), span 60 bars with quotes, e the order flow imbalance in shares",
        WARM_UP,
        "Cont, Kukanov & Stoikov 2014",
        _QUOTES,
        f"{_NO_QUOTES}, {_FEW}",
    ),
    Feature("microstructure.has_quotes", "1 in a minute with quotes, else 0", 1, "definition", _QUOTES),
    Feature(
        "microstructure.tick_imbalance",
        "(volume on upticks - on downticks) / volume",
        1,
        "Lee & Ready 1991",
        _TRADES,
        _NO_TRADES,
    ),
    Feature(
        "microstructure.trade_count",
        "trades / EWMA(trades), span 60 bars with trades",
        WARM_UP,
        "definition",
        _TRADES,
        f"{_NO_TRADES}, {_FEW}",
    ),
    Feature(
        "microstructure.mean_trade_size",
        "shares a trade / EWMA(shares a trade), span 60 bars with trades",
        WARM_UP,
        "definition",
        _TRADES,
        f"{_NO_TRADES}, {_FEW}",
    ),
    Feature("microstructure.has_trades", "1 in a minute with trades, else 0", 1, "definition", _TRADES),
    Feature(
        "microstructure.corwin_schultz",
        "mean over 30 pairs of bars of max(0, 2 (e^a - 1) / (e^a + 1)), a from the ranges of one and of two bars",
        31,
        "Corwin & Schultz 2012",
        in_minutes=True,
    ),
    Feature(
        "microstructure.abdi_ranaldo",
        "mean over 30 pairs of bars of sqrt(max(0, 4 (c - m) (c - m'))), c = ln C, m = mid-range in logs, ' the next",
        31,
        "Abdi & Ranaldo 2017, two-day corrected",
        in_minutes=True,
    ),
    Feature(
        "microstructure.amihud",
        "mean of |r| / (V / expected V) over those of 30 minutes with volume",
        30,
        "Amihud 2002, volume for USD",
        nan="no bar of the window has traded and an expected volume",
        in_minutes=True,
    ),
    Feature(
        "microstructure.bulk_volume_imbalance",
        "sum V (2 Z(r / sd) - 1) / sum V over 30 minutes, Z the normal distribution, sd^2 the mean r^2 of its 30",
        59,
        "Easley, Lopez de Prado & O'Hara 2012",
        nan="no volume in the window",
        in_minutes=True,
    ),
)
_FLOW, _COUNT, _SIZE = 0, 2, 4  # each the minutes that had a value, and its EWMA
_TOP, _BOTTOM = 6, 7  # ln(H / C) and ln(L / C) of the bar before
_LANES = 6
_WINDOW = 8
_VALUE = _WINDOW + sliding.VALUE
_CS, _AR, _ILLIQUID, _PRICED, _SIGNED, _VOLUME = range(_VALUE, _VALUE + _LANES)
_SUM = _LANES
STATE = _WINDOW + sliding.size(30, _LANES)
_ALPHA = 2.0 / (SPAN + 1.0)
_STEEP = 0.5 * (1.0 + math.sqrt(2.0))


@njit
def step(state: Float64, base: int, minute: Minute, bar: Bar, out: Float32, first: int) -> None:
    """Step both: what quotes and trades say of the minute, and the estimates from bars."""
    _ticks(state, base, bar, out, first)
    _estimates(state, base, past.bars_of(30, minute.bar_minutes), bar, out, first + 8)


@njit
def _ticks(state: Float64, base: int, bar: Bar, out: Float32, first: int) -> None:
    out[first] = bar.spread_bps
    out[first + 1] = bar.depth_imbalance
    out[first + 2] = _relative(state, base + _FLOW, bar.order_flow)
    out[first + 3] = 0.0 if math.isnan(bar.spread_bps) else 1.0
    out[first + 4] = bar.tick_imbalance
    out[first + 5] = _relative(state, base + _COUNT, bar.trades)
    out[first + 6] = _relative(state, base + _SIZE, bar.mean_size)
    out[first + 7] = 0.0 if math.isnan(bar.trades) else 1.0


@njit
def _relative(state: Float64, at: int, value: float) -> float:
    """Return `value` in units of the EWMA of its size, this minute included; 0 where it has always been 0."""
    if math.isnan(value):
        return math.nan
    state[at] += 1.0
    state[at + 1] += _ALPHA * (abs(value) - state[at + 1])
    if state[at] < WARM_UP:
        return math.nan
    return value / state[at + 1] if value != 0.0 else 0.0


@njit
def _estimates(state: Float64, base: int, length: int, bar: Bar, out: Float32, first: int) -> None:
    """Step the sums over the last `length` bars and write what they estimate.

    Both spreads compare two bars as they stand to the close between them. With x the sum of their squared ranges and y
    the squared range of both together, Corwin and Schultz's a = (sqrt(2 x) - sqrt(x)) / (3 - 2 sqrt 2) - sqrt(y / (3 -
    2 sqrt 2)) is (1 + sqrt 2) (sqrt(x) - sqrt(y)), and 2 (e^a - 1) / (e^a + 1) is 2 tanh(a / 2).
    """
    r = state[past.RETURN]
    top, bottom = state[base + _TOP], state[base + _BOTTOM]
    state[base + _TOP] = math.log(bar.high / bar.close)
    state[base + _BOTTOM] = state[base + _TOP] - state[past.HEIGHT]
    high, low = r + state[base + _TOP], r + state[base + _BOTTOM]

    apart = math.sqrt((top - bottom) * (top - bottom) + state[past.HEIGHT] * state[past.HEIGHT])
    state[base + _CS] = 2.0 * math.tanh(_STEEP * max(apart - (max(top, high) - min(bottom, low)), 0.0))
    state[base + _AR] = math.sqrt(max((top + bottom) * (high + low), 0.0))
    priced = bar.volume > 0.0 and bar.expected_volume > 0.0
    state[base + _ILLIQUID] = abs(r) * bar.expected_volume / bar.volume if priced else 0.0
    state[base + _PRICED] = 1.0 if priced else 0.0
    side = math.erf(r * math.sqrt(0.5 * length / state[past.SUMS_30 + 1])) if r != 0.0 else 0.0
    state[base + _SIGNED] = bar.volume * side
    state[base + _VOLUME] = bar.volume
    sliding.totals(state, base + _WINDOW, length, _LANES)

    one_over = 1.0 / length
    out[first] = state[base + _CS + _SUM] * one_over
    out[first + 1] = state[base + _AR + _SUM] * one_over
    out[first + 2] = state[base + _ILLIQUID + _SUM] / state[base + _PRICED + _SUM]
    out[first + 3] = state[base + _SIGNED + _SUM] / state[base + _VOLUME + _SUM]
