"""The scorer of a session that runs in one process, without Ray."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.models.bundle import Bundle


class ProcessScorer:
    """The `Scorer` port over a bundle in memory."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    async def score(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Score scaled windows `[n, WINDOW_ROWS, feature]` to `[n, member]`."""
        return self._bundle.score(windows)
