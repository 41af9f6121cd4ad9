"""The trials of a search: one ensemble of members weighed, combined and traded through every window.

Nothing is fitted to the test: weights, scale and threshold come from validation B, scores from members that ended
their training before the test.
"""

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.performance import CostTotals, TradeTable, max_drawdown, performance, plain
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.folds import purged
from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import BacktestResult, Plan, backtest
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.models.ensemble import break_even_threshold, fit_weights, q99, signals, skill
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.costs import fill_costs, round_trip_costs
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.windows import Block, Window

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

STOCKS_OF_THE_BOUND = 60
"""`SearchConfig.trips_a_day` is meant for this many stocks and scaled to the ones there are."""

CANDIDATES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
"""Quantiles of |signal| on B at which the count threshold is looked for."""


@dataclass(frozen=True)
class Study:
    """What all trials share.

    `forward_return` and `span_end` `[row, symbol]` are those of the labels; `columns` the symbols that the scores
    belong to; `tradable` `[session, symbol]`, `sector` `[symbol]`, `sector_limit` `[session, sector]` and `event_scale`
    by date are as in `engine.backtest.Plan`.
    """

    frames: Frames
    forward_return: Float64
    span_end: Int64
    columns: Int64
    tradable: Bool
    sector: Int64
    sector_limit: Float64
    kernel: KernelConfig
    costs: CostConfig
    config: SearchConfig
    event_scale: Mapping[dt.date, Float64] = field(default_factory=dict)


@dataclass(frozen=True)
class Regime:
    """Of each row: the weights of the two strategies and the scale of entry sizes `[row]`."""

    w_momentum: Float64
    w_reversion: Float64
    scale: Float64

    def part(self, rows: slice) -> "Regime":
        """Return some rows."""
        return Regime(self.w_momentum[rows], self.w_reversion[rows], self.scale[rows])


@dataclass(frozen=True)
class WindowInputs:
    """What the fits of one window left: `scores` `[row of A, B and test, column, member]`, regime of the same rows."""

    window: Window
    scores: Float64
    regime: Regime


@dataclass(frozen=True)
class Fitted:
    """An ensemble as fitted on B: `weights` `[member]`, `q99`, and |signal| thresholds (inf: nothing pays its cost)."""

    weights: Float64
    q99: float
    break_even: float
    threshold: float


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
    fitted = fit_ensemble(mask, study, given)
    frames = cut(study.frames, window.test)
    rows = _rows_inside(study, given, window.test)
    regime = given.regime.part(rows)
    signal = ensemble_signals(frames, study.columns, given.scores[rows], fitted, regime)
    plan = plan_of(study, window.test, fitted.threshold)
    n_sessions = window.test[1] - window.test[0]
    result = backtest(frames, signal, regime.scale, plan, study.kernel, study.costs, (0, n_sessions), cash)
    n_step = window.step[1] - window.step[0]
    days = np.split(result.equity, frames.panel.grid.first_row[1:-1])[:n_step]
    trades, costs = _of_sessions(study, frames, result, n_step)
    all_trades, all_costs = (trades, costs) if n_step == n_sessions else _of_sessions(study, frames, result, n_sessions)
    test = performance(result.session_equity, all_trades, all_costs, exposure(all_trades, result, frames, n_sessions))
    return WindowResult(
        index=window.index,
        weights=[float(weight) for weight in fitted.weights],
        q99=fitted.q99,
        break_even=fitted.break_even,
        threshold=fitted.threshold,
        rank_ic=rank_ic(
            frames, signal[:, study.columns], study.forward_return[_rows(study, window.test)][:, study.columns]
        ),
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


def fit_ensemble(mask: int, study: Study, given: WindowInputs) -> Fitted:
    """Fit weights, scale and threshold of ensemble `mask` on validation B of a window."""
    block = given.window.b
    frames = cut(study.frames, block)
    rows, here = _rows(study, block), _rows_inside(study, given, block)
    scores, regime = given.scores[here], given.regime.part(here)
    forward = study.forward_return[rows][:, study.columns].copy()
    at = np.broadcast_to(np.arange(rows.start, rows.stop)[:, None], forward.shape)
    forward[~purged(at, study.span_end[rows][:, study.columns], rows.start, rows.stop)] = np.nan
    weights = fit_weights(scores, forward, mask)
    scale = q99(scores, weights)
    unbound = Fitted(weights, scale, math.inf, math.inf)
    signal = ensemble_signals(frames, study.columns, scores, unbound, regime)
    position_usd = study.kernel.max_position * study.config.cash
    cost = round_trip_costs(study.frames, block, study.costs, position_usd)[:, study.columns]
    break_even = break_even_threshold(signal[:, study.columns], forward, cost)
    threshold = _count_threshold(study, block, frames, signal, regime.scale, break_even)
    return Fitted(weights, scale, break_even, threshold)


def ensemble_signals(frames: Frames, columns: Int64, scores: Float64, fitted: Fitted, regime: Regime) -> Float64:
    """Return the signals `[row, symbol]` of `frames`, NaN for symbols without a score column."""
    out = np.full(frames.panel.close.shape, np.nan)
    out[:, columns] = signals(
        np.ascontiguousarray(scores),
        fitted.weights,
        fitted.q99,
        regime.w_momentum,
        regime.w_reversion,
        np.ascontiguousarray(frames.features.return_30[:, columns]),
        np.ascontiguousarray(frames.features.sigma_30[:, columns]),
    )
    return out


def _count_threshold(
    study: Study, block: Block, frames: Frames, signal: Float64, scale: Float64, break_even: float
) -> float:
    """Return the smallest |signal| from `break_even` on at which the kernel keeps the bound on round trips on B."""
    n_sessions = block[1] - block[0]
    sizes = np.abs(signal[:, study.columns])
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if math.isinf(break_even) or not len(sizes):
        return math.inf
    n_stocks = float(study.tradable[slice(*block)].sum(axis=1).mean())
    bound = study.config.trips_a_day * n_stocks / STOCKS_OF_THE_BOUND * n_sessions
    steps = [float(size) for size in np.quantile(sizes, CANDIDATES)]
    for threshold in [break_even, *(step for step in steps if step > break_even)]:
        plan = plan_of(study, block, threshold)
        cash = study.config.cash
        result = backtest(frames, signal, scale, plan, study.kernel, study.costs, (0, n_sessions), cash)
        if len(result.trades) <= bound:
            return threshold
    return math.inf


def plan_of(study: Study, block: Block, threshold: float) -> Plan:
    """Return who may be traded in the sessions of a block, from one |signal| on."""
    sessions, thresholds = slice(*block), np.full(block[1] - block[0], threshold)
    return Plan(study.tradable[sessions], study.sector, thresholds, study.sector_limit[sessions], study.event_scale)


def _rows(study: Study, block: Block) -> slice:
    first = study.frames.panel.grid.first_row
    return slice(int(first[block[0]]), int(first[block[1]]))


def _rows_inside(study: Study, given: WindowInputs, block: Block) -> slice:
    """Return the rows of a block counted from the first row of A, where a window's scores begin."""
    rows, start = _rows(study, block), _rows(study, given.window.a).start
    return slice(rows.start - start, rows.stop - start)


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
