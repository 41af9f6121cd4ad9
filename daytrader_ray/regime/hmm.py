"""A Gaussian hidden Markov model of the market's mood, and its forward filter.

Fitted by hmmlearn (Baum-Welch, several starts). Filtered forward only, `alpha_t ~ b(x_t) * (A^T alpha_{t-1})`
(Rabiner 1989): Viterbi paths and smoothed posteriors would look ahead.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hmmlearn.hmm import GaussianHMM

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.regime import Regime, RegimeModel
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.observations import INPUTS, LOG_RV, Observations

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

N_STATES = 3
MIN_SHARE = 0.5
"""An input with a value in fewer of the observations than this is left out."""


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
    labels: Int64


def filter_arrays(model: RegimeModel) -> FilterArrays:
    """Return the arrays of `model` for the compiled filter."""
    columns = np.array([INPUTS.index(name) for name in model.inputs], dtype=np.int64)
    arrays = {name: np.ascontiguousarray(getattr(model, name)) for name in FilterArrays._fields[1:]}
    return FilterArrays(columns=columns, **arrays)


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


def fit(observations: Observations, config: RegimeConfig, seed: int) -> RegimeModel | None:
    """Fit on all given observations; None where the volatility of SPY or the history is missing.

    The states are ordered and named by volatility, so without it there is no model. Inputs without values or without
    spread are left out and named in `RegimeModel.left_out`.
    """
    observed = np.isfinite(observations.x[:, LOG_RV])
    if observed.sum() < config.min_observations:
        return None
    x, slots, sessions = observations.x[observed], observations.slots[observed], observations.sessions[observed]
    profile = _profile(x[:, LOG_RV], slots)
    x[:, LOG_RV] = np.log(x[:, LOG_RV] / profile[slots])
    columns = _usable(x)
    known = np.isfinite(x[:, columns]).all(axis=1)
    if LOG_RV not in columns or known.sum() < config.min_observations:
        return None
    values = x[known][:, columns]
    mean, std = values.mean(axis=0), values.std(axis=0)
    lengths = np.unique(sessions[known], return_counts=True)[1]
    best = _best_fit((values - mean) / std, lengths, config, seed)
    if best is None:
        return None
    order = np.argsort(best.means_[:, 0], kind="stable")
    means = best.means_[order]
    top = means[-1, 0] * std[0] + mean[0]
    is_crisis = top > np.quantile(values[:, 0], config.crisis_quantile)
    return RegimeModel(
        inputs=tuple(INPUTS[column] for column in columns),
        left_out=tuple(name for i, name in enumerate(INPUTS) if i not in columns),
        breadth=observations.breadth,
        bar_minutes=observations.bar_minutes,
        profile=profile,
        mean=mean,
        std=std,
        start=best.startprob_[order],
        transition=best.transmat_[np.ix_(order, order)],
        means=means,
        variances=np.array([np.diag(best.covars_[state]) for state in order]),
        labels=np.array([Regime.TRENDING, Regime.VOLATILE, Regime.CRISIS if is_crisis else Regime.VOLATILE], np.int64),
    )


def _profile(volatility: Float64, slots: Int64) -> Float64:
    """Mean of `volatility` by slot [slot]; the overall mean where a slot was never observed."""
    counts = np.bincount(slots)
    sums = np.bincount(slots, weights=volatility)
    return np.where(counts > 0, sums / np.maximum(counts, 1), volatility.mean())


def _usable(x: Float64) -> list[int]:
    """Columns with enough values and some spread."""
    usable = []
    for column in range(x.shape[1]):
        values = x[np.isfinite(x[:, column]), column]
        if values.size > MIN_SHARE * len(x) and values.max() - values.min() > 1e-9:
            usable.append(column)
    return usable


def _best_fit(z: Float64, lengths: Int64, config: RegimeConfig, seed: int) -> GaussianHMM | None:
    """Fit from several starts, states spread over the volatility's quantiles, and keep the likeliest."""
    generator = np.random.default_rng(seed)
    groups = np.array_split(np.argsort(z[:, 0], kind="stable"), N_STATES)
    centres = np.array([z[group].mean(axis=0) for group in groups])
    best, best_score = None, -np.inf
    for restart in range(config.restarts):
        jitter = generator.normal(0.0, 0.3, centres.shape) if restart else np.zeros(centres.shape)
        hmm = GaussianHMM(
            N_STATES,
            covariance_type="diag",
            min_covar=1e-2,
            startprob_prior=1.5,
            transmat_prior=1.5,
            n_iter=config.iterations,
            tol=1e-2,
            init_params="",
        )
        hmm.startprob_ = np.full(N_STATES, 1.0 / N_STATES)
        hmm.transmat_ = np.where(np.eye(N_STATES) > 0, 0.96, 0.02)
        hmm.means_ = centres + jitter
        hmm.covars_ = np.ones(centres.shape)
        hmm.fit(z, lengths)
        score = hmm.score(z, lengths)
        if np.isfinite(score) and score > best_score:
            best, best_score = hmm, score
    return best
