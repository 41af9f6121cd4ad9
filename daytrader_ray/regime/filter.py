"""The forward filter, `alpha_t ~ b(x_t) * (A^T alpha_{t-1})` (Rabiner 1989), and the regime that a state means.

Viterbi paths and smoothed posteriors would look ahead. A Gaussian mixture is the model whose transitions from every
state are its weights: the same filter then forgets what was.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.regime import Regime, RegimeModel
from daytrader_ray.regime.observations import INPUTS, LOG_RV, VIX

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_VOLATILE, _CRISIS = int(Regime.VOLATILE), int(Regime.CRISIS)


class FilterArrays(NamedTuple):
    """The model as the compiled filter reads it: `columns` [input] in INPUTS, the rest as in `RegimeModel`."""

    columns: Int64
    profile: Float64
    mean: Float64
    std: Float64
    start: Float64
    transition: Float64
    means: Float64
    variances: Float64
    crisis_vix: float


def filter_arrays(model: RegimeModel) -> FilterArrays:
    """Return the arrays of `model` for the compiled filter."""
    columns = np.array([INPUTS.index(name) for name in model.inputs], dtype=np.int64)
    arrays = {name: np.ascontiguousarray(getattr(model, name)) for name in FilterArrays._fields[1:-1]}
    return FilterArrays(columns=columns, crisis_vix=model.crisis_vix, **arrays)


@njit
def filter_step(model: FilterArrays, alpha: Float64, prior: Float64, slot: int, x: Float64) -> bool:
    """Update the state probabilities `alpha` [state] from one observation `x` [INPUTS]; False without a volatility.

    Any other input that is NaN says nothing: with a diagonal covariance, leaving its factor out is exact.

    `prior` [state] is what was expected before seeing x: the start probabilities in a session's first observation, else
    `transition^T alpha`. It is overwritten with what is expected next.
    """
    n_states, n_inputs = model.means.shape
    log_b = np.zeros(n_states)
    for k in range(n_inputs):
        value = x[model.columns[k]]
        if model.columns[k] == LOG_RV:
            value = np.log(value / model.profile[min(slot, len(model.profile) - 1)])
        if np.isnan(value):
            if model.columns[k] == LOG_RV:
                return False
            continue
        z = (value - model.mean[k]) / model.std[k]
        for state in range(n_states):
            gap = z - model.means[state, k]
            variance = model.variances[state, k]
            log_b[state] -= 0.5 * (np.log(2.0 * np.pi * variance) + gap * gap / variance)

    top = -np.inf
    for state in range(n_states):
        log_b[state] += np.log(max(prior[state], 1e-300))
        top = max(top, log_b[state])
    total = 0.0
    for state in range(n_states):
        alpha[state] = np.exp(log_b[state] - top)
        total += alpha[state]
    for state in range(n_states):
        alpha[state] /= total

    for state in range(n_states):
        prior[state] = 0.0
        for origin in range(n_states):
            prior[state] += model.transition[origin, state] * alpha[origin]
    return True


@njit
def regime_of(model: FilterArrays, alpha: Float64, x: Float64) -> int:
    """Return the likeliest regime; the third state is a crisis only as far as `RegimeModel.crisis_vix` says."""
    state = int(np.argmax(alpha))
    if state == _CRISIS and model.crisis_vix > 0.0 and not x[VIX] > np.log(model.crisis_vix):
        return _VOLATILE
    return state
