"""What a search found: the stitched curve of each ensemble, the best one, and what can be said of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.assessment import Assessment, assess
from daytrader_ray.analytics.overfitting import daily_sharpe, dsr, psr
from daytrader_ray.analytics.performance import CostTotals, Performance, TradeTable, daily_returns, performance, plain
from daytrader_ray.domain.selection import Selection, stability
from daytrader_ray.domain.trading import members_of
from daytrader_ray.walkforward.trial import WindowResult

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrialResult:
    """One ensemble's stitched out-of-sample curve: session equities `[T + 1]` USD, metrics, windows."""

    mask: int
    equity: tuple[float, ...]
    performance: Performance
    windows: tuple[WindowResult, ...]

    @property
    def sharpe(self) -> float:
        """Return the Sharpe ratio, 0 where the curve has no variation (it never traded)."""
        return 0.0 if math.isnan(self.performance.sharpe) else self.performance.sharpe


def stitch(mask: int, windows: Sequence[WindowResult]) -> TrialResult:
    """Lay the steps of the windows end to end."""
    equity = np.array([windows[0].equity[0], *(value for window in windows for value in window.equity[1:])])
    trades = TradeTable(
        np.array([value for window in windows for value in window.trade_pnl_usd], dtype=np.float64),
        np.array([value for window in windows for value in window.trade_minutes], dtype=np.float64),
    )
    costs = CostTotals()
    for window in windows:
        costs = costs.plus(CostTotals(**window.costs))
    exposure = float(np.mean([value for window in windows for value in window.held]))
    return TrialResult(mask, tuple(equity.tolist()), performance(equity, trades, costs, exposure), tuple(windows))


def intraday_drawdown(windows: Sequence[WindowResult]) -> float:
    """Return the deepest fall from a peak at bar closes, a positive fraction, over the stitched sessions.

    A book that is flat every night shows little of its risk at session closes.
    """
    peak, deepest = windows[0].equity[0], 0.0
    for window in windows:
        for high, low, fall in zip(window.highs, window.lows, window.falls, strict=True):
            deepest = max(deepest, fall, 1.0 - low / peak)
            peak = max(peak, high)
    return deepest


def select_best(trials: Sequence[TrialResult]) -> TrialResult:
    """Return the non-cash ensemble with the highest Sharpe ratio; of equals the smaller, then the lower mask."""
    return max((t for t in trials if t.mask), key=lambda t: (t.sharpe, -t.mask.bit_count(), -t.mask))


def assessed(
    ensembles: Sequence[TrialResult], baselines: Sequence[TrialResult], ledger: Float64, seed: int
) -> Assessment:
    """Return what can be said of the best of `ensembles` (`select_best`); `ledger` has other trials' daily ratios."""
    ordered = sorted((t for t in ensembles if t.mask), key=lambda t: (t.mask.bit_count(), t.mask))
    named = {" + ".join(members_of(trial.mask)): _returns(trial) for trial in baselines}
    return assess(np.column_stack([_returns(trial) for trial in ordered]), named, ledger, seed)


def deflated(trial: TrialResult, trials: Sequence[TrialResult]) -> float:
    """Return the deflated Sharpe ratio of one trial among all non-cash ones."""
    return dsr(_returns(trial), np.array([daily_sharpe(_returns(t)) for t in trials if t.mask]))


def _returns(trial: TrialResult) -> Float64:
    return daily_returns(np.array(trial.equity))


def trial_dict(trial: TrialResult, trials: Sequence[TrialResult]) -> dict[str, Any]:
    """Return one trial as plain values for JSON, without its single trades.

    Only one of `trials`, from which the best is chosen, has a deflated Sharpe ratio.
    """
    skip = {"trade_pnl_usd", "trade_minutes", "held"}
    windows = [{key: value for key, value in w.as_dict().items() if key not in skip} for w in trial.windows]
    return {
        "mask": trial.mask,
        "members": list(members_of(trial.mask)),
        "equity": list(trial.equity),
        "metrics": trial.performance.as_dict() | {"intraday_drawdown": intraday_drawdown(trial.windows)},
        "psr": plain(psr(_returns(trial))),
        "dsr": plain(deflated(trial, trials)) if trial.mask and trial in trials else None,
        "windows": windows,
    }


def selection_dict(selections: Sequence[Selection]) -> dict[str, Any]:
    """Return what each window kept, as plain values: of each feature of the set, mutual information and why not.

    `kept` is the mean number over the windows, `of` that of all features.
    """
    features = selections[0].feature_set
    return {
        "features": list(features),
        "of": len(features),
        "kept": sum(len(selection.features) for selection in selections) / len(selections),
        "stability": stability(selections),
        "windows": [
            {
                "mutual_information": [choice.mutual_information for choice in selection.choices],
                "dropped": [choice.dropped for choice in selection.choices],
            }
            for selection in selections
        ],
    }
