"""Events: how far the calendar's next one is, and how long ago its last one was (`features.events`)."""

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Bar, Float32
from daytrader_ray.features.registry import Feature

_NAN = "no such event is known"
FEATURES = (
    Feature(
        "events.minutes_to", "minutes from the end of the bar to the next event that is known by then", 1, "definition",
        ("events",), _NAN,
    ),
    Feature(
        "events.minutes_since", "minutes from the last event to the end of the bar", 1, "definition", ("events",), _NAN
    ),
)  # fmt: skip
STATE = 0


@njit
def step(bar: Bar, out: Float32, first: int) -> None:
    """Write both as they come, by the wall clock: nights and weekends count."""
    out[first] = bar.minutes_to
    out[first + 1] = bar.minutes_since
