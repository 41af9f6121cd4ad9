"""The regime bar by bar: one compiled step, looped over history and taken once a bar in the live session."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.domain.regime import Regime, RegimeModel
from daytrader_ray.regime.filter import FilterArrays, filter_arrays, filter_step, regime_of
from daytrader_ray.regime.observations import INPUTS, Observer, observe_step, observer

Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]

IN_FORCE, PENDING = 0, 1
_UNKNOWN = int(Regime.UNKNOWN)


@njit
def _step(
    model: FilterArrays,
    observer: Observer,
    alpha: Float64,
    prior: Float64,
    states: Int64,
    slot: int,
    close: Float64,
    x: Float64,
) -> int:
    """Return the regime in force at the close of this bar.

    What an observation says takes effect with the next one, five minutes later. A session begins with the model's start
    probabilities; until they have met an observation, what the last session ended with stays in force.
    """
    if slot == 0:
        alpha[:] = model.start
        prior[:] = model.start
        if states[PENDING] == _UNKNOWN:
            states[PENDING] = regime_of(model, alpha, x)
        states[IN_FORCE] = states[PENDING]
    if observe_step(observer, slot, close, x):
        states[IN_FORCE] = states[PENDING]
        if filter_step(model, alpha, prior, slot, x):
            states[PENDING] = regime_of(model, alpha, x)
    return int(states[IN_FORCE])


@njit
def _steps(
    model: FilterArrays,
    observer: Observer,
    alpha: Float64,
    prior: Float64,
    states: Int64,
    slots: Int64,
    close: Float64,
    x: Float64,
) -> Int8:
    found = np.empty(len(slots), dtype=np.int8)
    for row in range(len(slots)):
        found[row] = _step(model, observer, alpha, prior, states, slots[row], close[row], x)
    return found


class LiveRegime:
    """A regime model with its running state, over `symbols` in column order."""

    def __init__(self, model: RegimeModel, symbols: Sequence[str]) -> None:
        self._model = filter_arrays(model)
        self._observer = observer(symbols, model.breadth, model.bar_minutes)
        self._alpha = model.start.copy()
        self._prior = model.start.copy()
        self._states = np.full(2, Regime.UNKNOWN, dtype=np.int64)
        self._x = np.full(len(INPUTS), np.nan)

    @property
    def probabilities(self) -> Float64:
        """Filtered probabilities of the model's states [state]."""
        return self._alpha.copy()

    def warm(self, history: Panel) -> Int8:
        """Step through whole sessions; return the regime in force at each bar [row]."""
        grid = history.grid
        return np.asarray(
            _steps(
                self._model,
                self._observer,
                self._alpha,
                self._prior,
                self._states,
                grid.slot_of_row,
                np.ascontiguousarray(history.close),
                self._x,
            )
        )

    def step(self, slot: int, close: Float64) -> int:
        """Take the closes of one bar [symbol] as `Panel` carries them; return the regime in force."""
        return int(_step(self._model, self._observer, self._alpha, self._prior, self._states, slot, close, self._x))


def regime_states(model: RegimeModel | None, frames: Frames) -> Int8:
    """Return the regime in force at every bar [row], by the live kernel from the first row on; -1 without a model."""
    if model is None:
        return np.full(frames.panel.grid.n_rows, Regime.UNKNOWN, dtype=np.int8)
    return LiveRegime(model, frames.panel.symbols).warm(frames.panel)
