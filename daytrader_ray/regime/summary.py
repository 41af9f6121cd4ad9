"""A regime model in plain values, for people and reports."""

from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.regime import Regime, RegimeModel
from daytrader_ray.regime.observations import EVERY_MINUTES

STATES = tuple(state.name.lower() for state in Regime if state != Regime.UNKNOWN)
"""Names of the model's states, in their order."""


def summary(model: RegimeModel) -> dict[str, Any]:
    """Return what a model says of its states, in their order.

    `transition` `[state, state]` in one observation; `minutes`: how long a state lasts on average, 5 / (1 - p) with p
    the probability that it stays; `means`: of each input in plain units, `log_rv` relative to what is usual at that
    minute; `crisis_vix`: the VIX from which the third state counts as a crisis (0: with any).
    """
    stays = np.diag(model.transition)
    means = model.means * model.std + model.mean
    return {
        "states": list(STATES),
        "inputs": list(model.inputs),
        "left_out": list(model.left_out),
        "transition": model.transition.tolist(),
        "minutes": (EVERY_MINUTES / np.maximum(1.0 - stays, 1e-12)).tolist(),
        "means": {name: means[:, k].tolist() for k, name in enumerate(model.inputs)},
        "crisis_vix": model.crisis_vix,
    }


def shares(states: npt.NDArray[np.int8]) -> dict[str, float]:
    """Return the share of bars by the name of the regime in force; nothing of one that never was."""
    found, counts = np.unique(states, return_counts=True)
    return {
        Regime(state).name.lower(): n / len(states) for state, n in zip(found.tolist(), counts.tolist(), strict=True)
    }
