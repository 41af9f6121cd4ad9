"""An ensemble fitted on validation B of a window, and the signals that it gives.

Nothing is fitted to the test: weights, scale and threshold come from B, scores from members that ended their training
before the window's validation.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.folds import purged
from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import backtest
from daytrader_ray.models.ensemble import (
    Ensemble,
    break_even_threshold,
    fit_weights,
    new_state,
    q99,
    rules_of,
    signals,
    timeframe_means,
)
from daytrader_ray.regime.config import entry_scale, strategy_table
from daytrader_ray.walkforward.costs import round_trip_costs
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.study import Scores, Study, WindowInputs, plan_of, scores_of
from daytrader_ray.walkforward.windows import Block

Float64 = npt.NDArray[np.float64]

STOCKS_OF_THE_BOUND = 60
"""`SearchConfig.trips_a_day` is meant for this many stocks and scaled to the ones there are."""

CANDIDATES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
"""Quantiles of |signal| on B at which the count threshold is looked for."""

N_REGIMES = 4


def fit_ensemble(mask: int, study: Study, given: WindowInputs) -> tuple[Ensemble, float]:
    """Fit ensemble `mask` on validation B of a window; return it and its break-even threshold."""
    block = given.window.b
    frames, found = cut(study.frames, block), scores_of(study, given, block)
    forward = _forward(study, block)
    weights = np.tile(fit_weights(found.scores, forward, mask), (N_REGIMES, 1))
    ensemble = Ensemble("skill", mask, weights, np.array([1.0, 0.0, 0.0]), 0.0, math.inf, np.ones(2))
    ensemble = replace(ensemble, q99=q99(_blended(frames, study, found, ensemble)))
    signal = ensemble_signals(frames, study, found, ensemble)
    position_usd = study.kernel.max_position * study.config.cash
    cost = round_trip_costs(study.frames, block, study.costs, position_usd)[:, study.columns]
    break_even = break_even_threshold(signal[:, study.columns], forward, cost)
    threshold = _count_threshold(study, block, frames, signal, entry_scale(found.regimes, study.regime), break_even)
    return replace(ensemble, threshold=threshold), break_even


def ensemble_signals(frames: Frames, study: Study, found: Scores, ensemble: Ensemble) -> Float64:
    """Return the signals `[row, symbol]` of `frames`, NaN for symbols without a score column."""
    grid, columns, out = frames.panel.grid, study.columns, np.full(frames.panel.close.shape, np.nan)
    out[:, columns] = signals(
        rules_of(ensemble, strategy_table(study.regime), grid.bar_minutes),
        new_state(ensemble, len(columns), grid.bar_minutes),
        grid.slot_of_row,
        found.scores,
        found.regimes,
        np.ascontiguousarray(frames.features.return_30[:, columns]),
        np.ascontiguousarray(frames.features.sigma_30[:, columns]),
    )
    return out


def _blended(frames: Frames, study: Study, found: Scores, ensemble: Ensemble) -> Float64:
    """Return the combined scores, averaged over timeframes `[row, column]`."""
    grid = frames.panel.grid
    rules = rules_of(ensemble, strategy_table(study.regime), grid.bar_minutes)
    state = new_state(ensemble, len(study.columns), grid.bar_minutes)
    means = timeframe_means(rules, state, grid.slot_of_row, found.scores, found.regimes)
    return np.asarray(means @ ensemble.timeframes)


def _forward(study: Study, block: Block) -> Float64:
    """Return the labels' forward returns of a block `[row, column]`, NaN where they are not closed inside it."""
    rows = study.rows(block)
    forward, end = study.labels.forward_return[rows][:, study.columns], study.labels.span_end[rows][:, study.columns]
    at = np.broadcast_to(np.arange(rows.start, rows.stop)[:, None], forward.shape)
    return np.where(purged(at, end, rows.start, rows.stop), forward, np.nan)


def _count_threshold(
    study: Study, block: Block, frames: Frames, signal: Float64, scale: Float64, break_even: float
) -> float:
    """Return the smallest |signal| from `break_even` on at which the kernel keeps the bound on round trips on B."""
    n_sessions = block[1] - block[0]
    sizes = np.abs(signal[:, study.columns])
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if math.isinf(break_even) or not len(sizes):
        return math.inf
    n_stocks = float(study.tradable[slice(*block)].sum(axis=1).mean())
    bound = study.config.trips_a_day * n_stocks / STOCKS_OF_THE_BOUND * n_sessions
    steps = [float(size) for size in np.quantile(sizes, CANDIDATES)]
    for threshold in [break_even, *(step for step in steps if step > break_even)]:
        plan, cash = plan_of(study, block, threshold, np.ones(2)), study.config.cash
        result = backtest(frames, signal, scale, plan, study.kernel, study.costs, (0, n_sessions), cash)
        if len(result.trades) <= bound:
            return threshold
    return math.inf
