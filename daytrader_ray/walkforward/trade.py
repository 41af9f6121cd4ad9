"""What an ensemble said at each bar, and the sessions traded on it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import BacktestResult, backtest
from daytrader_ray.models.ensemble import Ensemble
from daytrader_ray.models.weights.surface import Scored
from daytrader_ray.regime.config import entry_scale
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.ensemble import ensemble_signals, weights_at
from daytrader_ray.walkforward.study import Study, plan_of
from daytrader_ray.walkforward.windows import Block

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]


class Said(NamedTuple):
    """What was known at each bar of some sessions.

    `scores` `[row, column, member]`, `signal` `[row, symbol of the panel]`, and `weights` `[row, member]` and `regime`
    `[row]` in force.
    """

    scores: Float64
    signal: Float64
    weights: Float64
    regime: Int8

    def part(self, rows: slice) -> "Said":
        """Return some rows."""
        return Said(self.scores[rows], self.signal[rows], self.weights[rows], self.regime[rows])


@dataclass(frozen=True)
class Traded:
    """Sessions that were traded: `frames` of these alone, `columns` the symbols of the scores' columns.

    `tradable` is `[session, symbol]`.
    """

    frames: Frames
    said: Said
    columns: Int64
    tradable: Bool
    result: BacktestResult


def said_of(study: Study, found: Scored, ensemble: Ensemble) -> Said:
    """Return what an ensemble says at each bar of a block."""
    signal, weights = ensemble_signals(study, found, ensemble), weights_at(study, found, ensemble)
    return Said(found.scores, signal, weights, found.regime)


def trade(study: Study, block: Block, ensemble: Ensemble, said: Said, cash: float) -> Traded:
    """Trade the sessions of a block with an ensemble, on what it said at their bars."""
    frames = cut(study.frames, block)
    plan = plan_of(study, block, ensemble.threshold, ensemble.hours, ensemble.sizing)
    sessions, scale = (0, block[1] - block[0]), entry_scale(said.regime, study.regime)
    result = backtest(frames, said.signal, scale, plan, study.kernel, study.costs, sessions, cash)
    return Traded(frames, said, study.columns, study.tradable[slice(*block)], result)
