"""Whether the ensemble is worth more than what anybody has: logistic regression and default gradient boosting."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from daytrader_ray.analytics.performance import daily_returns
from daytrader_ray.domain.trading import members_of
from daytrader_ray.walkforward.result import TrialResult


def comparison(best: TrialResult, n_ensembles: int, baselines: Sequence[TrialResult]) -> dict[str, Any]:
    """Return whether `best` of `n_ensembles` beat every baseline net of cost, and that in one sentence.

    Compared are the Sharpe ratios of daily returns net of cost, by which `best` was chosen; all of them traded the
    same days by the same rules. Beside them the mean difference of daily returns and its standard error.
    """
    figures = ", ".join(f"{_name(trial)} {_figure(trial)}" for trial in baselines)
    if not best.performance.trades:
        said = f"The best of {n_ensembles} ensembles never traded, so it beats nothing (Sharpe ratio: {figures})."
        return {"beaten": False, "sentence": said}
    ahead = [trial for trial in baselines if trial.sharpe >= best.sharpe]
    verb, others = (
        ("does not beat", ahead) if ahead else ("beats" if best.sharpe > 0.0 else "loses less than", baselines)
    )
    gaps = ", ".join(f"{_name(trial)} {_gap(best, trial)}" for trial in baselines)
    said = (
        f"Net of cost the best of {n_ensembles} ensembles {verb} {' and '.join(map(_name, others))}: Sharpe ratio "
        f"{_figure(best)} against {figures}. Its daily return less theirs in basis points, with one standard error: "
        f"{gaps}. It was chosen on these very days, they were not."
    )
    return {"beaten": not ahead, "sentence": said}


def _name(trial: TrialResult) -> str:
    return " + ".join(members_of(trial.mask))


def _figure(trial: TrialResult) -> str:
    return f"{trial.sharpe:.2f}" if trial.performance.trades else "never traded (counted as 0)"


def _gap(best: TrialResult, trial: TrialResult) -> str:
    returns, theirs = (daily_returns(np.array(each.equity)) for each in (best, trial))
    gap = 1e4 * (returns - theirs)
    error = float(gap.std(ddof=1)) / math.sqrt(len(gap)) if len(gap) > 1 else math.inf
    return f"{gap.mean():+.1f} ± {error:.1f}"
