"""Whether the ensemble is worth more than what anybody has: logistic regression and default gradient boosting."""

from collections.abc import Sequence
from typing import Any

from daytrader_ray.domain.trading import members_of
from daytrader_ray.walkforward.result import TrialResult


def comparison(best: TrialResult, n_ensembles: int, baselines: Sequence[TrialResult]) -> dict[str, Any]:
    """Return whether `best` of `n_ensembles` beat every baseline net of cost, and that in one sentence.

    Compared are the Sharpe ratios of daily returns net of cost, by which `best` was chosen; all of them traded the
    same days by the same rules.
    """
    figures = ", ".join(f"{_name(trial)} {trial.sharpe:.2f}" for trial in baselines)
    if not best.performance.trades:
        said = f"The best of {n_ensembles} ensembles never traded, so it beats nothing (Sharpe ratio: {figures})."
        return {"beaten": False, "sentence": said}
    ahead = [trial for trial in baselines if trial.sharpe >= best.sharpe]
    verb, others = ("does not beat", ahead) if ahead else ("beats", baselines)
    said = (
        f"Net of cost the best of {n_ensembles} ensembles {verb} {' and '.join(map(_name, others))}: Sharpe ratio "
        f"{best.sharpe:.2f} against {figures}. It was chosen on these very days, they were not."
    )
    return {"beaten": not ahead, "sentence": said}


def _name(trial: TrialResult) -> str:
    return " + ".join(members_of(trial.mask))
