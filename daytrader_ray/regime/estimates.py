"""The three Gaussian states of standardised observations, by Baum-Welch or as a mixture."""

import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.regime.config import RegimeConfig

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

N_STATES = 3
STAYS = 0.96
"""Probability with which every fit begins that a state stays what it is: two hours."""
JITTER = 0.3
"""Standard deviation by which other starts differ from the first, in standardised units."""
TRIAL_STEPS = 5
"""Steps that every start takes before the likeliest goes on alone."""
FLOOR = 1e-2
"""Least variance of a state's input, in standardised units."""
GAIN = 1e-5
"""A fit ends when a step adds less than this to the log likelihood of an observation."""


@dataclass(frozen=True)
class Estimate:
    """Start probabilities `[state]`, `transition` `[state, state]`, `means` and `variances` `[state, input]`."""

    start: Float64
    transition: Float64
    means: Float64
    variances: Float64

    def ordered(self, order: Int64) -> "Estimate":
        """Return the same model with its states in another order."""
        transition = self.transition[np.ix_(order, order)]
        return Estimate(self.start[order], transition, self.means[order], self.variances[order])


def hidden_markov(z: Float64, lengths: Int64, config: RegimeConfig, seed: int) -> Estimate | None:
    """Fit a Gaussian hidden Markov model to `z` `[observation, input]`, sessions of `lengths` (Rabiner 1989).

    Every start takes a few steps, the likeliest goes on (Biernacki, Celeux and Govaert 2003). None where no start gave
    a likelihood.
    """
    from hmmlearn.hmm import GaussianHMM

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # with priors a step may cost a little likelihood: no news
    best, best_score = None, -np.inf
    for centres in _starts(z, config.restarts, seed):
        hmm = GaussianHMM(
            N_STATES,
            startprob_prior=1.5,
            transmat_prior=1.5,
            covars_prior=FLOOR,
            n_iter=min(TRIAL_STEPS, config.iterations),
            tol=GAIN * len(z),
            init_params="",
        )
        hmm.startprob_ = np.full(N_STATES, 1.0 / N_STATES)
        hmm.transmat_ = np.where(np.eye(N_STATES) > 0, STAYS, (1.0 - STAYS) / (N_STATES - 1))
        hmm.means_, hmm.covars_ = centres, np.ones(centres.shape)
        score = hmm.fit(z, lengths).score(z, lengths)
        if score > best_score:
            best, best_score = hmm, score
    if best is None:
        return None
    best.n_iter = best.monitor_.n_iter = config.iterations - best.n_iter
    if best.n_iter:
        best.fit(z, lengths)
    variances = np.array([np.diag(covariance) for covariance in best.covars_])
    return Estimate(best.startprob_, best.transmat_, best.means_, variances)


def mixture(z: Float64, _: Int64, config: RegimeConfig, seed: int) -> Estimate | None:
    """Fit a Gaussian mixture to `z` `[observation, input]`: sessions and the order in them say nothing.

    None where no start gave a likelihood.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    best, best_score = None, -np.inf
    for centres in _starts(z, config.restarts, seed):
        found = GaussianMixture(
            N_STATES,
            covariance_type="diag",
            reg_covar=FLOOR,
            max_iter=config.iterations,
            tol=GAIN,
            weights_init=np.full(N_STATES, 1.0 / N_STATES),
            means_init=centres,
            precisions_init=np.ones(centres.shape),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # `iterations` is a limit, for both models
            score = found.fit(z).score(z)
        if score > best_score:
            best, best_score = found, score
    if best is None:
        return None
    return Estimate(best.weights_, np.tile(best.weights_, (N_STATES, 1)), best.means_, best.covariances_)


Estimator = Callable[[Float64, Int64, RegimeConfig, int], Estimate | None]
ESTIMATORS: dict[str, Estimator] = {"hmm": hidden_markov, "mixture": mixture}
"""How the states are found, by `RegimeConfig.model`."""


def _starts(z: Float64, n: int, seed: int) -> Iterator[Float64]:
    """Yield the means `[state, input]` that a fit begins with: thirds by the first input, then others near them."""
    rng = np.random.default_rng(seed)
    groups = np.array_split(np.argsort(z[:, 0], kind="stable"), N_STATES)
    centres = np.array([z[group].mean(axis=0) for group in groups])
    yield centres
    for _ in range(n - 1):
        yield centres + rng.normal(0.0, JITTER, centres.shape)
