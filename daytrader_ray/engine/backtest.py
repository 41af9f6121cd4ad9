"""The backtest: a loop around the kernel, bar by bar, in the order of events of `docs/fills.md`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE, SIZING_STEPS, Budget, Budgets, Sizing, unlimited
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase, Reason
from daytrader_ray.engine.book import B1, CASH, EQUITY, F8, I8, Book, apply_fill, new_book, open_session
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.fills import Bar, Costs, Liquidity, costs_of, fill_fee, liquidity_of, market_fill, stop_fill
from daytrader_ray.engine.kernel import (
    Intents,
    Rules,
    Scratch,
    Snapshot,
    hedge_caps,
    new_intents,
    new_scratch,
    protect,
    rules_of,
    step,
)
from daytrader_ray.engine.orders import order_of
from daytrader_ray.engine.trades import Trade, round_trips
from daytrader_ray.models.thresholds import thresholds

CANCEL_STOP, EXIT, ENTRY, STOP, CANCEL, HEDGE = (int(k) for k in OrderKind)
OPEN, INTRABAR = 0, 1


class BudgetTable(NamedTuple):
    """`Budget`s one under another: `[budget]` and `[budget, symbol]`."""

    cap: F8
    gross_scale: F8
    neutral: I8
    hedge: I8
    hedge_weight: F8
    beta: F8


def stacked(budgets: Sequence[Budget]) -> BudgetTable:
    """Return the table of some budgets."""
    return BudgetTable(*(np.ascontiguousarray([getattr(one, name) for one in budgets]) for name in Budget._fields))


class Day(NamedTuple):
    """One session: `[slot, symbol]`, `[symbol]`, `[sector]`, and (threshold, scale) `[slot]`."""

    open: F8
    high: F8
    low: F8
    close: F8
    volume: F8
    last_close: F8
    signal: F8
    threshold: F8
    atr: F8
    expected_volume: F8
    scale: F8
    tradable: B1
    sector: I8
    quiet: I8
    event_scale: F8
    sector_limit: F8
    halted: B1
    shortable: B1
    restricted: B1
    reducing: I8
    is_hedge: B1
    hedge_cap: F8
    budget: I8
    budgets: BudgetTable
    liquidity: Liquidity


class Log(NamedTuple):
    """What happened, one line each.

    `orders`: slot, kind, symbol, side, qty, reason; `fills`: slot, phase, qty, line of the order. `counts` is (orders,
    fills); `stop_line` the line of each symbol's latest stop; `verdicts` counts the kernel's last word by reason.
    """

    orders: I8
    order_price: F8
    sizing: F8
    fills: I8
    fill_price: F8
    fill_fee: F8
    counts: I8
    stop_line: I8
    verdicts: I8


@dataclass(frozen=True)
class Plan:
    """Who may be traded, how much of it, and from which |signal| on, per session of the grid.

    `tradable` `[session, symbol]`, `sector` numbers `[symbol]`, `threshold` `[session]` (inf: no entries that day) and
    its factors `hours` in the first and the last hour, `sector_limit` `[session, sector]` most gross exposure as a
    fraction of equity beside the kernel's `max_sector` (inf: none), `event_scale` by date `[slot, symbol]` what entries
    are sized by near events (no date: no event near).

    `sizing` is what trades on like signals earned; `budgets` those of the slow loop (None: `max_position` for all);
    `shortable` `[symbol]` what is easy to borrow (left out: all); `halts` by date `[slot, symbol]` what is halted and
    `reducing` by date `[slot]` when exits alone are allowed (no date: never).
    """

    tradable: npt.NDArray[np.bool_]
    sector: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    sector_limit: npt.NDArray[np.float64]
    hours: npt.NDArray[np.float64] = field(default_factory=lambda: np.ones(2))
    event_scale: Mapping[dt.date, npt.NDArray[np.float64]] = field(default_factory=dict)
    sizing: Sizing = CONFIDENCE
    budgets: Budgets | None = None
    shortable: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    halts: Mapping[dt.date, npt.NDArray[np.bool_]] = field(default_factory=dict)
    reducing: Mapping[dt.date, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.shortable.size == 0:
            object.__setattr__(self, "shortable", np.ones(self.sector.size, dtype=np.bool_))


@dataclass(frozen=True)
class BacktestResult:
    """Books and records of a backtest.

    USD at the close of each bar `[row from the first session's first]`: `equity`, `cash`, `gross_usd` and `net_usd` of
    all positions, `beta_usd` net and times beta to SPY, `hedge_usd` net of the hedges. `session_equity` USD before the
    first session and after each `[session + 1]`. `sizing` `[step]` of each entry by client order id
    (`domain.budget.SIZING_STEPS`). `verdicts` counts by `Reason`.
    """

    dates: tuple[dt.date, ...]
    equity: npt.NDArray[np.float64]
    cash: npt.NDArray[np.float64]
    gross_usd: npt.NDArray[np.float64]
    net_usd: npt.NDArray[np.float64]
    beta_usd: npt.NDArray[np.float64]
    hedge_usd: npt.NDArray[np.float64]
    session_equity: npt.NDArray[np.float64]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]
    sizing: Mapping[str, npt.NDArray[np.float64]]
    verdicts: dict[Reason, int]


@njit
def _log_orders(log: Log, slot: int, out: Intents, n: int) -> None:
    for k in range(n):
        line = log.counts[0]
        log.orders[line, 0] = slot
        log.orders[line, 1] = out.kind[k]
        log.orders[line, 2] = out.symbol[k]
        log.orders[line, 3] = out.side[k]
        log.orders[line, 4] = out.qty[k]
        log.orders[line, 5] = out.reason[k]
        log.order_price[line] = out.price[k]
        if out.kind[k] == ENTRY:
            log.sizing[line] = out.sizing[k]
        if out.kind[k] == STOP:
            log.stop_line[out.symbol[k]] = line
        log.counts[0] = line + 1


@njit
def _log_fill(log: Log, slot: int, phase: int, qty: int, order: int, price: float, fee: float) -> None:
    line = log.counts[1]
    log.fills[line, 0] = slot
    log.fills[line, 1] = phase
    log.fills[line, 2] = qty
    log.fills[line, 3] = order
    log.fill_price[line] = price
    log.fill_fee[line] = fee
    log.counts[1] = line + 1


@njit
def _mark(book: Book, day: Day, beta: F8, curve: F8) -> None:
    """Write equity, cash, gross, net, net beta and net hedges at the close, in USD."""
    curve[0], curve[1] = book.money[EQUITY], book.money[CASH]
    curve[2:] = 0.0
    for i in range(book.qty.size):
        if book.qty[i] != 0:
            usd = book.qty[i] * book.mark[i]
            curve[2] += abs(usd)
            curve[3] += usd
            curve[4] += usd * (beta[i] if np.isfinite(beta[i]) else 1.0)
            curve[5] += usd * day.is_hedge[i]


@njit
def run_day(
    book: Book,
    day: Day,
    sizing: Sizing,
    rules: Rules,
    costs: Costs,
    scratch: Scratch,
    out: Intents,
    log: Log,
    curve: F8,
) -> None:
    """Trade one session: per bar the open, then resting stops, then the decision at the close.

    Writes `curve` `[slot, (equity, cash, gross, net, beta, hedge)]` in USD and the log; the book is left as the session
    leaves it.
    """
    n_slots, n_symbols = day.close.shape
    open_session(book)
    pending = first_pending = 0
    for t in range(n_slots):
        bar = Bar(day.open[t], day.high[t], day.low[t], day.volume[t], day.last_close[t])

        # A: orders decided at the last close meet the open; then every position gets its stop.
        for k in range(pending):
            kind, i, side = out.kind[k], out.symbol[k], out.side[k]
            if kind == CANCEL_STOP:
                continue
            qty, price = market_fill(i, kind, side, out.qty[k], out.reason[k], t, n_slots, bar, day.liquidity, costs)
            if qty > 0:
                fee = fill_fee(side, qty, price, costs)
                apply_fill(book, i, kind, side, qty, price, fee, t, rules.cooldown_bars)
                _log_fill(log, t, OPEN, qty, first_pending + k, price, fee)
        n = protect(book, rules, True, out)
        _log_orders(log, t, out, n)

        # B: resting stops inside the bar.
        for i in range(n_symbols):
            if book.stop_live[i] == 0:
                continue
            price = stop_fill(book, i, t, n_slots, bar, day.liquidity, costs)
            if price > 0.0:
                side = -1 if book.qty[i] > 0 else 1
                qty = abs(book.qty[i])
                fee = fill_fee(side, qty, price, costs)
                apply_fill(book, i, STOP, side, qty, price, fee, t, rules.cooldown_bars)
                _log_fill(log, t, INTRABAR, qty, log.stop_line[i], price, fee)

        # C: the decision at the close, on what is known now.
        ahead, at = min(t + 1, n_slots - 1), day.budget[t]
        budget = Budget(
            day.budgets.cap[at], day.budgets.gross_scale[at], day.budgets.neutral[at], day.budgets.hedge[at],
            day.budgets.hedge_weight[at], day.budgets.beta[at],
        )  # fmt: skip
        now = Snapshot(
            day.close[t], day.signal[t], day.atr[t], day.expected_volume[ahead], day.sector, day.tradable,
            day.quiet[t], day.event_scale[t], day.sector_limit, day.high[t], day.low[t], day.halted[t], day.shortable,
            day.restricted[t], day.reducing[t], budget, day.is_hedge, day.hedge_cap,
        )  # fmt: skip
        pending = step(book, t, n_slots, now, day.threshold[t], day.scale[t], sizing, rules, scratch, out)
        first_pending = log.counts[0]
        _log_orders(log, t, out, pending)
        _mark(book, day, day.budgets.beta[day.budget[t]], curve[t])
        for i in range(n_symbols):
            log.verdicts[scratch.verdict[i]] += 1


def backtest(
    frames: Frames,
    signals: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
    plan: Plan,
    kernel: KernelConfig,
    costs: CostConfig,
    sessions: tuple[int, int],
    cash: float = 100_000.0,
    run: str = "bt",
) -> BacktestResult:
    """Trade sessions `[start, stop)` of `frames` on given signals.

    Parameters
    ----------
    signals
        `[row, symbol]` over the whole grid, in [-1, 1]; NaN where there is none.
    scale
        Regime scale of entry sizes `[row]`.
    sessions
        First and one past the last session index.
    run
        First part of every client order id.
    """
    start, stop = sessions
    grid = frames.panel.grid
    n_symbols = len(frames.panel.symbols)
    rules = rules_of(kernel, costs.participation, grid.bar_minutes)
    in_force = _budgets_of(plan, kernel, int(grid.first_row[stop] - grid.first_row[start]))
    book = new_book(n_symbols, cash)
    out, scratch = new_intents(n_symbols), new_scratch(plan.sector)
    longest = int(grid.bars_per_session[start:stop].max(initial=1))
    log = _new_log(3 * longest * n_symbols, n_symbols)
    first = int(grid.first_row[start])
    curve = np.empty((int(grid.first_row[stop]) - first, 6), dtype=np.float64)
    session_equity = [cash]
    orders: list[Order] = []
    fills: list[Fill] = []
    sizing: dict[str, npt.NDArray[np.float64]] = {}
    is_hedge, hedge_cap = hedge_caps(kernel, frames.panel.symbols)
    for s in range(start, stop):
        rows = slice(int(grid.first_row[s]), int(grid.first_row[s + 1]))
        inside = slice(rows.start - first, rows.stop - first)
        at, items = in_force
        day = day_of(frames, signals, scale, plan, s)._replace(
            budget=at[inside], budgets=items, is_hedge=is_hedge, hedge_cap=hedge_cap
        )
        day_costs = costs_of(costs, grid.sessions[s].date, rows.stop - rows.start, grid.bar_minutes)
        log.counts[:] = 0
        run_day(book, day, plan.sizing, rules, day_costs, scratch, out, log, curve[inside])
        session_equity.append(float(curve[inside][-1, 0]))
        _read_log(log, run, grid.sessions[s].date, frames.panel.symbols, orders, fills, sizing)
    verdicts = {Reason(k): int(n) for k, n in enumerate(log.verdicts) if n}
    dates = tuple(session.date for session in grid.sessions[start:stop])
    equity_, cash_, gross, net, beta, hedge = curve.T.copy()
    return BacktestResult(
        dates, equity_, cash_, gross, net, beta, hedge, np.array(session_equity), tuple(orders), tuple(fills),
        round_trips(fills, orders), sizing, verdicts,
    )  # fmt: skip


def day_of(
    frames: Frames, signals: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], plan: Plan, session: int
) -> Day:
    """Return the arrays of one session.

    A session that ends early in the data (an import that stops at 11:00) still has the calendar's length: its missing
    minutes have no price, and what is open then is sold in the last bar at the last known close.
    """
    grid, panel = frames.panel.grid, frames.panel
    date, n = grid.sessions[session].date, len(panel.symbols)
    rows = slice(int(grid.first_row[session]), int(grid.first_row[session + 1]))
    return Day(
        np.ascontiguousarray(panel.open[rows]),
        np.ascontiguousarray(panel.high[rows]),
        np.ascontiguousarray(panel.low[rows]),
        np.ascontiguousarray(panel.close[rows]),
        np.ascontiguousarray(panel.volume[rows]),
        _last_close(panel.close[rows]),
        np.ascontiguousarray(signals[rows]),
        thresholds(float(plan.threshold[session]), plan.hours, rows.stop - rows.start, grid.bar_minutes),
        np.ascontiguousarray(frames.features.atr_5[rows]),
        np.ascontiguousarray(frames.expected_volume[rows]),
        np.ascontiguousarray(scale[rows]),
        np.ascontiguousarray(plan.tradable[session]),
        plan.sector,
        _quiet(panel.volume[rows]),
        plan.event_scale.get(grid.sessions[session].date, np.ones(panel.close[rows].shape)),
        np.ascontiguousarray(plan.sector_limit[session]),
        plan.halts.get(date, np.zeros(panel.close[rows].shape, dtype=np.bool_)),
        plan.shortable,
        np.zeros(panel.close[rows].shape, dtype=np.bool_),
        plan.reducing.get(date, np.zeros(rows.stop - rows.start, dtype=np.bool_)).astype(np.int64),
        np.zeros(n, dtype=np.bool_),
        np.zeros(n),
        np.zeros(rows.stop - rows.start, dtype=np.int64),
        stacked([unlimited(n, 1.0)]),
        liquidity_of(frames, session),
    )


def _budgets_of(plan: Plan, kernel: KernelConfig, n_rows: int) -> tuple[I8, BudgetTable]:
    """Return which budget is in force in each row `[row]`, and all of them."""
    if plan.budgets is None:
        return np.zeros(n_rows, dtype=np.int64), stacked([unlimited(plan.sector.size, kernel.max_position)])
    return plan.budgets.at, stacked(plan.budgets.items)


def _last_close(close: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the latest close before each bar of the session `[slot, symbol]`, NaN where there is none yet."""
    before = np.full_like(close, np.nan)
    for t in range(1, close.shape[0]):
        before[t] = np.where(np.isfinite(close[t - 1]), close[t - 1], before[t - 1])
    return before


