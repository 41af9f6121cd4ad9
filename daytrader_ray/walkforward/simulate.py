"""Sessions of a study traded by the kernel on given signals."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE, Budgets, Sizing
from daytrader_ray.domain.cadence import bars_between
from daytrader_ray.engine.backtest import BacktestResult, Plan, backtest
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


def simulate(study: Study, block: Block, signal: Float64, scale: Float64, terms: Terms, purse: Purse) -> BacktestResult:
    """Trade the sessions of a block; `signal` `[row, symbol of the panel]` and the regime's `scale` `[row]` are its."""
    lead = min(LEAD, block[0])
    whole = block[0] - lead, block[1]
    before = study.rows((whole[0], block[0]))
    sessions, n = slice(*whole), whole[1] - whole[0]
    plan = Plan(
        tradable=study.tradable[sessions],
        sector=study.sector,
        threshold=np.full(n, terms.threshold),
        sector_limit=study.sector_limit[sessions],
        hours=terms.hours,
        event_scale=study.event_scale,
        sizing=terms.sizing if study.kernel.sizing == "kelly" else CONFIDENCE,
        budgets=terms.budgets,
        shortable=~np.isin(study.frames.panel.symbols, study.kernel.hard_to_borrow),
        score_every=bars_between(terms.score_every_minutes, study.frames.panel.grid.bar_minutes),
    )
    padding = (before.stop - before.start, 0)
    return backtest(
        cut(study.frames, whole),
        np.pad(signal, (padding, (0, 0)), constant_values=np.nan),
        np.pad(scale, padding),
        plan,
        study.kernel,
        study.costs,
        (lead, n),
        purse.cash,
        peak=purse.peak,
    )
