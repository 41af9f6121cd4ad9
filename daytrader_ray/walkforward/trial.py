"""The trials of a search: one ensemble of members weighed, combined and traded through every window."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.measure import minutes_between
from daytrader_ray.analytics.performance import TradeTable, max_drawdown, performance, plain
from daytrader_ray.domain.budget import ROOMS, SIZING_STEPS
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import Reason
from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.engine.trades import Trade
from daytrader_ray.models.online import regret
from daytrader_ray.models.weights.rank import rank_ics
from daytrader_ray.models.weights.surface import Scored
from daytrader_ray.walkforward.costs import fill_costs, paid_by_session, totals_of
from daytrader_ray.walkforward.ensemble import EnsembleFit, fit_ensemble
from daytrader_ray.walkforward.simulate import Purse
from daytrader_ray.walkforward.study import Study, WindowInputs, scored_block
from daytrader_ray.walkforward.trade import Said, Traded, said_of, trade
from daytrader_ray.walkforward.windows import Window

Float64 = npt.NDArray[np.float64]


PAID = ("spread_usd", "impact_usd", "fees_usd")
"""What a session pays for its fills."""


@dataclass(frozen=True)
class WindowResult:
    """One ensemble in one window, in plain values.

    `scheme` is the one in force, `weights` `[member]` the mean of those in force in the test, `weights_by_regime`
    `[4][member]` those of the fit (UNKNOWN first), `note` why they are not what the scheme is for; `regret` and its
    bound, in losses up to the end of B, are those of weights that learn while trading (None for others). `trips_a_day`
    are the round trips on B, `kelly` what they say of size (None: entries are sized by |signal| alone), `fraction` that
    of the full Kelly bet; `caps` is what bound the entries of the test. `rank_ic` is the signal's in the test and
    `member_ic` `[member]` the members' own in the step (NaN: no scores). `test` are the metrics of the whole test.

    The rest is of the step, the part that enters the stitched curve: `equity` USD before the first and after each
    session; `highs`, `lows` and `falls` are the highest and the lowest equity and the deepest fall (a fraction) at bar
    closes inside each session, `held` the mean gross position over equity in it, `paid` what it paid; closed trades,
    and `by_regime` how many and what they made by the regime at the entry's decision; `costs` in all. Trades are those
    in stocks, costs those of all fills.
    """

    index: int
    scheme: str
    weights: list[float]
    weights_by_regime: list[list[float]]
    note: str
    regret: float | None
    regret_bound: float | None
    timeframes: list[float]
    q99: float
    break_even: float
    threshold: float
    hours: list[float]
    trips_a_day: float
    kelly: dict[str, Any] | None
    fraction: float
    caps: dict[str, Any]
    rank_ic: float
    member_ic: list[float]
    test: dict[str, float | int | None]
    equity: list[float]
    highs: list[float]
    lows: list[float]
    falls: list[float]
    trade_pnl_usd: list[float]
    held: list[float]
    trade_minutes: list[float]
    costs: dict[str, float]
    paid: dict[str, list[float]]
    by_regime: dict[str, dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; infinity and NaN become None."""
        values = asdict(self) | {"member_ic": [plain(value) for value in self.member_ic]}
        return {key: plain(value) if isinstance(value, float) else value for key, value in values.items()}


class Prepared(NamedTuple):
    """One ensemble in one window, ready to be traded: what is `found` and `said` is of the rows of the test."""

    window: Window
    fit: EnsembleFit
    found: Scored
    said: Said
    member_ic: list[float]


def prepared(mask: int, study: Study, inputs: Iterable[WindowInputs]) -> Iterator[Prepared]:
    """Fit ensemble `mask` on the validation of each window, oldest first; skills carry from step to step."""
    steps = list[list[float]]()
    for given in inputs:
        skills = np.array(steps).reshape(len(steps), given.scores.shape[2])
        fit, found = fit_ensemble(mask, study, given, skills), scored_block(study, given, given.window.test)
        in_step = slice(0, study.rows(given.window.step).stop - study.rows(given.window.step).start)
        member_ic = session_ics(found, found.scores, in_step).tolist()
        steps.append(member_ic)
        yield Prepared(given.window, fit, found, said_of(study, found, fit.ensemble), member_ic)


def run_trial(mask: int, study: Study, inputs: Iterable[WindowInputs]) -> Iterator[WindowResult]:
    """Trade ensemble `mask` through the windows, oldest first; equity carries from step to step."""
    purse = Purse(study.config.cash, study.config.cash)
    for window in prepared(mask, study, inputs):
        result = _run_window(window, study, purse)
        purse = Purse(result.equity[-1], max(purse.peak, *result.equity, *result.highs))
        yield result


