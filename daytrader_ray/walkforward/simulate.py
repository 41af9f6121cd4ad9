"""Sessions of a study traded by the kernel on given signals."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE, Budgets, Sizing
from daytrader_ray.domain.cadence import bars_between
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import BacktestResult, Plan, Record, backtest, trade
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.study import Study
from daytrader_ray.walkforward.windows import Block

Float64 = npt.NDArray[np.float64]

LEAD = 2
"""Sessions before the first one that its rules look at (Rule 201)."""


class Terms(NamedTuple):
    """From which |signal| on entries are made, how large and how often: as in `engine.backtest.Plan`."""

    threshold: float
    hours: Float64
    sizing: Sizing = CONFIDENCE
    budgets: Budgets | None = None
    score_every_minutes: int = 1


class Purse(NamedTuple):
    """USD at the start, and the highest equity before it."""

    cash: float
    peak: float


@dataclass(frozen=True)
class Stage:
    """Sessions ready to be traded on given signals, with any terms."""

    study: Study
    frames: Frames
    signal: Float64
    scale: Float64
    plan: Plan
    sessions: Block

    def result(self, terms: Terms, purse: Purse) -> BacktestResult:
        """Trade with every order, fill and trade."""
        return backtest(*self._given(terms), purse.cash, peak=purse.peak)

    def record(self, terms: Terms, purse: Purse) -> Record:
        """Trade the same, as flat arrays: ten times as fast where there are many orders."""
        return trade(*self._given(terms), purse.cash, purse.peak)

    def _given(self, terms: Terms) -> tuple[Frames, Float64, Float64, Plan, KernelConfig, CostConfig, Block]:
        kernel, minutes = self.study.kernel, self.frames.panel.grid.bar_minutes
        plan = replace(
            self.plan,
            threshold=np.full(len(self.plan.tradable), terms.threshold),
            hours=terms.hours,
            sizing=terms.sizing if kernel.sizing == "kelly" else CONFIDENCE,
            budgets=terms.budgets,
            score_every=bars_between(terms.score_every_minutes, minutes),
        )
        return self.frames, self.signal, self.scale, plan, kernel, self.study.costs, self.sessions


def staged(study: Study, block: Block, signal: Float64, scale: Float64) -> Stage:
    """Make a block ready; `signal` `[row, symbol of the panel]` and the regime's `scale` `[row]` are its."""
    lead = min(LEAD, block[0])
    whole = block[0] - lead, block[1]
    before, sessions = study.rows((whole[0], block[0])), slice(*whole)
    plan = Plan(
        tradable=study.tradable[sessions],
        sector=study.sector,
        threshold=np.full(whole[1] - whole[0], np.inf),
        sector_limit=study.sector_limit[sessions],
        event_scale=study.event_scale,
        shortable=~np.isin(study.frames.panel.symbols, study.kernel.hard_to_borrow),
    )
    padding = (before.stop - before.start, 0)
    return Stage(
        study,
        cut(study.frames, whole),
        np.pad(signal, (padding, (0, 0)), constant_values=np.nan),
        np.pad(scale, padding),
        plan,
        (lead, whole[1] - whole[0]),
    )
