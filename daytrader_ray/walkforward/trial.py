"""The trials of a search: one ensemble of members weighed, combined and traded through every window."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.performance import CostTotals, TradeTable, max_drawdown, performance, plain
from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import BacktestResult, backtest
from daytrader_ray.models.ensemble import skill
from daytrader_ray.regime.config import entry_scale
from daytrader_ray.walkforward.costs import fill_costs
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.ensemble import ensemble_signals, fit_ensemble
from daytrader_ray.walkforward.study import Study, WindowInputs, plan_of, scores_of

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WindowResult:
    """One ensemble in one window, in plain values.

    `test` are the metrics of the whole test; `equity` USD before the first and after each session of the step, the
    part that enters the stitched curve, with its closed trades and costs; `highs`, `lows` and `falls` are the highest
    and the lowest equity and the deepest fall (a fraction) at bar closes inside each of these sessions.
    """

    index: int
    weights: list[float]
    q99: float
    break_even: float
    threshold: float
    rank_ic: float
    test: dict[str, float | int | None]
    equity: list[float]
    highs: list[float]
    lows: list[float]
    falls: list[float]
    trade_pnl_usd: list[float]
    trade_notional_usd: list[float]
    trade_minutes: list[float]
    costs: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; infinity and NaN become None."""
        values = asdict(self)
        return {key: plain(value) if isinstance(value, float) else value for key, value in values.items()}


def run_trial(mask: int, study: Study, inputs: Iterable[WindowInputs]) -> Iterator[WindowResult]:
    """Trade ensemble `mask` through the windows, oldest first; equity carries from step to step."""
    cash = study.config.cash
    for given in inputs:
        result = _run_window(mask, study, given, cash)
        cash = result.equity[-1]
        yield result


def _run_window(mask: int, study: Study, given: WindowInputs, cash: float) -> WindowResult:
    window = given.window
    ensemble, break_even = fit_ensemble(mask, study, given)
    frames, found = cut(study.frames, window.test), scores_of(study, given, window.test)
    signal, scale = ensemble_signals(frames, study, found, ensemble), entry_scale(found.regimes, study.regime)
    plan = plan_of(study, window.test, ensemble.threshold, ensemble.hours)
    n_sessions = window.test[1] - window.test[0]
    result = backtest(frames, signal, scale, plan, study.kernel, study.costs, (0, n_sessions), cash)
    n_step = window.step[1] - window.step[0]
    days = np.split(result.equity, frames.panel.grid.first_row[1:-1])[:n_step]
    trades, costs = _of_sessions(study, frames, result, n_step)
    all_trades, all_costs = (trades, costs) if n_step == n_sessions else _of_sessions(study, frames, result, n_sessions)
    test = performance(result.session_equity, all_trades, all_costs, exposure(all_trades, result, frames, n_sessions))
    forward = study.labels.forward_return[study.rows(window.test)][:, study.columns]
    return WindowResult(
        index=window.index,
        weights=[float(weight) for weight in ensemble.weights[0]],
        q99=ensemble.q99,
        break_even=break_even,
        threshold=ensemble.threshold,
        rank_ic=rank_ic(frames, signal[:, study.columns], forward),
        test=test.as_dict(),
        equity=[float(value) for value in result.session_equity[: n_step + 1]],
        highs=[float(day.max()) for day in days],
        lows=[float(day.min()) for day in days],
        falls=[max_drawdown(day)[0] for day in days],
        trade_pnl_usd=trades.pnl_usd.tolist(),
        trade_notional_usd=trades.notional_usd.tolist(),
        trade_minutes=trades.minutes.tolist(),
        costs=asdict(costs),
    )


def _of_sessions(
    study: Study, frames: Frames, result: BacktestResult, n_sessions: int
) -> tuple[TradeTable, CostTotals]:
    """Return the trades and costs of the first sessions of a backtest."""
    dates = set(result.dates[:n_sessions])
    fills = [fill for fill in result.fills if fill.session in dates]
    return trade_table(result, frames, n_sessions), fill_costs(frames, fills, result.orders, study.costs)


def trade_table(result: BacktestResult, frames: Frames, n_sessions: int) -> TradeTable:
    """Return the closed trades of the first sessions of a backtest as columns."""
    dates = set(result.dates[:n_sessions])
    trades = [trade for trade in result.trades if trade.session in dates]
    minutes = frames.panel.grid.bar_minutes
    return TradeTable(
        np.array([trade.pnl_usd for trade in trades], dtype=np.float64),
        np.array([trade.qty * trade.entry_price for trade in trades], dtype=np.float64),
        np.array([(trade.exit_slot - trade.entry_slot) * minutes for trade in trades], dtype=np.float64),
    )


def exposure(trades: TradeTable, result: BacktestResult, frames: Frames, n_sessions: int) -> float:
    """Return the mean gross position over equity, in minutes of the session."""
    minutes = float(frames.panel.grid.bars_per_session[:n_sessions].sum()) * frames.panel.grid.bar_minutes
    held = float((trades.notional_usd * trades.minutes).sum())
    return held / (minutes * float(result.session_equity.mean())) if minutes else math.nan


def rank_ic(frames: Frames, signal: Float64, forward_return: Float64) -> float:
    """Return the rank correlation of signal and forward return per session, averaged; NaN without a signal."""
    first = frames.panel.grid.first_row
    found: list[float] = []
    for s in range(len(frames.panel.grid.sessions)):
        rows = slice(int(first[s]), int(first[s + 1]))
        used = np.isfinite(forward_return[rows]) & np.isfinite(signal[rows]) & (signal[rows] != 0)
        if used.any():
            found.append(float(skill(signal[rows][:, :, None], forward_return[rows])[0]))
    return float(np.mean(found)) if found else math.nan
