"""When members score: at fixed bars of every session, the same in search, backtest, rehearsal and live.

Bar `slot` is scored where `(slot + 1) % every == 0`, `every` in bars. In between the signal holds: stops, exits, time
rules and risk run at every bar on it, and nothing is opened (`docs/fills.md`).
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import ConfigError

Cadence = Literal[1, 2, 3, 5, 6, 10, 15, 30]
"""Minutes between two scores: the parts of a round of weights that learn while trading, which starts on a score."""


def bars_between(score_every_minutes: int, bar_minutes: int) -> int:
    """Return every how many bars members score; 1 minute stands for every bar, however long it is.

    >>> bars_between(5, 1), bars_between(5, 5), bars_between(1, 5)
    (5, 1, 1)
    """
    if score_every_minutes == 1:
        return 1
    if score_every_minutes % bar_minutes:
        raise ConfigError(
            f"search.score_every_minutes is {score_every_minutes}: expected a multiple of the bars' {bar_minutes} "
            "minutes",
            "set it to 1: members then score at every bar",
        )
    return score_every_minutes // bar_minutes


def is_scored(slots: npt.NDArray[np.int64], every: int) -> npt.NDArray[np.bool_]:
    """Return at which of the bars `slots` of their sessions `[n]` members score, each `every` bars."""
    return np.asarray((slots + 1) % every == 0)
