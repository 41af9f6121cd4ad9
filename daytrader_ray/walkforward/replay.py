"""A bundle over stored sessions: the signals it would have given, and the backtest of them."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import BacktestResult, backtest
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.dataset import symbol_windows, valid_rows
from daytrader_ray.regime.config import entry_scale
from daytrader_ray.regime.live import regime_states
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.ensemble import ensemble_signals
from daytrader_ray.walkforward.study import Scores, Study, only_tradable, plan_of
from daytrader_ray.walkforward.windows import Block

Float64 = npt.NDArray[np.float64]


def replay(bundle: Bundle, study: Study, full: Frames, sessions: Block) -> BacktestResult:
    """Trade the sessions `[start, stop)` of `full` (frames with features, whole history) with the bundle.

    `study` gives universe, rules, costs and the starting cash.
    """
    rows, part, ensemble = study.rows(sessions), cut(full, sessions), bundle.ensemble
    regimes = regime_states(bundle.regime, cut(full, (0, sessions[1])))[rows]
    scores = only_tradable(study, bundle_scores(bundle, full, rows, study.columns), sessions)
    signal = ensemble_signals(part, study, Scores(scores, regimes), ensemble)
    plan = plan_of(study, sessions, ensemble.threshold, ensemble.hours)
    n_sessions, scale = sessions[1] - sessions[0], entry_scale(regimes, study.regime)
    return backtest(part, signal, scale, plan, study.kernel, study.costs, (0, n_sessions), study.config.cash)


def bundle_scores(bundle: Bundle, frames: Frames, rows: slice, columns: npt.NDArray[np.int64]) -> Float64:
    """Return the scores of the bundle's members on `rows` `[row, column, member]`, NaN without a complete window."""
    selected = [frames.features.names.index(name) for name in bundle.features]
    scores = np.full((rows.stop - rows.start, len(columns), bundle.ensemble.weights.shape[1]), np.nan)
    for k, column in enumerate(columns):
        scaled = bundle.scaler.transform(frames.features.values[: rows.stop, int(column)][:, selected])
        ends, windows = symbol_windows(scaled, valid_rows(scaled))
        inside = ends >= rows.start
        if inside.any():
            scores[ends[inside] - rows.start, k] = bundle.score(windows[inside])
    return scores
