"""What the ensembles of a search share, and what the fits of each window left for them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.cadence import bars_between, is_scored
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.folds import purged
from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.models.labels import NO_LABEL, Labels
from daytrader_ray.models.weights.surface import Scored
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.windows import Block, Window

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Study:
    """What all trials share.

    `labels` are those that the members learn; `columns` the symbols that the scores belong to; `tradable`
    `[session, symbol]`, `sector` `[symbol]`, `sector_limit` `[session, sector]` and `event_scale` by date are as in
    `engine.backtest.Plan`.
    """

    frames: Frames
    labels: Labels
    columns: Int64
    tradable: Bool
    sector: Int64
    sector_limit: Float64
    kernel: KernelConfig
    costs: CostConfig
    regime: RegimeConfig
    config: SearchConfig
    event_scale: Mapping[dt.date, Float64] = field(default_factory=dict)
    portfolio: PortfolioConfig = field(default_factory=PortfolioConfig)

    def rows(self, block: Block) -> slice:
        """Return the rows of a block of sessions."""
        first = self.frames.panel.grid.first_row
        return slice(int(first[block[0]]), int(first[block[1]]))


@dataclass(frozen=True)
class WindowInputs:
    """What the fits of one window left.

    `scores` `[row of A, B and test, column, member]` with the regimes of these rows; `fit_scores` `[row of fit, ...]`
    were made out of fold, None where they were not.
    """

    window: Window
    scores: Float64
    regimes: Int8
    fit_scores: Float64 | None = None


def scored_block(study: Study, given: WindowInputs, block: Block) -> Scored:
    """Return what is known of a block of A, B or test of a window."""
    start, rows = study.rows(given.window.a).start, study.rows(block)
    inside = slice(rows.start - start, rows.stop - start)
    return scored(study, given.scores[inside], given.regimes[inside], block)


def scored(study: Study, scores: Float64, regimes: Int8, block: Block) -> Scored:
    """Return scores `[row of the block, column, member]` and regimes `[row]` with what became of them.

    A symbol that may not be traded in a session has no scores in it: live asks for none. Forward returns that are not
    closed inside the block are unknown, and those of bars at which members do not score: nothing is learnt from them.
    """
    rows, columns, grid, labels = study.rows(block), study.columns, study.frames.panel.grid, study.labels
    forward, features = labels.forward_return[rows][:, columns], study.frames.features
    session, at = grid.session_of_row[rows], np.broadcast_to(np.arange(rows.start, rows.stop)[:, None], forward.shape)
    allowed = study.tradable[session][:, columns]
    slot, score_every = grid.slot_of_row[rows], bars_between(study.config.score_every_minutes, grid.bar_minutes)
    closed = purged(at, labels.span_end[rows][:, columns], rows.start, rows.stop)
    closed &= is_scored(slot, score_every)[:, None]
    return Scored(
        scores=np.ascontiguousarray(np.where(allowed[:, :, None], scores, np.nan)),
        forward=np.where(closed, forward, np.nan),
        label=np.where(closed, labels.label[rows][:, columns], np.int8(NO_LABEL)),
        weight=labels.weight[rows][:, columns],
        session=session,
        slot=slot,
        regime=regimes,
        return_30=np.ascontiguousarray(features.return_30[rows][:, columns]),
        sigma_30=np.ascontiguousarray(features.sigma_30[rows][:, columns]),
    )
