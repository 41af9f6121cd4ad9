"""What a fill costs: the numbers that both matchers read (`docs/fills.md` has the formulas)."""

import datetime as dt
from collections.abc import Collection
from typing import Literal

from pydantic import Field

from daytrader_ray.domain.config import Config


class SpreadStep(Config):
    """Half-spread of symbols whose average daily dollar volume is at least `adv_usd`."""

    adv_usd: float
    half_spread_bps: float


class CurveStep(Config):
    """Multiplier of the half-spread from minute `from_minute` of the session on."""

    from_minute: int
    factor: float


class FeeSchedule(Config):
    """Regulatory fees on sales in force from a date (SEC Section 31; FINRA Trading Activity Fee)."""

    from_date: dt.date
    sec_usd_per_million: float
    taf_usd_per_share: float
    taf_cap_usd: float


def _fee(date: str, sec: float, taf: float, cap: float) -> FeeSchedule:
    return FeeSchedule(
        from_date=dt.date.fromisoformat(date),
        sec_usd_per_million=sec,
        taf_usd_per_share=taf,
        taf_cap_usd=cap,
    )


class CostConfig(Config):
    """Spread, market impact, participation and fees.

    Impact is the square-root law of Torre (1997) and Toth et al. (2011): `impact_factor * sigma_day * sqrt(q / ADV)`.
    Fees are dated public facts, gathered from the agencies' notices by hand: check them against your broker's schedule.
    They begin in April 2019; the SEC's rate moved several times in the years before, and a run there says so.
    """

    spread: Literal["table", "estimated", "quoted"] = Field(
        default="table",
        description="half-spreads of backtests: the table, or of the 20 sessions before from bars or stored quotes; "
        "what these do not tell is in the table; the built-in exchange knows the table alone",
    )
    min_half_spread_usd: float = Field(default=0.005, ge=0)
    spread_table: tuple[SpreadStep, ...] = (
        SpreadStep(adv_usd=1e9, half_spread_bps=0.5),
        SpreadStep(adv_usd=2e8, half_spread_bps=1.0),
        SpreadStep(adv_usd=5e7, half_spread_bps=2.0),
        SpreadStep(adv_usd=0.0, half_spread_bps=5.0),
    )
    minute_curve: tuple[CurveStep, ...] = (
        CurveStep(from_minute=0, factor=2.0),
        CurveStep(from_minute=5, factor=1.5),
        CurveStep(from_minute=15, factor=1.25),
        CurveStep(from_minute=30, factor=1.0),
    )
    impact_factor: float = Field(default=0.5, ge=0)
    participation: float = Field(default=0.05, gt=0, le=1)
    fees: tuple[FeeSchedule, ...] = (
        _fee("2019-04-16", 20.70, 0.000119, 5.95),
        _fee("2020-02-18", 22.10, 0.000119, 5.95),
        _fee("2021-02-25", 5.10, 0.000119, 5.95),
        _fee("2022-01-01", 5.10, 0.000130, 6.49),
        _fee("2022-05-14", 22.90, 0.000130, 6.49),
        _fee("2023-01-01", 22.90, 0.000145, 7.27),
        _fee("2023-02-27", 8.00, 0.000145, 7.27),
        _fee("2024-01-01", 8.00, 0.000166, 8.30),
        _fee("2024-05-22", 27.80, 0.000166, 8.30),
        _fee("2025-05-14", 0.00, 0.000166, 8.30),
        _fee("2026-01-01", 0.00, 0.000195, 9.79),
        _fee("2026-04-04", 20.60, 0.000195, 9.79),
    )

    def fees_on(self, date: dt.date) -> FeeSchedule:
        """Return the schedule in force on `date`; the first one before its own start."""
        ordered = sorted(self.fees, key=lambda schedule: schedule.from_date)
        known = [schedule for schedule in ordered if schedule.from_date <= date]
        return known[-1] if known else ordered[0]

    def unsure_of(self, dates: Collection[dt.date]) -> str:
        """Return in a sentence on how many of `dates` the fees are not known; empty on none."""
        first = min(schedule.from_date for schedule in self.fees)
        early = sum(date < first for date in dates)
        told = f"On {early} of the {len(dates)} sessions fees are those of {first}: earlier ones are not in costs.fees."
        return told if early else ""