def _quiet(volume: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the bars since each symbol's last trade of the session `[slot, symbol]`, 0 where it traded."""
    slots = np.arange(len(volume))[:, None]
    last = np.maximum.accumulate(np.where(volume > 0, slots, -1), axis=0)
    return np.ascontiguousarray(slots - last, dtype=np.int64)


def _new_log(n: int, n_symbols: int) -> Log:
    return Log(
        np.zeros((n, 6), dtype=np.int64),
        np.zeros(n, dtype=np.float64),
        np.zeros((n, len(SIZING_STEPS)), dtype=np.float64),
        np.zeros((n, 4), dtype=np.int64),
        np.zeros(n, dtype=np.float64),
        np.zeros(n, dtype=np.float64),
        np.zeros(2, dtype=np.int64),
        np.zeros(n_symbols, dtype=np.int64),
        np.zeros(max(Reason) + 1, dtype=np.int64),
    )


def _read_log(
    log: Log,
    run: str,
    date: dt.date,
    symbols: Sequence[str],
    orders: list[Order],
    fills: list[Fill],
    sizing: dict[str, npt.NDArray[np.float64]],
) -> None:
    """Append the session's log to `orders`, `fills` and `sizing` as values."""
    first = len(orders)
    for k in range(int(log.counts[0])):
        slot, kind, i, side, qty, why = (int(v) for v in log.orders[k])
        orders.append(order_of(run, date, slot, symbols[i], kind, side, qty, why, float(log.order_price[k])))
        if kind == ENTRY:
            sizing[orders[-1].client_order_id] = log.sizing[k].copy()
    for k in range(int(log.counts[1])):
        slot, phase, qty, line = (int(v) for v in log.fills[k])
        order = orders[first + line]
        fills.append(
            Fill(
                session=date,
                slot=slot,
                phase=Phase.OPEN if phase == OPEN else Phase.INTRABAR,
                symbol=order.symbol,
                kind=order.kind,
                side=order.side,
                qty=qty,
                price=float(log.fill_price[k]),
                fee=float(log.fill_fee[k]),
                client_order_id=order.client_order_id,
            )
        )
