"""From observations to a named regime model.

The states of a fit have no names of their own. The first sessions of the history are fitted alone, and their states
named by volatility: these are the anchors. A later fit's states take the names of the anchors that they are nearest to
as a whole (`linear_sum_assignment` on log volatility and |trend|), so that a name means the same in every window.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from daytrader_ray.domain.regime import Regime, RegimeModel
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.estimates import ESTIMATORS, Estimate
from daytrader_ray.regime.observations import INPUTS, LOG_RV, TREND, Observations

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

MIN_SHARE = 0.8
"""Inputs are left out, the scarcest first, until this share of the observations has a value of all the others."""


@dataclass(frozen=True)
class _States:
    """A fit whose states, in the order of their volatility, have no names yet; fields as in `RegimeModel`.

    `columns` of INPUTS were fitted, the log relative volatility first, `threshold` is its quantile for a crisis.
    """

    columns: list[int]
    profile: Float64
    mean: Float64
    std: Float64
    estimate: Estimate
    threshold: float

    @property
    def centres(self) -> Float64:
        """Mean log volatility (of a usual minute) and mean |trend| `[state, 2]`, in plain units."""
        at = [0, self.columns.index(TREND)]
        centres = self.estimate.means[:, at] * self.std[at] + self.mean[at]
        centres[:, 0] += np.log(self.profile).mean()
        return centres

    @property
    def scale(self) -> Float64:
        """Standard deviation of what `centres` are made of `[2]`."""
        return self.std[[0, self.columns.index(TREND)]]


def fit(observations: Observations, config: RegimeConfig, seed: int) -> RegimeModel | None:
    """Fit on all given observations, a whole history; None where the volatility of SPY or the history is missing.

    Inputs without spread or with too few values are left out and named in `RegimeModel.left_out`.
    """
    found = _fitted(observations, config, seed)
    if found is None:
        return None
    anchors = (_fitted(_first(observations, config.anchor_sessions), config, seed) or found).centres
    distance = (found.centres[:, None] - anchors) / found.scale
    _, names = linear_sum_assignment((distance**2).sum(axis=2))
    estimate = found.estimate.ordered(np.argsort(names))
    top = estimate.means[Regime.CRISIS, 0] * found.std[0] + found.mean[0]
    return RegimeModel(
        inputs=tuple(INPUTS[column] for column in found.columns),
        left_out=tuple(name for column, name in enumerate(INPUTS) if column not in found.columns),
        breadth=observations.breadth,
        bar_minutes=observations.bar_minutes,
        profile=found.profile,
        mean=found.mean,
        std=found.std,
        start=estimate.start,
        transition=estimate.transition,
        means=estimate.means,
        variances=estimate.variances,
        anchors=anchors,
        crisis_vix=0.0 if top > found.threshold else config.crisis_vix,
    )


def _first(observations: Observations, n_sessions: int) -> Observations:
    """Return the observations of the first sessions."""
    early = observations.sessions < observations.sessions[0] + n_sessions
    x, rows, slots, sessions = (getattr(observations, name)[early] for name in ("x", "rows", "slots", "sessions"))
    return replace(observations, x=x, rows=rows, slots=slots, sessions=sessions)


def _fitted(observations: Observations, config: RegimeConfig, seed: int) -> _States | None:
    observed = np.isfinite(observations.x[:, LOG_RV])
    if observed.sum() < config.min_observations:
        return None
    x, slots, sessions = observations.x[observed], observations.slots[observed], observations.sessions[observed]
    profile = _profile(x[:, LOG_RV], slots)
    x[:, LOG_RV] = np.log(x[:, LOG_RV] / profile[slots])
    columns = _usable(x)
    known = _known(x, columns)
    if not {LOG_RV, TREND} <= set(columns) or known.sum() < config.min_observations:
        return None
    values = x[known][:, columns]
    mean, std = values.mean(axis=0), values.std(axis=0)
    lengths = np.unique(sessions[known], return_counts=True)[1]
    estimate = ESTIMATORS[config.model]((values - mean) / std, lengths, config, seed)
    if estimate is None:
        return None
    estimate = estimate.ordered(np.argsort(estimate.means[:, 0], kind="stable"))
    return _States(columns, profile, mean, std, estimate, float(np.quantile(values[:, 0], config.crisis_quantile)))


def _profile(volatility: Float64, slots: Int64) -> Float64:
    """Mean of `volatility` by slot [slot]; the overall mean where a slot was never observed."""
    counts = np.bincount(slots)
    sums = np.bincount(slots, weights=volatility)
    return np.where(counts > 0, sums / np.maximum(counts, 1), volatility.mean())


def _usable(x: Float64) -> list[int]:
    """Columns with some spread that have values together in enough rows; without the scarcest where they have not."""
    finite = np.isfinite(x)
    usable = [k for k in range(x.shape[1]) if finite[:, k].any() and np.ptp(x[finite[:, k], k]) > 1e-9]
    while usable and _known(x, usable).mean() < MIN_SHARE:
        usable.remove(min(usable, key=lambda k: int(finite[:, k].sum())))
    return usable


def _known(x: Float64, columns: list[int]) -> Bool:
    """Return the rows with a value in all `columns` [row]."""
    return np.asarray(np.isfinite(x[:, columns]).all(axis=1))
