"""Fills of the backtest: what the market does with our orders inside one bar (`docs/fills.md`).

The loopback exchange has its own, independent implementation in decimal arithmetic; both are tested against each other.
"""

import datetime as dt
from typing import NamedTuple

import numpy as np

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.jit import njit_flat, plain
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import OrderKind, Reason, is_urgent
from daytrader_ray.engine.book import F8, I8, Book
from daytrader_ray.engine.rounding import round_half_even, whole

EXIT = int(OrderKind.EXIT)
HALT_MINUTES = 5
"""Without a trade for this long up to the close a symbol is taken for halted in the session's last bar."""
URGENT = tuple(int(reason) for reason in Reason if is_urgent(reason))


class Costs(NamedTuple):
    """`CostConfig` of one session as plain arrays: spread table (descending USD ADV, bps) and factor per bar.

    `halt_bars` is HALT_MINUTES.
    """

    min_half_spread: float
    table_adv_usd: F8
    table_bps: F8
    curve: F8
    impact: float
    participation: float
    sec_per_usd: float
    taf_per_share: float
    taf_cap: float
    halt_bars: int


class Bar(NamedTuple):
    """One bar of all symbols `[symbol]`: raw USD prices (NaN: outside the session) and shares.

    Before this bar, `last_close` is the latest close (NaN: none yet) and `quiet` the bars since the last trade.
    """

    open: F8
    high: F8
    low: F8
    volume: F8
    last_close: F8
    quiet: I8


class Liquidity(NamedTuple):
    """What impact and spread are measured against `[symbol]`: `adv` shares, `sigma_day`; NaN where unknown.

    `half_spread_bps` of the symbol itself stands for that of the table (NaN: the table).
    """

    adv: F8
    sigma_day: F8
    half_spread_bps: F8


