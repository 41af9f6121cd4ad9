"""What an ensemble said at each bar, and the sessions traded on it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.indices import SPY
from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.engine.budgets import Allocation, Allocator, budgets_of
from daytrader_ray.models.ensemble import Ensemble
from daytrader_ray.models.weights.surface import Scored
from daytrader_ray.regime.config import entry_scale
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.ensemble import ensemble_signals, weights_at
from daytrader_ray.walkforward.simulate import Purse, Terms, staged
from daytrader_ray.walkforward.study import Study
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

    `tradable` is `[session, symbol]`, `spy` `[session + 1]` SPY's adjusted closes before the first session and after
    each; `allocations` are the answers of the slow loop.
    """

    frames: Frames
    said: Said
    columns: Int64
    tradable: Bool
    result: BacktestResult
    spy: Float64
    allocations: tuple[Allocation, ...]

    def after(self, purse: Purse) -> Purse:
        """Return what was left of the purse that these sessions began with."""
        equity = self.result.session_equity
        return Purse(float(equity[-1]), max(purse.peak, float(self.result.equity.max()), float(equity[0])))


def said_of(study: Study, found: Scored, ensemble: Ensemble) -> Said:
    """Return what an ensemble says at each bar of a block."""
    signal, weights = ensemble_signals(study, found, ensemble), weights_at(study, found, ensemble)
    return Said(found.scores, signal, weights, found.regime)


def trade(study: Study, block: Block, ensemble: Ensemble, said: Said, purse: Purse) -> Traded:
    """Trade the sessions of a block with an ensemble, on what it said at their bars."""
    panel = study.frames.panel
    minutes, sigma_30 = panel.grid.bar_minutes, study.frames.features.sigma_30[study.rows(block)]
    allocator = Allocator(study.portfolio, study.kernel, panel.symbols, study.sector, minutes, ensemble.ic)
    budgets, allocations = budgets_of(allocator, panel, block, study.tradable, said.signal, sigma_30)
    terms = Terms(ensemble.threshold, ensemble.hours, ensemble.sizing, budgets, ensemble.score_every_minutes)
    result = staged(study, block, said.signal, entry_scale(said.regime, study.regime)).result(terms, purse)
    frames, may_trade, spy = cut(study.frames, block), study.tradable[slice(*block)], adjusted_closes(panel, SPY, block)
    return Traded(frames, said, study.columns, may_trade, result, spy, allocations)


def adjusted_closes(panel: Panel, symbol: str, block: Block) -> Float64:
    """Return a symbol's last price before a block of sessions and in each, comparable across splits and dividends.

    `[session + 1]`, NaN where a session has no price of it or the symbol is absent.
    """
    closes = np.full(block[1] - block[0] + 1, np.nan)
    if symbol not in panel.symbols:
        return closes
    i, first = panel.column(symbol), panel.grid.first_row
    for k, session in enumerate(range(block[0] - 1, block[1])):
        prices = panel.close[first[session] : first[session + 1], i] if session >= 0 else closes[:0]
        known = prices[np.isfinite(prices)]
        if len(known):
            closes[k] = known[-1] * panel.price_factor[session, i]
    return closes
