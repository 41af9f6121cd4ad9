"""From fitted members to a bundle: the same validation, weights and threshold as in a window of the search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.calibration import Calibrated
from daytrader_ray.models.scaling import View
from daytrader_ray.regime.live import regime_states
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.ensemble import fit_ensemble
from daytrader_ray.walkforward.fit import Market, score
from daytrader_ray.walkforward.regimes import fit_regime, left_out
from daytrader_ray.walkforward.study import Study, WindowInputs
from daytrader_ray.walkforward.windows import Window


@dataclass(frozen=True)
class Learned:
    """All that was fitted on one window but the ensemble: what its members see, and the members by name."""

    window: Window
    view: View
    members: Mapping[str, Calibrated]


def assemble(market: Market, study: Study, learned: Learned, mask: int, plan: Mapping[str, Any]) -> Bundle:
    """Weigh the members of a window and put everything that trading needs into a bundle."""
    window, view = learned.window, learned.view
    frames = cut(market.frames, (0, window.train[1]))
    validation = window.a[0], window.b[1]
    parts = [score(market, view, learned.members[name], validation, window.train[0]) for name in MEMBERS]
    stocks = [frames.panel.symbols[column] for column in study.columns]
    model = fit_regime(frames, stocks, window, study.regime, study.config.seed)
    states = regime_states(model, frames)[market.rows(validation)]
    ensemble, _ = fit_ensemble(mask, study, WindowInputs(window, np.stack(parts, axis=2), states))
    return Bundle(
        selection=view.selection,
        symbols=frames.panel.symbols,
        scaler=view.scaler,
        members=dict(learned.members),
        ensemble=ensemble,
        regime=model,
        left_out=left_out(model),
        plan=plan,
        seed=study.config.seed,
        last_training_session=frames.panel.grid.sessions[window.train[1] - 1].date,
        fingerprint=str(plan["data"]),
    )
