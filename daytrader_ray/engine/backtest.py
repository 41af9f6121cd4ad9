"""The backtest: a loop around the kernel, session by session, in the order of events of `docs/fills.md`."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE, Budgets, Sizing, unlimited
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.jit import plain
from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.domain.trading import Fill, Order, Reason
from daytrader_ray.engine.book import B1, CASH, F8, I8, Book, Carried, new_book, restate
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.day import N_CURVES, BudgetTable, Day, run_day, stacked
from daytrader_ray.engine.fills import costs_of, liquidity_of
from daytrader_ray.engine.log import Log, kept, new_log, read_fills, read_orders, read_sizing
from daytrader_ray.engine.short_sales import short_sales
from daytrader_ray.engine.trades import Trade, carried_fill, round_trips
from daytrader_ray.engine.values import hedge_caps, new_intents, new_scratch, rules_of
from daytrader_ray.models.thresholds import thresholds


@dataclass(frozen=True)
class Plan:
    """Who may be traded, how much of it, and from which |signal| on, per session of the grid.

    `tradable` `[session, symbol]`, `sector` numbers `[symbol]`, `threshold` `[session]` (inf: no entries that day) and
    its factors `hours` in the first and the last hour, `sector_limit` `[session, sector]` most gross exposure as a
    fraction of equity beside the kernel's `max_sector` (inf: none), `event_scale` by date `[slot, symbol]` what entries
    are sized by near events (no date: no event near).

    `sizing` is what trades on like signals earned; `budgets` those of the slow loop (None: `max_position` for all);
    `shortable` `[symbol]` what is easy to borrow (left out: all); `halts` by date `[slot, symbol]` what is halted and
    `reducing` by date `[slot]` when exits alone are allowed (no date: never). `carried` are positions that the first
    session begins with, by symbol. Members score each `score_every` bars: at others the given signal is one that holds.
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
    carried: Mapping[str, Carried] = field(default_factory=dict)
    score_every: int = 1

    def __post_init__(self) -> None:
        if self.shortable.size == 0:
            object.__setattr__(self, "shortable", np.ones(self.sector.size, dtype=np.bool_))


@dataclass(frozen=True)
class BacktestResult:
    """Books and records of a backtest.

    USD at the close of each bar `[row from the first session's first]`: `equity`, `cash`, `gross_usd` and `net_usd` of
    all positions, `beta_usd` net and times beta to SPY, `hedge_usd` net of the hedges. `session_equity` USD before the
    first session and after each `[session + 1]`. `sizing` `[step]` of each entry by client order id
    (`domain.budget.SIZING_STEPS`). `verdicts` counts by `Reason`. `carried` are the positions that the first session
    began with, as if bought at their mark at its open.
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
    carried: tuple[Fill, ...] = ()


@dataclass(frozen=True)
class Record:
    """A backtest as flat arrays: a log for each session, and `curve` `[row, column]` as in `BacktestResult`."""

    logs: tuple[Log, ...]
    curve: npt.NDArray[np.float64]
    session_equity: npt.NDArray[np.float64]
    carried: tuple[tuple[int, int, float], ...] = ()
    """Symbol, signed shares and mark in USD of what the first session began with."""


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
    peak: float | None = None,
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
    peak
        Highest equity in USD before the first session; None: there was none higher.
    """
    record = trade(frames, signals, scale, plan, kernel, costs, sessions, cash, peak)
    dates = tuple(session.date for session in frames.panel.grid.sessions[slice(*sessions)])
    orders: list[Order] = []
    fills: list[Fill] = []
    sizing: dict[str, npt.NDArray[np.float64]] = {}
    for date, log in zip(dates, record.logs, strict=True):
        sent = read_orders(log, run, date, frames.panel.symbols)
        orders += sent
        fills += read_fills(log, sent)
        sizing |= read_sizing(log, sent)
    verdicts = {Reason(k): int(n) for k, n in enumerate(record.logs[-1].verdicts) if n} if record.logs else {}
    equity, cash_usd, gross, net, beta, hedge = record.curve.T.copy()
    carried = tuple(carried_fill(dates[0], frames.panel.symbols[i], qty, mark) for i, qty, mark in record.carried)
    return BacktestResult(
        dates, equity, cash_usd, gross, net, beta, hedge, record.session_equity, tuple(orders), tuple(fills),
        round_trips([*carried, *fills], orders, kernel.hedge.caps), sizing, verdicts, carried,
    )  # fmt: skip


