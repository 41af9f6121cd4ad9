"""The rule about entries near events, as a factor of their size."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.engine.config import EventRule

Float64 = npt.NDArray[np.float64]


def entry_scale(rule: EventRule, minutes: Float64) -> Float64:
    """Return what an entry decided at each time is sized by `[n]`: `rule.size` near an event, else 1.

    `minutes` `[n, 2]` are those to the next event and since the last one, NaN for none (`features.events`).
    """
    to, since = minutes[:, 0], minutes[:, 1]
    return np.where((to <= rule.minutes_before) | (since < rule.minutes_after), rule.size, 1.0)
