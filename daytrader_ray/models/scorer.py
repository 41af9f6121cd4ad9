"""All members in this process as one scorer."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.members.surface import Fitted


def score_members(members: Mapping[str, Fitted], windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Score scaled windows `[n, WINDOW_ROWS, feature]` to `[n, member]`; NaN for members that are not there."""
    scores = np.full((len(windows), len(MEMBERS)), np.nan)
    for name, fitted in members.items():
        scores[:, MEMBERS.index(name)] = fitted.predict(windows)
    return scores


class ProcessScorer:
    """The `Scorer` port over members in memory."""

    def __init__(self, members: Mapping[str, Fitted]) -> None:
        self._members = members

    async def score(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Score scaled windows to `[n, member]`."""
        return score_members(self._members, windows)
