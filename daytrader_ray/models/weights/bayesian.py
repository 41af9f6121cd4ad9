"""Weights found by search: Optuna's TPE over the simplex, judged by what the scores would have earned on B.

The earnings of one session are the mean of score x forward return, linear in the weights; an ensemble is judged by
their mean over their standard deviation across sessions. So few sessions say little: the best weights are shrunk to
equal by n / (n + 60), n = sessions in B (Bergstra et al. 2011 for the sampler).
"""

from typing import TYPE_CHECKING

import numpy as np

from daytrader_ray.models.weights.simplex import equal_weights, shrunk
from daytrader_ray.models.weights.surface import Bool, Evidence, Float64, Weighting

if TYPE_CHECKING:
    from optuna import Trial

N_TRIALS = 30
MIN_SESSIONS = 2
DOUBT = 60.0


def bayesian(evidence: Evidence, inside: Bool, seed: int) -> Weighting:
    """Search weights on B."""
    equal, earnings = equal_weights(inside), evidence.b.earnings
    if inside.sum() < 2 or len(earnings) < MIN_SESSIONS:
        return Weighting.same(equal, note=f"equal: {len(earnings)} of {MIN_SESSIONS} sessions known")
    return Weighting.same(shrunk(_searched(earnings, inside, seed), equal, len(earnings), DOUBT))


def _searched(earnings: Float64, inside: Bool, seed: int) -> Float64:
    """Return the best weights of the trials `[member]`; `earnings` `[session, member]`."""
    import optuna

    names = {int(member): f"member_{member}" for member in np.flatnonzero(inside)}

    def weights_of(params: dict[str, float]) -> Float64:
        weights = np.zeros(len(inside))
        for member, name in names.items():
            weights[member] = -np.log(params[name])  # exponential draws, normalised, are uniform on the simplex
        return np.asarray(weights / weights.sum())

    def objective(trial: "Trial") -> float:
        drawn = {name: trial.suggest_float(name, 1e-6, 1.0 - 1e-6) for name in names.values()}
        earned = (earnings * weights_of(drawn)).sum(axis=1)
        deviation = float(earned.std())
        return float(earned.mean()) / deviation if deviation > 0.0 else 0.0

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True))
    study.enqueue_trial(dict.fromkeys(names.values(), 0.5))
    study.optimize(objective, n_trials=N_TRIALS)
    return weights_of(study.best_params)
