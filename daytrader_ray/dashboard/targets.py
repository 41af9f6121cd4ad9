"""The three tables of what was hoped for, with met or missed beside each."""

import math
from collections.abc import Mapping
from html import escape

from daytrader_ray.analytics.measure import Estimate
from daytrader_ray.analytics.targets import BEYOND, MET, MISSED, TABLES, Target
from daytrader_ray.analytics.verdict import MIN_DAYS
from daytrader_ray.dashboard.markup import section, table, written
from daytrader_ray.dashboard.metrics import BY_KEY

Measured = Mapping[str, Estimate]

TONES = {MET: "up", BEYOND: "up", MISSED: "down"}


def targets_section(measured: Measured, days: int) -> str:
    """Return the three tables of what was hoped for, with met or missed beside each; pale where `days` are few."""
    short = days < MIN_DAYS
    heads = ("Figure", "Wanted", "Found", "")
    tables = "".join(
        f"<div><h3>{escape(name)}</h3>{table(heads, (_target(one, measured, short) for one in wanted))}</div>"
        for name, wanted in TABLES.items()
    )
    doubt = f" Fewer than {MIN_DAYS} days: met and missed mean nothing yet." if short else ""
    return section(
        "Hoped for and found",
        "Metrics a trader asks for, benchmarks of comparable systems, and what was expected of this one. The drawdown "
        f"is the one at bar closes. Better than hoped is a reason to look twice.{doubt}",
        f"<div class='three'>{tables}</div>",
    )


NAMES = {
    "annual_return": "Return a year",
    "sharpe": "Sharpe",
    "intraday_drawdown": "Drawdown",
    "calmar": "Calmar",
    "win_rate": "Winning",
    "profit_factor": "Profit factor",
    "average_minutes": "Minutes held",
    "trades_a_day": "Trades a day",
}
"""Short names of what has a target."""

FRACTIONS = {"annual_return", "intraday_drawdown", "win_rate"}


def _target(target: Target, measured: Measured, short: bool) -> tuple[str, ...]:
    found = measured[target.key]
    said = target.judged(found)
    tone = "muted" if short else TONES.get(said, "muted")
    return (
        escape(NAMES[target.key]),
        escape(_range(target)),
        written(found.value, BY_KEY[target.key].form),
        f"<span class='mark {tone}'>{escape(said)}</span>",
    )


def _range(target: Target) -> str:
    times, unit = (100, " %") if target.key in FRACTIONS else (1, "")
    low, high = (f"{times * end:g}" for end in (target.low, target.high))
    if math.isinf(target.high) or (target.good > 0 and target.high == 1.0):
        return f"over {low}{unit}"
    return f"under {high}{unit}" if target.low == 0 else f"{low} to {high}{unit}"
