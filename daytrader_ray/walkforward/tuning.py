"""Which options of a member a window trades with: those that have ranked best on B so far."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.folds import purged
from daytrader_ray.domain.trading import BASELINES
from daytrader_ray.models.spaces import candidates
from daytrader_ray.models.weights.rank import rank_ics
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.windows import Window

Float64 = npt.NDArray[np.float64]


def options_of(name: str, config: SearchConfig) -> list[Mapping[str, Any]]:
    """Return the candidates of a member's options, the configured ones first; a baseline that is tuned is none."""
    configured = config.members.get(name, {})
    return candidates(name, configured, 1 if name in BASELINES else config.tune_members, config.seed)


def with_options(config: SearchConfig, name: str, options: Mapping[str, Any]) -> SearchConfig:
    """Return the configuration in which a member has these options."""
    return config.model_copy(update={"members": {**config.members, name: options}})


def ic_on_b(market: Market, window: Window, scores: Float64) -> float:
    """Return the rank IC of a member's scores `[row of B, column]` per session of B, averaged; NaN without a score.

    A forward return that is not closed inside B is not known when B ends.
    """
    rows, labels = market.rows(window.b), market.labels
    at, first_row = np.arange(rows.start, rows.stop)[:, None], market.frames.panel.grid.first_row
    closed = purged(at, labels.span_end[rows][:, market.columns], rows.start, rows.stop)
    forward = np.where(closed, labels.forward_return[rows][:, market.columns], np.nan)
    cuts = first_row[window.b[0] + 1 : window.b[1]] - rows.start
    days = zip(np.split(scores, cuts), np.split(forward, cuts), strict=True)
    ics = [float(rank_ics(said[:, :, None], came)[0]) for said, came in days if np.isfinite(said).any()]
    return float(np.mean(ics)) if ics else np.nan


def chosen(ics: Float64) -> list[int]:
    """Return the candidate of each window: that of the highest mean over the windows up to it, of equals the first.

    `ics` `[window, candidate]`, NaN where there is none. A window's B ends before its test, so nothing looks ahead.
    """
    known = np.isfinite(ics)
    n = np.cumsum(known, axis=0)
    mean = np.divide(np.cumsum(np.where(known, ics, 0.0), axis=0), n, out=np.full(ics.shape, -np.inf), where=n > 0)
    return [int(window.argmax()) for window in mean]
