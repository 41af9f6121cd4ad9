"""Time: where in the session and in the week the bar stands."""

import math

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Float32, Minute
from daytrader_ray.features.registry import Feature

FEATURES = (
    Feature("time.minute_sin", "sin(2 pi minute / 390)", 1, "definition"),
    Feature("time.minute_cos", "cos(2 pi minute / 390)", 1, "definition"),
    Feature("time.to_close", "bars after this one / bars of the session", 1, "definition"),
    Feature("time.weekday", "day of week, Monday 0 to Friday 1", 1, "definition"),
    Feature("time.first_hour", "1 in the first 60 minutes, else 0", 1, "definition"),
    Feature("time.last_hour", "1 in the last 60 minutes, else 0", 1, "definition"),
    Feature("time.half_day", "1 in a session shorter than 390 minutes, else 0", 1, "definition"),
)
STATE = 0
_FULL_SESSION = 390
_ANGLES = 2.0 * math.pi * np.arange(_FULL_SESSION) / _FULL_SESSION
_SIN, _COS = np.sin(_ANGLES).astype(np.float32), np.cos(_ANGLES).astype(np.float32)


@njit
def step(minute: Minute, out: Float32, first: int) -> None:
    """Write the clock; the angle is of a full session, so that a half-day's morning looks like every morning."""
    start = minute.slot * minute.bar_minutes
    left = minute.n_slots - minute.slot
    out[first] = _SIN[start % _FULL_SESSION]
    out[first + 1] = _COS[start % _FULL_SESSION]
    out[first + 2] = (left - 1.0) / minute.n_slots
    out[first + 3] = minute.weekday * 0.25
    out[first + 4] = 1.0 if start < 60 else 0.0
    out[first + 5] = 1.0 if left * minute.bar_minutes <= 60 else 0.0
    out[first + 6] = 1.0 if minute.n_slots * minute.bar_minutes < _FULL_SESSION else 0.0