def trade(
    frames: Frames,
    signals: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
    plan: Plan,
    kernel: KernelConfig,
    costs: CostConfig,
    sessions: tuple[int, int],
    cash: float = 100_000.0,
    peak: float | None = None,
) -> Record:
    """Trade as `backtest` does; return flat arrays."""
    (start, stop), grid, symbols = sessions, frames.panel.grid, frames.panel.symbols
    rules = rules_of(kernel, costs.participation, grid.bar_minutes, plan.score_every)
    book, out, scratch = new_book(len(symbols), cash, peak), new_intents(len(symbols)), new_scratch(plan.sector)
    log = new_log(int(grid.bars_per_session[start:stop].max(initial=1)), len(symbols))
    first = int(grid.first_row[start])
    curve = np.empty((int(grid.first_row[stop]) - first, N_CURVES), dtype=np.float64)
    _begin_with(book, plan.carried, frames.panel, start)
    carried = tuple((int(i), int(book.qty[i]), float(book.mark[i])) for i in np.flatnonzero(book.qty))
    session_equity, logs = [float(book.money[CASH]) + sum(qty * mark for _, qty, mark in carried)], []
    at, budgets = _budgets_of(plan, kernel, len(curve))
    hedges = hedge_caps(kernel, symbols)
    sizing = Sizing(plain(plan.sizing.edges), plain(plan.sizing.weight), float(plan.sizing.fraction))
    for s in range(start, stop):
        inside = slice(int(grid.first_row[s]) - first, int(grid.first_row[s + 1]) - first)
        day = day_of(frames, signals, scale, plan, s, (at[inside], budgets), hedges)
        day_costs = costs_of(costs, grid.sessions[s].date, inside.stop - inside.start, grid.bar_minutes)
        if s > start and book.qty.any():
            restate(book, frames.panel.share_factor[s] / frames.panel.share_factor[s - 1])
        log.counts[:] = 0
        run_day(book, day, sizing, rules, day_costs, scratch, out, log, curve[inside])
        session_equity.append(float(curve[inside.stop - 1, 0]))
        logs.append(kept(log))
    return Record(tuple(logs), curve, np.array(session_equity), carried)


def _begin_with(book: Book, carried: Mapping[str, Carried], panel: Panel, session: int) -> None:
    """Put what a halt has carried into the first session into the book, by the shares of that day."""
    for symbol, position in carried.items():
        i = panel.column(symbol)
        book.qty[i], book.entry_price[i], book.stop_price[i], book.atr[i], book.mark[i] = position
    if carried:
        restate(book, panel.share_factor[session] / panel.share_factor[session - 1])


def day_of(
    frames: Frames,
    signals: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
    plan: Plan,
    session: int,
    budgets: tuple[I8, BudgetTable],
    hedges: tuple[B1, F8],
) -> Day:
    """Return the arrays of one session; `budgets` are its own rows, `hedges` those of `hedge_caps`.

    A session that ends early in the data (an import that stops at 11:00) still has the calendar's length: its missing
    minutes have no price, and what is open then is carried as a halted position is.
    """
    grid, panel = frames.panel.grid, frames.panel
    rows = slice(int(grid.first_row[session]), int(grid.first_row[session + 1]))
    date, shape = grid.sessions[session].date, panel.close[rows].shape

    def part(by_row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return plain(by_row[rows])

    return Day(
        open=part(panel.open),
        high=part(panel.high),
        low=part(panel.low),
        close=part(panel.close),
        volume=part(panel.volume),
        signal=part(signals),
        atr=part(frames.features.atr_5),
        expected_volume=part(frames.expected_volume),
        event_scale=plain(plan.event_scale[date]) if date in plan.event_scale else _none_near(*shape),
        halted=plain(plan.halts[date]) if date in plan.halts else _none_halted(*shape),
        threshold=thresholds(float(plan.threshold[session]), plan.hours, shape[0], grid.bar_minutes),
        scale=part(scale),
        reducing=plan.reducing.get(date, np.zeros(shape[0])).astype(np.int64),
        budget=budgets[0],
        budgets=budgets[1],
        tradable=plain(plan.tradable[session]),
        sector=plain(plan.sector),
        sector_limit=plain(plan.sector_limit[session]),
        shortable=plain(plan.shortable),
        short_sales=short_sales(panel, session, panel.price_factor[session]),
        is_hedge=hedges[0],
        hedge_cap=hedges[1],
        liquidity=liquidity_of(frames, session),
        quiet=np.zeros(shape[1], dtype=np.int64),
        resting=np.zeros(shape[1], dtype=np.int64),
    )


@lru_cache(maxsize=4)
def _none_near(n_slots: int, n_symbols: int) -> npt.NDArray[np.float64]:
    return np.ones((n_slots, n_symbols))


@lru_cache(maxsize=4)
def _none_halted(n_slots: int, n_symbols: int) -> npt.NDArray[np.bool_]:
    return np.zeros((n_slots, n_symbols), dtype=np.bool_)


def _budgets_of(plan: Plan, kernel: KernelConfig, n_rows: int) -> tuple[I8, BudgetTable]:
    """Return which budget is in force in each row `[row]`, and all of them."""
    if plan.budgets is None:
        return np.zeros(n_rows, dtype=np.int64), stacked([unlimited(plan.sector.size, kernel.max_position)])
    return plain(plan.budgets.at), stacked(plan.budgets.items)
