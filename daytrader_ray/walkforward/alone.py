"""The whole search in one process, without Ray and without a store: what the parallel one must equal byte by byte."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.models.scaling import View
from daytrader_ray.walkforward.fit import Fit, Market, fit_and_score
from daytrader_ray.walkforward.regimes import window_states
from daytrader_ray.walkforward.study import Study, WindowInputs
from daytrader_ray.walkforward.trial import WindowResult, run_trial
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import Window, folds_of

Float64 = npt.NDArray[np.float64]


class Learned(NamedTuple):
    """What was fitted on one window: what its members see, each scorer's fit, and the regimes with what made them."""

    window: Window
    view: View
    fits: tuple[Fit, ...]
    regimes: npt.NDArray[np.int8]
    told: dict[str, object]

    def inputs(self, mask: int) -> WindowInputs:
        """Return what trial `mask` reads: scores of its own members alone, NaN for the others."""
        window, inside = self.window, [bool(mask >> k & 1) for k in range(len(SCORERS))]
        scores = np.stack([fit.scores for fit in self.fits], axis=2)
        scores[:, :, ~np.array(inside)] = np.nan
        n = len(self.regimes)
        unseen = scores[:-n] if len(scores) > n else None
        return WindowInputs(window, scores[-n:], self.regimes, unseen)


def learn(market: Market, study: Study, window: Window) -> Learned:
    """Choose the features of one window, fit every member and baseline on it, and the regime model."""
    config, stocks = study.config, [market.frames.panel.symbols[k] for k in market.columns]
    sights = [(one, view_of(market, one, config)) for one in (window, *folds_of(window, config.ensemble.stacking_folds))]
    fits = tuple(fit_and_score(market, sights, name, config) for name in SCORERS)
    states, told = window_states(study.frames, stocks, window, study.regime, config.seed)
    return Learned(window, sights[0][1], fits, states, told)


def trade_all(study: Study, learned: Sequence[Learned], masks: Sequence[int]) -> dict[int, list[WindowResult]]:
    """Trade each of `masks` through all windows."""
    return {mask: list(run_trial(mask, study, (one.inputs(mask) for one in learned))) for mask in masks}