def _run_window(here: Prepared, study: Study, purse: Purse) -> WindowResult:
    window, found = here.window, here.found
    ensemble, break_even, trips_a_day, kelly = here.fit
    online = ensemble.online if ensemble.mask else None
    measured, bound = (None, None) if online is None else regret(online, ensemble.inside)
    traded = trade(study, window.test, ensemble, here.said, purse)
    frames, result = traded.frames, traded.result
    n_sessions = window.test[1] - window.test[0]
    n_step = window.step[1] - window.step[0]
    days = np.split(result.equity, frames.panel.grid.first_row[1:-1])[:n_step]
    cost = fill_costs(frames, result.fills, result.orders, study.costs)
    paid = paid_by_session(result.fills, cost, result.dates)
    held = held_by_session(result, frames)
    trades, all_trades = trade_table(result, frames, n_step), trade_table(result, frames, n_sessions)
    test = performance(result.session_equity, all_trades, totals_of(paid, n_sessions), float(held.mean()))
    return WindowResult(
        index=window.index,
        scheme=ensemble.scheme,
        weights=here.said.weights.mean(axis=0).tolist(),
        weights_by_regime=ensemble.weights.tolist(),
        note=ensemble.note,
        regret=measured,
        regret_bound=bound,
        timeframes=ensemble.timeframes.tolist(),
        q99=ensemble.q99,
        break_even=break_even,
        threshold=ensemble.threshold,
        hours=ensemble.hours.tolist(),
        trips_a_day=trips_a_day,
        kelly=None if kelly is None else kelly.as_dict(),
        fraction=ensemble.sizing.fraction,
        caps=caps_of(traded),
        rank_ic=float(session_ics(found, here.said.signal[:, study.columns, None], slice(None))[0]),
        member_ic=here.member_ic,
        test=test.as_dict(),
        equity=[float(value) for value in result.session_equity[: n_step + 1]],
        highs=[float(day.max()) for day in days],
        lows=[float(day.min()) for day in days],
        falls=[max_drawdown(day)[0] for day in days],
        trade_pnl_usd=trades.pnl_usd.tolist(),
        held=held[:n_step].tolist(),
        trade_minutes=trades.minutes.tolist(),
        costs=asdict(totals_of(paid, n_step)),
        paid={name: paid[name][:n_step].tolist() for name in PAID},
        by_regime=by_regime(traded, n_step),
    )


def caps_of(traded: Traded) -> dict[str, Any]:
    """Return what limited size: how often each room, the slow loop's answers by step, and wishes of no share.

    `bound` counts entries by the smallest room (`wish`: none was smaller); `median_usd` is that of positions.
    """
    result = traded.result
    steps = np.array(list(result.sizing.values())).reshape(len(result.sizing), len(SIZING_STEPS))
    bound = steps[:, SIZING_STEPS.index("bound")].astype(np.int64)
    sizes = [trade.qty * trade.entry_price for trade in result.trades if not trade.hedge]
    return {
        "bound": {name: int((bound == k - 1).sum()) for k, name in enumerate(("wish", *ROOMS))},
        "median_usd": float(np.median(sizes)) if sizes else None,
        "zero_shares": result.verdicts.get(Reason.DENIED_SIZE, 0),
        "budgets": dict(Counter(str(one.step) for one in traded.allocations if one.step)),
    }


def by_regime(traded: Traded, n_sessions: int) -> dict[str, dict[str, float]]:
    """Return how many trades of the first sessions were decided in each regime, and what they made in USD."""
    grid, trades = traded.frames.panel.grid, _trades_of(traded.result, n_sessions)
    first = {session.date: int(row) for session, row in zip(grid.sessions, grid.first_row[:-1], strict=True)}
    rows = [max(first[trade.session] + trade.entry_slot - 1, 0) for trade in trades]
    state = traded.said.regime[np.array(rows, dtype=np.int64)]
    pnl = np.array([trade.pnl_usd for trade in trades], dtype=np.float64)
    return {
        regime.name.lower(): {"trades": int((state == regime).sum()), "pnl_usd": float(pnl[state == regime].sum())}
        for regime in Regime
    }


def _trades_of(result: BacktestResult, n_sessions: int) -> list[Trade]:
    """Return the closed trades in stocks of the first sessions of a backtest."""
    dates = set(result.dates[:n_sessions])
    return [trade for trade in result.trades if trade.session in dates and not trade.hedge]


def trade_table(result: BacktestResult, frames: Frames, n_sessions: int) -> TradeTable:
    """Return the closed trades in stocks of the first sessions of a backtest as columns."""
    trades = _trades_of(result, n_sessions)
    slots = np.array([(trade.entry_slot, trade.exit_slot, trade.carried) for trade in trades], dtype=np.int64)
    entry, exit_, carried = slots.reshape(-1, 3).T
    return TradeTable(
        np.array([trade.pnl_usd for trade in trades], dtype=np.float64),
        minutes_between(entry, exit_, carried, frames.panel.grid.bar_minutes),
    )


def held_by_session(result: BacktestResult, frames: Frames) -> Float64:
    """Return the mean gross position over equity at the closes of each session `[session]`."""
    gross = np.split(result.gross_usd / result.equity, frames.panel.grid.first_row[1:-1])
    return np.array([day.mean() for day in gross])


def session_ics(found: Scored, scores: Float64, rows: slice) -> Float64:
    """Return each column's rank correlation with the forward return per session of `rows`, averaged `[column]`.

    `scores` `[row, symbol, column]`; NaN for a column without a score.
    """
    session = found.session[rows]
    said = np.where(np.isfinite(found.forward)[:, :, None], scores, np.nan)[rows]
    forward, ics = found.forward[rows], []
    for day in np.unique(session):
        mine = said[session == day]
        known = np.isfinite(mine).any(axis=(0, 1))
        ics.append(np.where(known, rank_ics(mine, forward[session == day]), np.nan))
    table = np.array(ics).reshape(-1, scores.shape[2])
    known = np.isfinite(table)
    none = np.full(table.shape[1], np.nan)
    return np.asarray(np.divide(np.nansum(table, axis=0), known.sum(axis=0), out=none, where=known.any(axis=0)))
