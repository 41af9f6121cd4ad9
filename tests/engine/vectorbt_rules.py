"""The rules that vectorbt can express, told to it and to the kernel.

A bar is two rows for it, because its order of events has no place for an exit at the open before a stop inside the bar:
a row of the open alone, where orders fill, and one of the whole bar, where stops are hit. What it can express: entries
from a threshold on at the next open, of one size, longs and shorts, a stop, exits by time, by signal and before the
close, a proportional cost.
"""

import datetime as dt

import numba
import numpy as np
import numpy.typing as npt
from vectorbt.portfolio.enums import SignalContext

from daytrader_ray.domain.costs import CostConfig, CurveStep, FeeSchedule, SpreadStep
from daytrader_ray.engine.config import KernelConfig

Float64 = npt.NDArray[np.float64]

N_SLOTS, SHARES, THRESHOLD, BPS = 390, 100, 0.5, 3.0
TIME_EXIT, MIN_HOLD, FLAT = 40, 15, 5
COSTS = CostConfig(
    min_half_spread_usd=0.0,
    spread_table=(SpreadStep(adv_usd=0.0, half_spread_bps=BPS),),
    minute_curve=(CurveStep(from_minute=0, factor=1.0),),
    impact_factor=0.0,
    fees=(FeeSchedule(from_date=dt.date(2020, 1, 1), sec_usd_per_million=0, taf_usd_per_share=0, taf_cap_usd=0),),
)
KERNEL = KernelConfig(
    max_position=1.0, max_sector=4.0, max_gross=4.0, max_net=4.0, max_beta=4.0, buying_power=4.0,
    sizing="confidence", orders="market", max_daily_loss=0.99, flat_minutes=FLAT, min_hold_minutes=MIN_HOLD,
    time_exit_minutes=TIME_EXIT, cooldown_minutes=0, max_trades_per_symbol=N_SLOTS,
)  # fmt: skip
"""What vectorbt lacks is switched off."""


@numba.njit  # type: ignore[untyped-decorator]  # numba has no types
def rules(c: SignalContext, signal: Float64, entered: npt.NDArray[np.int64]) -> tuple[bool, bool, bool, bool]:
    """Long entry, long exit, short entry, short exit at a row: those of the last close, at the row of an open."""
    t = c.i // 2 - 1
    if c.i % 2 == 1 or t < 0:
        return False, False, False, False
    now, slot = signal[t, c.col], t % N_SLOTS
    side = 1 if c.position_now > 0 else -1
    if c.position_now != 0:
        age = t - entered[c.col] + 1
        out = slot >= N_SLOTS - 1 - FLAT or age >= TIME_EXIT or side * now <= -THRESHOLD
        out = out or (side * now < 0.25 * THRESHOLD and age >= MIN_HOLD)
        return False, out and side > 0, False, out and side < 0
    enter = abs(now) >= THRESHOLD and slot + 1 < N_SLOTS - 1 - FLAT
    if enter:
        entered[c.col] = t + 1
    return enter and now > 0, False, enter and now < 0, False
