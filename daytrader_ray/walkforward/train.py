"""From fitted members to a bundle: the same validation, weights and threshold as in a window of the search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.trading import MEMBERS, members_of
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.importances import importances
from daytrader_ray.models.scaling import View
from daytrader_ray.regime.live import regime_states
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.ensemble import fit_ensemble
from daytrader_ray.walkforward.fit import Made, Market, samples, score
from daytrader_ray.walkforward.regimes import fit_regime, left_out
from daytrader_ray.walkforward.study import Study, WindowInputs
from daytrader_ray.walkforward.windows import Window

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Learned:
    """All that was fitted on one window but the ensemble: what its members see, and those of its mask by name.

    `out_of_fold` are their scores on the window's `fit` block `[row, column]`; empty where none were asked for.
    `skills` `[step, member]` are the members' rank ICs in the steps of the search before, oldest first.
    """

    window: Window
    view: View
    members: Mapping[str, Made]
    out_of_fold: Mapping[str, Float64]
    skills: Float64


def assemble(market: Market, study: Study, learned: Learned, mask: int, plan: Mapping[str, Any]) -> Bundle:
    """Weigh the members of a mask and put everything that trading needs into a bundle, and no other member."""
    window, view = learned.window, learned.view
    frames = cut(market.frames, (0, window.train[1]))
    validation = window.a[0], window.b[1]
    parts = {
        name: score(
            market, view, learned.members[name].judged, validation, window.train[0], study.config.score_every_minutes
        )
        for name in members_of(mask)
    }
    stocks = [frames.panel.symbols[column] for column in study.columns]
    model = fit_regime(frames, stocks, window, study.regime, study.config.seed)
    states = regime_states(model, frames)[market.rows(validation)]
    unseen = _stacked(learned.out_of_fold) if learned.out_of_fold else None
    given = WindowInputs(window, _stacked(parts), states, unseen)
    ensemble = fit_ensemble(mask, study, given, learned.skills).ensemble
    return Bundle(
        selection=view.selection,
        symbols=frames.panel.symbols,
        scaler=view.scaler,
        members={name: learned.members[name].used for name in members_of(mask)},
        ensemble=ensemble,
        regime=model,
        left_out=left_out(model),
        plan=plan,
        seed=study.config.seed,
        last_training_session=frames.panel.grid.sessions[window.train[1] - 1].date,
        fingerprint=str(plan["data"]),
        importances=_importances(market, study, learned, mask),
    )


def _stacked(scores: Mapping[str, Float64]) -> Float64:
    """Return the members' scores `[row, column]` side by side `[row, column, member]`, NaN for those without any."""
    nothing = np.full_like(next(iter(scores.values())), np.nan)
    return np.stack([scores.get(name, nothing) for name in MEMBERS], axis=2)


def _importances(market: Market, study: Study, learned: Learned, mask: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return which features the ensemble's members listen to on A, where that is asked for."""
    config, window = study.config, learned.window
    if not config.importance_samples:
        return {}
    validation = samples(market, learned.view, (window.a,), window.train, config)
    return {
        name: importances(learned.members[name].judged, validation, config.seed, config.importance_samples)
        for name in members_of(mask)
    }
