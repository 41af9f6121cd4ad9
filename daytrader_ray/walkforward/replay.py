"""A bundle over stored sessions: what its members say, what its weights learn, and what it trades on that."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.cadence import bars_between, is_scored
from daytrader_ray.domain.panel import FeatureMatrix, Frames
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.dataset import symbol_windows, valid_rows
from daytrader_ray.models.ensemble import Ensemble
from daytrader_ray.models.online import bars_of_round, learnt, new_hedge, run_rounds
from daytrader_ray.regime.live import regime_states
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.simulate import Purse
from daytrader_ray.walkforward.study import Study, scored
from daytrader_ray.walkforward.trade import Traded, said_of, trade
from daytrader_ray.walkforward.windows import Block

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def replay(bundle: Bundle, study: Study, full: Frames, sessions: Block, cash: float) -> Traded:
    """Trade the sessions `[start, stop)` of `full` (frames with features, whole history) with the bundle.

    `study` gives universe, rules and costs, `cash` USD at the start. Members score when the bundle's do.
    """
    grid, columns, features = full.panel.grid, study.columns, full.features
    rows = study.rows(sessions)
    ensemble = caught_up(bundle, features, grid, study.tradable, sessions[0])
    regimes = regime_states(bundle.regime, cut(full, (0, sessions[1])))[rows]
    scores = bundle_scores(bundle, features, grid, np.arange(rows.start, rows.stop), columns)
    said = said_of(study, scored(study, scores, regimes, sessions), ensemble)
    return trade(study, sessions, ensemble, said, Purse(cash, cash))


def bundle_scores(bundle: Bundle, features: FeatureMatrix, grid: SessionGrid, rows: Int64, columns: Int64) -> Float64:
    """Return the scores of the bundle's members `[row, column, member]` at `rows`, in order.

    NaN without a window, and at bars at which the bundle's members do not score.
    """
    selected = [features.names.index(name) for name in bundle.features]
    scores = np.full((len(rows), len(columns), bundle.ensemble.weights.shape[1]), np.nan)
    asked = is_scored(grid.slot_of_row[rows], bars_between(bundle.ensemble.score_every_minutes, grid.bar_minutes))
    if not asked.any():
        return scores
    for k, column in enumerate(columns):
        scaled = bundle.scaler.transform(features.values[: int(rows[-1]) + 1, int(column)][:, selected])
        ends, windows = symbol_windows(scaled, valid_rows(scaled))
        inside = np.isin(ends, rows[asked])
        if inside.any():
            scores[np.searchsorted(rows, ends[inside]), k] = bundle.score(windows[inside])
    return scores


def caught_up(bundle: Bundle, features: FeatureMatrix, grid: SessionGrid, tradable: Bool, session: int) -> Ensemble:
    """Return the bundle's ensemble as it is at the open of a session: what has been learnt since its training.

    Online weights run over the rounds of all sessions between, so that a session finds the same ones whether the days
    before were traded, rehearsed or missed. `tradable` is `[session, symbol]`.
    """
    ensemble = bundle.ensemble
    first = sum(day.date <= bundle.last_training_session for day in grid.sessions)
    if ensemble.online is None or first >= session:
        return ensemble
    every = bars_of_round(grid.bar_minutes)
    rows = np.arange(grid.first_row[first], grid.first_row[session])
    rows = rows[(grid.slot_of_row[rows] + 1) % every == 0]
    columns = np.flatnonzero(tradable[first:session].any(axis=0))
    allowed = tradable[grid.session_of_row[rows]][:, columns]
    scores = np.where(allowed[:, :, None], bundle_scores(bundle, features, grid, rows, columns), np.nan)
    hedge = new_hedge(ensemble.online, ensemble.inside, len(columns))
    known = (np.ascontiguousarray(part[rows][:, columns]) for part in (features.return_30, features.sigma_30))
    run_rounds(hedge, every, grid.slot_of_row[rows], scores, *known)
    return replace(ensemble, weights=np.tile(hedge.weights, (len(ensemble.weights), 1)), online=learnt(hedge))
