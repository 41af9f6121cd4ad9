"""Time: where in the session and in the week the bar stands."""

import math

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Float32, Minute
from daytrader_ray.features.registry import Feature

FEATURES = (
    Feature("time.minute_sin", "sin(2 pi minute / 390)", 1, "definition"),
    Feature("time.minute_cos", "cos(2 pi minute / 390)", 1, "definition"),
    Feature("time.to_close", "bars after this one / bars of the session", 1, "definition"),
    Feature("time.weekday", "day of week, Monday 0 to Friday 1", 1, "definition"),
)
STATE = 0
_FULL_SESSION = 390.0


@njit
def step(minute: Minute, out: Float32, first: int) -> None:
    """Write the clock; the angle is of a full session, so that a half-day's morning looks like every morning."""
    angle = 2.0 * math.pi * (minute.slot * minute.bar_minutes) / _FULL_SESSION
    out[first] = math.sin(angle)
    out[first + 1] = math.cos(angle)
    out[first + 2] = (minute.n_slots - 1 - minute.slot) / minute.n_slots
    out[first + 3] = minute.weekday / 4.0
