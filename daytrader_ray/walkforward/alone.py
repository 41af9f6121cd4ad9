"""The whole search in one process, without Ray and without a store: the parallel one finds the same to the byte.

It makes each fit by itself: `search.tune_members` and `search.warm_start`, whose fits hang together, are not for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.domain.trading import MASKS, SCORERS
from daytrader_ray.models.scaling import View
from daytrader_ray.walkforward.findings import Asked, Done, findings
from daytrader_ray.walkforward.fit import Fit, Market, fit_and_score
from daytrader_ray.walkforward.regimes import window_states
from daytrader_ray.walkforward.study import Study, WindowInputs
from daytrader_ray.walkforward.trial import run_trial
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import Window, folds_of


@dataclass(frozen=True)
class Learned:
    """What was fitted on one window: what its members see, the fits by scorer, and the regimes with what made them."""

    window: Window
    view: View
    fits: Mapping[str, Fit]
    regimes: npt.NDArray[np.int8]
    told: Mapping[str, Any]

    def inputs(self, mask: int) -> WindowInputs:
        """Return what a trial reads: the scores of its own members, NaN for the others."""
        nothing = np.full_like(next(iter(self.fits.values())).scores, np.nan)
        inside = [mask >> bit & 1 for bit in range(len(SCORERS))]
        parts = [self.fits[name].scores if yes else nothing for name, yes in zip(SCORERS, inside, strict=True)]
        scores, n = np.stack(parts, axis=2), len(self.regimes)
        return WindowInputs(self.window, scores[-n:], self.regimes, scores[:-n] if len(scores) > n else None)


def run_alone(
    market: Market, study: Study, windows: Sequence[Window], asked: Asked, masks: Sequence[int] = MASKS
) -> dict[str, Any]:
    """Fit, trade and judge: what a search finds (`findings`), with an empty ledger and no id."""
    return judged(market, study, asked, learned(market, study, windows, masks), masks)


def learned(market: Market, study: Study, windows: Sequence[Window], masks: Sequence[int] = MASKS) -> list[Learned]:
    """Make every fit that one of `masks` reads; what trading costs is no part of it.

    `ConfigError` for settings by which fits hang together.
    """
    if study.config.warm_start or study.config.tune_members > 1:
        raise ConfigError(
            "search.warm_start and search.tune_members tie fits together, and here each is made by itself",
            "search with Ray, or leave them at their defaults",
        )
    every = int(np.bitwise_or.reduce(masks))
    return [
        _learn(market, study, window, [name for k, name in enumerate(SCORERS) if every >> k & 1]) for window in windows
    ]


def judged(
    market: Market, study: Study, asked: Asked, learned: Sequence[Learned], masks: Sequence[int] = MASKS
) -> dict[str, Any]:
    """Trade `masks` on what was learned, and return what the search found."""
    trials = {mask: list(run_trial(mask, study, (one.inputs(mask) for one in learned))) for mask in masks}
    done = Done(
        windows=[one.window for one in learned],
        views=[one.view for one in learned],
        importances=[{name: fit.importances for name, fit in one.fits.items()} for one in learned],
        regimes=[(one.regimes, one.told) for one in learned],
        trials=trials,
        fits=sum(
            len(one.fits) * (len(_whole(study, one.window)) + study.config.refit_on_full_train) for one in learned
        ),
    )
    return findings(market, study, asked, done, (), "")


def _learn(market: Market, study: Study, window: Window, names: Sequence[str]) -> Learned:
    config, stocks = study.config, [market.frames.panel.symbols[column] for column in market.columns]
    sights = [(one, view_of(market, one, config)) for one in _whole(study, window)]
    fits = {name: fit_and_score(market, sights, name, config) for name in names}
    states, told = window_states(study.frames, stocks, window, study.regime, config.seed)
    return Learned(window, sights[0][1], fits, states, told)


def _whole(study: Study, window: Window) -> list[Window]:
    """Return a window and its folds."""
    return [window, *folds_of(window, study.config.ensemble.stacking_folds)]
