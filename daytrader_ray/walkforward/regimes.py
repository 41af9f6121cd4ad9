"""The regime of each bar as a window may know it: fitted on all history before the test, filtered forward only."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.indices import SPY
from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.domain.regime import RegimeModel
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.fit import fit
from daytrader_ray.regime.live import LiveRegime, regime_states
from daytrader_ray.regime.observations import INPUTS, bars_between, observe
from daytrader_ray.regime.summary import shares, summary
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
) -> tuple[Int8, dict[str, Any]]:
    """Return the regime in force at every bar of A, B and the test `[row]`, and in plain values what made it.

    These are `left_out` inputs and `now` (None without a model): the model's `summary`, the `shares` of all bars up to
    the end of the test in which each regime was in force, and the states' filtered `probabilities` there.
    """
    model = fit_regime(frames, stocks, window, config, seed)
    start = int(frames.panel.grid.first_row[window.a[0]])
    if model is None:
        states = regime_states(None, cut(frames, (0, window.test[1])))
        return states[start:], {"left_out": list(INPUTS), "now": None}
    live = LiveRegime(model, frames.panel.symbols)
    states = live.warm(frames.panel.part(0, window.test[1]))
    now = {**summary(model), "shares": shares(states), "probabilities": live.probabilities.tolist()}
    return states[start:], {"left_out": list(model.left_out), "now": now}


def regime_result(
    panel: Panel, used: Sequence[Window], states: Sequence[Int8], told: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return in plain values what a search tells of the regimes, from what `window_states` gave for each window.

    `now` is the last window's, with the time it is `as_of`. `path` are the regimes in force over the tested sessions,
    every five minutes: start of the bar (`minute`, epoch, UTC), SPY's close in USD (None: no price), number of the
    regime (-1: no model); `shares` are those of the path by name.
    """
    grid = panel.grid
    rows = [_observed(panel, window) for window in used]
    parts = zip(used, states, rows, strict=True)
    found = np.concatenate([inside[at - grid.first_row[window.a[0]]] for window, inside, at in parts])
    every = np.concatenate(rows)
    close = panel.close[every, panel.column(SPY)] if SPY in panel.symbols else np.full(len(every), np.nan)
    last = int(grid.minute_of_row[grid.first_row[used[-1].test[1]] - 1]) + grid.bar_minutes
    now = told[-1]["now"]
    return {
        "now": now and {**now, "as_of": f"{np.datetime64(last, 'm')}Z"},
        "shares": shares(found),
        "path": {
            "minute": grid.minute_of_row[every].tolist(),
            "close": [None if math.isnan(price) else price for price in close.tolist()],
            "state": found.tolist(),
        },
    }


def _observed(panel: Panel, window: Window) -> npt.NDArray[np.int64]:
    """Return the rows of a window's step at whose close there was an observation."""
    first, last = (int(panel.grid.first_row[session]) for session in window.step)
    slots = panel.grid.slot_of_row[first:last]
    return first + np.flatnonzero((slots + 1) % bars_between(panel.grid.bar_minutes) == 0)


def left_out(model: RegimeModel | None) -> tuple[str, ...]:
    """Return the regime inputs that the data could not give: all of them where there is no model."""
    return model.left_out if model is not None else INPUTS
