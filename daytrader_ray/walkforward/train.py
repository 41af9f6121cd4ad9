"""From fitted members to a bundle: the same validation, weights and threshold as in a window of the search."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.members.surface import Fitted
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.live import regime_states
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.fit import Market, View, score
from daytrader_ray.walkforward.regimes import fit_regime, left_out, regime_of
from daytrader_ray.walkforward.study import Study, WindowInputs, fit_ensemble
from daytrader_ray.walkforward.windows import Window


def assemble(
    market: Market,
    study: Study,
    window: Window,
    fitted: Mapping[str, tuple[Fitted, View]],
    regime: RegimeConfig,
    mask: int,
    plan: Mapping[str, Any],
) -> Bundle:
    """Weigh members that were fitted on `window` and put everything that trading needs into a bundle."""
    frames = cut(market.frames, (0, window.train[1]))
    view = next(iter(fitted.values()))[1]
    validation = window.a[0], window.b[1]
    parts = [score(market, view, fitted[name][0], validation, window.train[0]) for name in MEMBERS]
    stocks = [frames.panel.symbols[column] for column in study.columns]
    model = fit_regime(frames, stocks, window, regime, study.config.seed)
    states = regime_states(model, frames)[market.rows(validation)]
    ensemble = fit_ensemble(mask, study, WindowInputs(window, np.stack(parts, axis=2), regime_of(states, regime)))
    names = frames.features.names
    return Bundle(
        feature_set=names,
        features=tuple(names[index] for index in view.features),
        symbols=frames.panel.symbols,
        scaler=view.scaler,
        members={name: fitted[name][0] for name in MEMBERS},
        mask=mask,
        weights=ensemble.weights,
        q99=ensemble.q99,
        threshold=ensemble.threshold,
        regime=model,
        left_out=left_out(model),
        plan=plan,
        seed=study.config.seed,
        last_training_session=frames.panel.grid.sessions[window.train[1] - 1].date,
        fingerprint=str(plan["data"]),
    )
