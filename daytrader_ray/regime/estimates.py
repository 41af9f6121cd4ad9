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
CUTS = ((1 / 3, 2 / 3), (0.6, 0.92), (0.5, 0.97))
"""Shares of the observations, by their first input, at which starts part the states: a crisis may be rare."""
JITTER = 0.3
"""Standard deviation by which further starts differ from these, in standardised units."""
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

    Every start goes on to its end: the likeliest after a few steps is often not the likeliest in the end. None where no
    start gave a likelihood.
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
            n_iter=config.iterations,
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
    """Yield the `n` sets of means `[state, input]` that fits begin with: of each of CUTS, then others near these."""
    rng = np.random.default_rng(seed)
    order = np.argsort(z[:, 0], kind="stable")
    for k in range(n):
        groups = np.split(order, [int(share * len(z)) for share in CUTS[k % len(CUTS)]])
        centres = np.array([z[group].mean(axis=0) for group in groups])
        yield centres if k < len(CUTS) else centres + rng.normal(0.0, JITTER, centres.shape)