def costs_of(config: CostConfig, date: dt.date, n_slots: int, bar_minutes: int) -> Costs:
    """Return the costs in force on `date` for a session of `n_slots` bars."""
    table = sorted(config.spread_table, key=lambda step: -step.adv_usd)
    curve = np.ones(n_slots, dtype=np.float64)
    for step in sorted(config.minute_curve, key=lambda step: step.from_minute):
        curve[np.arange(n_slots) * bar_minutes >= step.from_minute] = step.factor
    fees = config.fees_on(date)
    return Costs(
        config.min_half_spread_usd,
        np.array([step.adv_usd for step in table], dtype=np.float64),
        np.array([step.half_spread_bps for step in table], dtype=np.float64),
        curve,
        config.impact_factor,
        config.participation,
        fees.sec_usd_per_million / 1e6,
        fees.taf_usd_per_share,
        fees.taf_cap_usd,
        -(-HALT_MINUTES // bar_minutes),
    )


def liquidity_of(frames: Frames, session: int) -> Liquidity:
    """Return what is known of each symbol before a session."""
    return Liquidity(
        plain(frames.adv[session]),
        plain(frames.sigma_day[session]),
        plain(frames.half_spread_bps[session]),
    )


@njit_flat
def fill_price(
    base: float, side: int, qty: int, volume: float, i: int, slot: int, at: Liquidity, costs: Costs
) -> float:
    """Return the USD price of `qty` shares bought (+1) or sold (-1) around `base`: half-spread plus impact.

    `volume` is what the impact is measured against (shares a day); a symbol without history pays the widest spread of
    the table and no impact.
    """
    bps = costs.table_bps[costs.table_bps.size - 1]
    impact = 0.0
    if np.isfinite(at.adv[i]) and np.isfinite(at.sigma_day[i]):
        for k in range(costs.table_adv_usd.size):
            if at.adv[i] * base >= costs.table_adv_usd[k]:
                bps = costs.table_bps[k]
                break
        impact = base * costs.impact * at.sigma_day[i] * np.sqrt(qty / volume)
    if np.isfinite(at.half_spread_bps[i]):
        bps = at.half_spread_bps[i]
    half_spread = max(costs.min_half_spread, base * bps / 1e4) * costs.curve[slot]
    return max(round_half_even(base + side * (half_spread + impact), 1e4), 1e-4)


@njit_flat
def fill_fee(side: int, qty: int, price: float, costs: Costs) -> float:
    """Return the regulatory fees in USD: SEC and TAF, on sales only, each rounded to cents."""
    if side > 0:
        return 0.0
    sec = round_half_even(price * qty * costs.sec_per_usd, 100.0)
    taf = round_half_even(min(qty * costs.taf_per_share, costs.taf_cap), 100.0)
    return sec + taf


@njit_flat
def impact_volume(i: int, urgent: bool, bar_volume: float, n_slots: int, at: Liquidity) -> float:
    """Return the daily volume that impact is measured against: ADV, for urgent orders this bar's if that is less."""
    if urgent and bar_volume > 0.0:
        return float(min(at.adv[i], bar_volume * n_slots))
    return float(at.adv[i])


@njit_flat
def market_fill(
    i: int, kind: int, side: int, qty: int, reason: int, slot: int, n_slots: int, bar: Bar, at: Liquidity, costs: Costs
) -> tuple[int, float]:
    """Return (filled shares, price) of a market order at the open of bar `slot`; the rest is canceled by the venue."""
    traded = bar.volume[i] > 0.0
    last = slot == n_slots - 1
    if kind == EXIT and last and (traded or bar.quiet[i] + 1 < costs.halt_bars):
        base = bar.open[i] if traded else bar.last_close[i]
        price = fill_price(base, side, qty, impact_volume(i, True, bar.volume[i], n_slots, at), i, slot, at, costs)
        return qty, price
    if not traded:
        return 0, 0.0
    urgent = kind == EXIT and reason in URGENT
    filled = qty if urgent else min(qty, whole(costs.participation * bar.volume[i]))
    if filled < 1:
        return 0, 0.0
    volume = impact_volume(i, urgent, bar.volume[i], n_slots, at)
    return filled, fill_price(bar.open[i], side, filled, volume, i, slot, at, costs)


@njit_flat
def limit_at_open(
    i: int, side: int, qty: int, limit: float, slot: int, bar: Bar, at: Liquidity, costs: Costs
) -> tuple[int, float]:
    """Return (filled shares, price) of a limit at the open of bar `slot`: only if the open is strictly better."""
    if not side * (limit - bar.open[i]) > 0.0:
        return 0, 0.0
    filled = min(qty, whole(costs.participation * bar.volume[i]))
    if filled < 1:
        return 0, 0.0
    price = fill_price(bar.open[i], side, filled, at.adv[i], i, slot, at, costs)
    return filled, side * min(side * price, side * limit)


@njit_flat
def limit_inside(i: int, side: int, qty: int, limit: float, bar: Bar, costs: Costs) -> int:
    """Return the filled shares of a limit inside a bar, at the limit: only if the bar trades through it."""
    through = bar.low[i] < limit if side > 0 else bar.high[i] > limit
    return min(qty, whole(costs.participation * bar.volume[i])) if through else 0


@njit_flat
def is_stop_reached(book: Book, i: int, bar: Bar) -> bool:
    """Return whether the bar's range reaches a resting stop; without a branch, as it seldom does."""
    stop, qty = book.stop_price[i], book.qty[i]
    reached = ((qty > 0) & (bar.low[i] <= stop)) | ((qty < 0) & (bar.high[i] >= stop))
    return bool(reached & (book.stop_live[i] != 0))


@njit_flat
def stop_fill(book: Book, i: int, slot: int, n_slots: int, bar: Bar, at: Liquidity, costs: Costs) -> float:
    """Return the price at which symbol `i`'s resting stop fills inside bar `slot`, 0 if it is not hit."""
    if bar.volume[i] <= 0.0:
        return 0.0
    stop = book.stop_price[i]
    if book.qty[i] > 0:
        if bar.low[i] > stop:
            return 0.0
        base = min(bar.open[i], stop)
    else:
        if bar.high[i] < stop:
            return 0.0
        base = max(bar.open[i], stop)
    side = -1 if book.qty[i] > 0 else 1
    qty = abs(book.qty[i])
    return fill_price(base, side, qty, impact_volume(i, True, bar.volume[i], n_slots, at), i, slot, at, costs)
