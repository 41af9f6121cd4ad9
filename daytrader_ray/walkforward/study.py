"""What the ensembles of a search share, and what the fits of each window left for them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import Plan
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.models.labels import Labels
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

    def rows(self, block: Block) -> slice:
        """Return the rows of a block of sessions."""
        first = self.frames.panel.grid.first_row
        return slice(int(first[block[0]]), int(first[block[1]]))


@dataclass(frozen=True)
class WindowInputs:
    """What the fits of one window left: `scores` `[row of A, B and test, column, member]`, regimes of the same rows."""

    window: Window
    scores: Float64
    regimes: Int8


@dataclass(frozen=True)
class Scores:
    """The scores of one block of sessions `[row, column, member]` and the regimes of its rows `[row]`.

    A symbol that may not be traded in a session has no scores in it: live asks for none.
    """

    scores: Float64
    regimes: Int8


def scores_of(study: Study, given: WindowInputs, block: Block) -> Scores:
    """Return a block's part of what the fits of a window left."""
    start, rows = study.rows(given.window.a).start, study.rows(block)
    inside = slice(rows.start - start, rows.stop - start)
    return Scores(only_tradable(study, given.scores[inside], block), given.regimes[inside])


def only_tradable(study: Study, scores: Float64, block: Block) -> Float64:
    """Return the scores of a block `[row, column, member]`, NaN where the symbol may not be traded that session."""
    allowed = study.tradable[study.frames.panel.grid.session_of_row[study.rows(block)]][:, study.columns]
    return np.ascontiguousarray(np.where(allowed[:, :, None], scores, np.nan))


def plan_of(study: Study, block: Block, threshold: float, hours: Float64) -> Plan:
    """Return who may be traded in the sessions of a block, from one |signal| on."""
    sessions, n = slice(*block), block[1] - block[0]
    return Plan(
        tradable=study.tradable[sessions],
        sector=study.sector,
        threshold=np.full(n, threshold),
        sector_limit=study.sector_limit[sessions],
        hours=hours,
        event_scale=study.event_scale,
    )
