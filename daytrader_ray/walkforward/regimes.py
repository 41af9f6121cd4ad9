"""The regime of each bar as a window may know it: fitted on all history before the test, filtered forward only."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.regime import RegimeModel
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.hmm import fit
from daytrader_ray.regime.live import regime_states
from daytrader_ray.regime.observations import INPUTS, observe
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.windows import Window

Int8 = npt.NDArray[np.int8]


def fit_regime(
    frames: Frames, stocks: Collection[str], window: Window, config: RegimeConfig, seed: int
) -> RegimeModel | None:
    """Fit on all sessions before the window's test; None where the history cannot give a model."""
    return fit(observe(frames, stocks, 0, window.train[1]), config, seed)


def window_states(
    frames: Frames, stocks: Collection[str], window: Window, config: RegimeConfig, seed: int
) -> tuple[Int8, tuple[str, ...]]:
    """Return the regime in force at every bar of A, B and the test `[row]`, and the inputs that were left out."""
    model = fit_regime(frames, stocks, window, config, seed)
    states = regime_states(model, cut(frames, (0, window.test[1])))
    start = int(frames.panel.grid.first_row[window.a[0]])
    return states[start:], left_out(model)


def left_out(model: RegimeModel | None) -> tuple[str, ...]:
    """Return the regime inputs that the data could not give: all of them where there is no model."""
    return model.left_out if model is not None else INPUTS
