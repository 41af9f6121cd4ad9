"""Three tables of what was hoped for, and whether it was met."""

import math
from dataclasses import dataclass

from daytrader_ray.analytics.measure import Estimate

MET, MISSED, BEYOND, UNKNOWN = "met", "missed", "better", "unknown"


@dataclass(frozen=True)
class Target:
    """The metric `key` is wanted between `low` and `high`.

    `good` says where it is better still: +1 above the range, -1 below it, 0 nowhere.
    """

    key: str
    low: float
    high: float
    good: int

    def judged(self, measured: Estimate) -> str:
        """Return MET, MISSED, BEYOND (outside the range, on its good side: look twice) or UNKNOWN.

        >>> Target("sharpe", 1.5, 3.0, 1).judged(Estimate(4.0))
        'better'
        """
        value = measured.value
        if math.isnan(value):
            return UNKNOWN
        if self.low <= value <= self.high:
            return MET
        return BEYOND if self.good * (value - self.low) > 0 else MISSED


TABLES: dict[str, tuple[Target, ...]] = {
    "Metrics": (
        Target("sharpe", 2.0, math.inf, 1),
        Target("intraday_drawdown", 0.0, 0.15, -1),
        Target("calmar", 1.0, math.inf, 1),
        Target("win_rate", 0.55, 1.0, 1),
        Target("profit_factor", 1.3, math.inf, 1),
    ),
    "Benchmarks": (
        Target("annual_return", 0.25, 0.50, 1),
        Target("sharpe", 1.5, 3.0, 1),
        Target("intraday_drawdown", 0.10, 0.20, -1),
        Target("win_rate", 0.52, 0.58, 1),
        Target("trades_a_day", 100.0, 300.0, 0),
    ),
    "Expectations": (
        Target("annual_return", 0.30, 0.60, 1),
        Target("sharpe", 2.0, 3.5, 1),
        Target("intraday_drawdown", 0.08, 0.15, -1),
        Target("win_rate", 0.54, 0.62, 1),
        Target("average_minutes", 15.0, 120.0, 0),
        Target("trades_a_day", 150.0, 300.0, 0),
    ),
}
"""What a trader asks of the metrics, what comparable systems show, and what this one was hoped to show."""
