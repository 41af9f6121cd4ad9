"""Each named crisis of the sandbox, met by a long book: do the limits hold, what is lost, how soon is it flat."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.registry import Result, benchmark
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.budget import Budgets, unlimited
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.trading import Fill, Reason
from daytrader_ray.engine.backtest import BacktestResult, Plan, backtest
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.crises import Crisis
from daytrader_ray.sandbox.listing import NAMED_STOCKS
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.traits import sector_of
from tests.engine.cases import Case
from tests.engine.conservation import violations

Float64 = npt.NDArray[np.float64]

NAMES: tuple[str, ...] = get_args(Crisis.model_fields["name"].annotation)
FIRST, DAY = dt.date(2025, 11, 3), dt.date(2025, 11, 12)
"""Seven calm sessions make the statistics; the crisis is on the eighth."""
MINUTE, FALL_BEFORE_HALT, HEDGE, ATR_BARS = 120, 20, "SPY", 5


BOOKS = {
    "usual": KernelConfig(),
    "hedged": KernelConfig(),
    "reckless": KernelConfig(max_sector=2.0, max_net=2.0, max_beta=4.0, stop_atr=50.0),
}
"""The last one has next to no stops and no limit of net or beta: what is left is the halt at 2 % of loss."""


@dataclass(frozen=True)
class Outcome:
    """One crisis: most of equity lost on its day and lost at its close (fractions), entries, limits that broke.

    `gone_after` minutes from the first one of the crisis until all stocks held then had been sold; `flat_after`
    minutes from the halt until nothing was held (None: not halted).
    """

    name: str
    book: str
    worst: float
    close: float
    gone_after: int
    flat_after: int | None
    entries: int
    wrong: tuple[str, ...]


def met(name: str, book: str, n_stocks: int = 40) -> Outcome:
    """Trade the day of a crisis with signals that lean long."""
    case = _case(name, book, n_stocks)
    n = len(case.frames.panel.grid.sessions)
    result = backtest(case.frames, case.signals, case.scale, case.plan, case.kernel, case.costs, (0, n), case.cash)
    return _outcome(name, book, case, result)


def _case(name: str, book: str, n_stocks: int) -> Case:
    grid = session_grid(FIRST, DAY)
    crisis = {"name": name, "session": DAY, "minute": MINUTE}
    market = Market(SandboxConfig.parse({"crises": [crisis], "signal_strength": 0.0}, "crises"), grid)
    stocks = NAMED_STOCKS[:: max(1, len(NAMED_STOCKS) // n_stocks)][:n_stocks]
    panel = build_panel({symbol: _bars(market, symbol) for symbol in (*stocks, HEDGE)}, grid, lambda *_: False)
    adv, sigma, expected = session_statistics(panel)
    features = FeatureMatrix(("none",), np.zeros((*panel.close.shape, 1), np.float32), _atr(panel), adv, adv)
    frames = Frames(panel, features, adv, sigma, expected)
    plan = _plan(market, panel, hedged=book == "hedged")
    return Case(frames, _signals(panel), np.ones(grid.n_rows), plan, BOOKS[book], CostConfig(), 100_000.0)


def _bars(market: Market, symbol: str) -> SymbolBars:
    grid = session_grid(FIRST, DAY)
    parts = [market.bars(symbol, s) for s in range(len(grid.sessions))]
    traded = np.concatenate([part.traded for part in parts])
    names = ("open", "high", "low", "close", "volume", "vwap")
    columns = [np.concatenate([getattr(part, name) for part in parts])[traded] for name in names]
    return SymbolBars(grid.minute_of_row[traded], *columns)


def _atr(panel: Panel) -> Float64:
    """Mean range of the last five bars of the session; NaN until there are as many."""
    ranges = panel.high - panel.low
    atr = np.full_like(ranges, np.nan)
    inside = panel.grid.slot_of_row >= ATR_BARS - 1
    atr[inside] = np.lib.stride_tricks.sliding_window_view(ranges, ATR_BARS, axis=0).mean(2)[inside[ATR_BARS - 1 :]]
    return np.maximum(atr, 1e-4 * panel.close)


def _signals(panel: Panel) -> Float64:
    """Return wishes to be long that no crisis changes, strong and weak in turns and worth nothing."""
    rng = np.random.default_rng(1)
    signals = rng.uniform(0.2, 1.0, panel.close.shape)
    stay = rng.random(panel.close.shape) < 0.97
    for row in range(1, len(signals)):
        signals[row, stay[row]] = signals[row - 1, stay[row]]
    return signals


def _plan(market: Market, panel: Panel, hedged: bool) -> Plan:
    grid, symbols = panel.grid, panel.symbols
    sectors = sorted({sector_of(symbol) for symbol in symbols})
    halted = {session.date: np.zeros((session.n_minutes, len(symbols)), np.bool_) for session in grid.sessions}
    for s, session in enumerate(grid.sessions):
        for i, symbol in enumerate(symbols):
            for halt in market.halts(symbol, s):
                halted[session.date][halt.start : halt.stop, i] = True
    beta = np.array([market.traits(symbol).beta for symbol in symbols])
    hedge = symbols.index(HEDGE) if hedged else -1
    budget = unlimited(len(symbols), KernelConfig().max_position)._replace(beta=beta, hedge=hedge)
    return Plan(
        tradable=np.array([[s == len(grid.sessions) - 1] * len(symbols) for s in range(len(grid.sessions))]),
        sector=np.array([sectors.index(sector_of(symbol)) for symbol in symbols]),
        threshold=np.full(len(grid.sessions), 0.6),
        sector_limit=np.full((len(grid.sessions), len(sectors)), np.inf),
        budgets=Budgets(np.zeros(grid.n_rows, dtype=np.int64), (budget,)),
        halts=halted,
    )


def _outcome(name: str, book: str, case: Case, result: BacktestResult) -> Outcome:
    n = case.frames.panel.grid.sessions[-1].n_minutes
    equity = result.equity[-n:]
    orders = [order for order in result.orders if order.session == DAY]
    halt = min((order.slot for order in orders if order.reason is Reason.HALTED), default=None)
    start = {"gap_open": 0, "market_halt": MINUTE - FALL_BEFORE_HALT}.get(name, MINUTE)
    fills = [fill for fill in result.fills if fill.session == DAY]
    stocks = [fill for fill in fills if fill.symbol != HEDGE]
    return Outcome(
        name,
        book,
        worst=float(1 - equity.min() / case.cash),
        close=float(1 - equity[-1] / case.cash),
        gone_after=_minutes_until_sold(stocks, start),
        flat_after=None if halt is None else _minutes_until_sold(fills, halt),
        entries=sum(order.reason is Reason.SIGNAL for order in orders),
        wrong=tuple(violations(case, result)),
    )


def _minutes_until_sold(fills: list[Fill], start: int) -> int:
    """Return the minutes from the close of bar `start` until each position held then had been sold."""
    held: Counter[str] = Counter()
    for fill in fills:
        if fill.slot <= start:
            held[fill.symbol] += fill.side * fill.qty
    last = start
    waiting = Counter({symbol: qty for symbol, qty in held.items() if qty})
    for fill in fills:
        if fill.slot > start and fill.symbol in waiting:
            waiting[fill.symbol] += fill.side * fill.qty
            if waiting[fill.symbol] == 0:
                del waiting[fill.symbol]
                last = fill.slot
    return last - start


@benchmark("engine.crises")
def crises() -> list[Result]:
    """Meet every crisis with every book; print what it cost and how soon the positions were gone."""
    outcomes = [met(name, book) for name in NAMES for book in BOOKS]
    columns = ("worst loss", "at the close", "stocks gone after", "halt to flat", "entries", "limits")
    table = Table("crisis", "book", *columns)
    for one in outcomes:
        flat = "no halt" if one.flat_after is None else f"{one.flat_after} min"
        limits = f"{len(one.wrong)} broken" if one.wrong else "hold"
        losses = f"{one.worst:.2%}", f"{one.close:.2%}"
        table.add_row(one.name, one.book, *losses, f"{one.gone_after} min", flat, str(one.entries), limits)
    Console(width=120).print(table)
    assert not any(one.wrong for one in outcomes)
    worst = max(outcomes, key=lambda one: one.worst)
    slowest = max((one.flat_after or 0) for one in outcomes)
    return [
        Result("engine.crises_worst_loss", worst.worst, "of equity", f"{worst.name} {worst.book}", None, None, 0.0, 1),
        Result("engine.crises_halt_to_flat", float(slowest), "minutes", "", None, None, 0.0, 1),
    ]
