"""What a trial found: its stitched curve, its figures, and what it had been at other costs and sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.measure import key_figures
from daytrader_ray.analytics.overfitting import psr
from daytrader_ray.analytics.performance import (
    CostTotals,
    Performance,
    TradeTable,
    daily_returns,
    of_returns,
    performance,
    plain,
    sharpe,
)
from daytrader_ray.analytics.sweeps import capacity_of, paid_again
from daytrader_ray.domain.selection import Selection, stability
from daytrader_ray.domain.trading import members_of, name_of
from daytrader_ray.walkforward.trial import PAID, WindowResult

Float64 = npt.NDArray[np.float64]

COST_FACTORS = (0.0, 1.0, 2.0)
"""Costs at which every trial is told again: none, as estimated, twice as much."""


@dataclass(frozen=True)
class TrialResult:
    """One ensemble's stitched out-of-sample curve: session equities `[T + 1]` USD, metrics, windows."""

    mask: int
    equity: tuple[float, ...]
    performance: Performance
    windows: tuple[WindowResult, ...]

    @property
    def returns(self) -> Float64:
        """Return the daily net returns `[T]`."""
        return daily_returns(np.array(self.equity))

    def paid(self, *names: str) -> Float64:
        """Return what each session paid in USD `[T]`, of the costs of these names together."""
        parts = [[usd for window in self.windows for usd in window.paid[name]] for name in names]
        return np.asarray(np.array(parts).sum(axis=0), dtype=np.float64)


def equity_of(windows: Sequence[WindowResult]) -> Float64:
    """Return the session equities `[T + 1]` of the steps of the windows, laid end to end."""
    return np.array([windows[0].equity[0], *(value for window in windows for value in window.equity[1:])])


def stitch(mask: int, windows: Sequence[WindowResult]) -> TrialResult:
    """Lay the steps of the windows end to end."""
    equity = equity_of(windows)
    trades = TradeTable(
        np.array([value for window in windows for value in window.trade_pnl_usd], dtype=np.float64),
        np.array([value for window in windows for value in window.trade_minutes], dtype=np.float64),
    )
    costs = CostTotals(**{name: sum(window.costs[name] for window in windows) for name in windows[0].costs})
    exposure = float(np.mean([value for window in windows for value in window.held]))
    return TrialResult(mask, tuple(equity.tolist()), performance(equity, trades, costs, exposure), tuple(windows))


def so_far(windows: Sequence[WindowResult]) -> dict[str, float]:
    """Return what a trial shows after its windows up to here, for whoever watches: 0 for a ratio that there is none of.

    Number of the last `window`, Sharpe ratio a year, equity in USD, round trips.
    """
    equity = equity_of(windows)
    return {
        "window": windows[-1].index,
        "sharpe": float(np.nan_to_num(sharpe(daily_returns(equity)))),
        "equity_usd": float(equity[-1]),
        "trades": sum(len(window.trade_pnl_usd) for window in windows),
    }


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


def trial_dict(trial: TrialResult, seed: int) -> dict[str, Any]:
    """Return one trial as plain values for JSON, without its single trades and what happened inside its sessions.

    `intervals` are the ends of 95 % intervals, `cost_sweep` what the same trades had made at other costs.
    """
    skip = {"trade_pnl_usd", "trade_minutes", "held", "highs", "lows", "falls"}
    windows = [{key: value for key, value in w.as_dict().items() if key not in skip} for w in trial.windows]
    figures = key_figures(trial.returns, seed)
    return {
        "mask": trial.mask,
        "name": name_of(trial.mask),
        "members": list(members_of(trial.mask)),
        "equity": list(trial.equity),
        "metrics": trial.performance.as_dict() | {"intraday_drawdown": intraday_drawdown(trial.windows)},
        "intervals": {key: [plain(figures[key].low), plain(figures[key].high)] for key in ("sharpe", "total_return")},
        "psr": plain(psr(trial.returns)),
        "cost_sweep": [_at_costs(trial, factor) for factor in COST_FACTORS],
        "windows": windows,
    }


def _at_costs(trial: TrialResult, factor: float) -> dict[str, Any]:
    found = of_returns(paid_again(np.array(trial.equity), trial.paid(*PAID), factor))
    return {"factor": factor} | {key: plain(float(found[key])) for key in ("sharpe", "total_return")}


def capacity_dict(trial: TrialResult) -> dict[str, Any]:
    """Return how the same trades would have done at other sizes; at `crossing` the Sharpe ratio is half (None: never).

    Figures `[point]` by the factor of the cash at the start.
    """
    found = capacity_of(np.array(trial.equity), trial.paid("impact_usd"))
    figures = ("factor", "total_return", "annual_return", "sharpe")
    told = {name: [plain(value) for value in getattr(found, name).tolist()] for name in figures}
    return told | {"crossing": plain(found.crossing)}


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
