"""Whole sessions of orders through the exchange fill as the backtest that decided them says, order by order.

Markets with gaps, a flash crash, halts of one stock, of the market and through the close, and a half-day; limits,
trailing stops and hedges.
"""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.budget import Budgets, unlimited
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import FeatureMatrix, Frames
from daytrader_ray.domain.trading import Order, OrderKind, Phase, Reason
from daytrader_ray.engine.backtest import BacktestResult, Plan, backtest
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.execution.orders import request_values
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.crises import Crisis
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.orders import OrderRequest, Refusal, read_request
from daytrader_ray.sandbox.source import Halt, SessionBars

SYMBOLS = ("AAPL", "GILD", "KOSS", "SPY", "XOM")
GRID = session_grid(dt.date(2025, 11, 12), dt.date(2025, 12, 1))
LATE = 8
"""From here on statistics are known; session 11 is a half-day."""
CRISES = (
    Crisis(name="flash_crash", session=GRID.sessions[8].date, minute=100),
    Crisis(name="market_halt", session=GRID.sessions[9].date, minute=200),
    Crisis(name="gap_open", session=GRID.sessions[10].date),
    Crisis(name="liquidity_vacuum", session=GRID.sessions[12].date, minute=60),
)
COSTS = CostConfig()
STILL = ("AAPL", "GILD", "XOM")


class Halting(Market):
    """A market in which three stocks stand still through the close of each second session."""

    def halts(self, symbol: str, session: int) -> tuple[Halt, ...]:
        found, n = super().halts(symbol, session), self.grid.sessions[session].n_minutes
        return (*found, Halt(n - 25, n, False)) if symbol in STILL and session % 2 else found

    def bars(self, symbol: str, session: int) -> SessionBars:
        made = super().bars(symbol, session)
        if not (symbol in STILL and session % 2):
            return made
        late = np.arange(len(made.close)) >= len(made.close) - 25
        prices = {
            name: np.where(late, np.nan, getattr(made, name)) for name in ("open", "high", "low", "close", "vwap")
        }
        return replace(made, **prices, volume=np.where(late, 0.0, made.volume), traded=made.traded & ~late)


@pytest.fixture(scope="module")
def market() -> Market:
    return Halting(SandboxConfig(seed=5, halt_chance=0.5, crises=CRISES), GRID)


@pytest.fixture(scope="module")
def frames(market: Market) -> Frames:
    panel = build_panel({symbol: bars_of(market, symbol) for symbol in SYMBOLS}, GRID, lambda *_: False)
    adv, sigma_day, expected = session_statistics(panel)
    atr = np.round(0.0015 * panel.close, 4)
    nothing = np.zeros_like(panel.close)
    features = FeatureMatrix(("none",), np.zeros((*panel.close.shape, 1), np.float32), atr, nothing, nothing)
    return Frames(panel, features, adv, sigma_day, expected)


def bars_of(market: Market, symbol: str) -> SymbolBars:
    parts = [market.bars(symbol, session) for session in range(len(GRID.sessions))]
    traded = np.concatenate([part.traded for part in parts])
    names = ("open", "high", "low", "close", "volume", "vwap")
    columns = [np.concatenate([getattr(part, name) for part in parts])[traded] for name in names]
    return SymbolBars(GRID.minute_of_row[traded], *columns)


def decided(market: Market, frames: Frames, session: int, kernel: KernelConfig) -> BacktestResult:
    """Backtest one session on signals that wander, with a hedge that changes every hour."""
    rng, n = np.random.default_rng(session), len(SYMBOLS)
    rows = frames.panel.close.shape[0]
    signals = np.clip(np.cumsum(rng.normal(0, 0.1, (rows, n)), 0) % 2.4 - 1.2, -1.0, 1.0)
    date, slots = GRID.sessions[session].date, np.arange(GRID.sessions[session].n_minutes)
    base = unlimited(n, kernel.max_position)
    hedges = (SYMBOLS.index("SPY"), -1)
    budgets = Budgets(slots // 60 % 2, tuple(base._replace(hedge=hedge, beta=np.full(n, 1.1)) for hedge in hedges))
    halts = {date: np.array([[halted(market, symbol, session, slot) for symbol in SYMBOLS] for slot in slots])}
    plan = Plan(
        tradable=np.ones((len(GRID.sessions), n), dtype=np.bool_),
        sector=np.arange(n),
        threshold=np.full(len(GRID.sessions), 0.5),
        sector_limit=np.full((len(GRID.sessions), n), np.inf),
        budgets=budgets,
        halts=halts,
    )
    return backtest(frames, signals, np.ones(rows), plan, kernel, COSTS, (session, session + 1))


def halted(market: Market, symbol: str, session: int, slot: int) -> bool:
    return any(halt.start <= slot < halt.stop for halt in market.halts(symbol, session))


def filled(market: Market, session: int, result: BacktestResult) -> list[tuple[object, ...]]:
    """Send the backtest's orders to the exchange as a session would, and return what it filled."""
    exchange = Exchange(SandboxConfig(), COSTS, market)
    exchange.begin(session)
    inside = {(f.slot, f.symbol) for f in result.fills if f.phase is Phase.INTRABAR and f.kind is OrderKind.ENTRY}
    found: list[tuple[object, ...]] = []

    def told(slot: int, phase: Phase) -> None:
        for update in exchange.updates:
            if "qty" in update:
                order = update["order"]
                name, price = order["client_order_id"], float(update["price"])
                found.append((slot, phase, order["symbol"], order["side"], int(update["qty"]), price, name))
        exchange.updates.clear()

    for slot in range(exchange.day.n_minutes):
        here = [order for order in result.orders if order.slot == slot]
        early = [o for o in here if o.reason is Reason.PROTECT and (slot, o.symbol) not in inside]
        exchange.match_open(slot)
        told(slot, Phase.OPEN)
        send(exchange, early)
        exchange.match_inside(slot)
        told(slot, Phase.INTRABAR)
        exchange.close_bar(slot)
        send(exchange, [order for order in here if order not in early])
    return found


def send(exchange: Exchange, orders: list[Order]) -> None:
    for order in orders:
        if order.kind in (OrderKind.CANCEL, OrderKind.CANCEL_STOP):
            kind = "limit" if order.kind is OrderKind.CANCEL else "stop"
            mine = [o for o in exchange.orders.values() if o.is_open and o.request.symbol == order.symbol]
            (resting,) = [o for o in mine if o.request.type == kind]
            assert exchange.cancel(resting.id) is None
        else:
            asked = read_request(request_values(order), "none")
            assert isinstance(asked, OrderRequest)
            outcome = exchange.submit(asked)
            assert not isinstance(outcome, Refusal), (order, outcome)


def expected(result: BacktestResult) -> list[tuple[object, ...]]:
    return [
        (f.slot, f.phase, f.symbol, "buy" if f.side > 0 else "sell", f.qty, f.price, f.client_order_id)
        for f in result.fills
    ]


KERNELS = {
    "limits": KernelConfig(max_trades_per_symbol=60, max_position=0.2),
    "trailing": KernelConfig(
        max_trades_per_symbol=60, max_position=0.2, trailing=True, min_hold_minutes=2, time_exit_minutes=20
    ),
    "market": KernelConfig(max_trades_per_symbol=60, max_position=0.2, orders="market", cooldown_minutes=1),
    "large": KernelConfig(
        max_trades_per_symbol=60,
        max_position=0.9,
        max_sector=1.0,
        max_beta=2.0,
        max_gross=4.0,
        buying_power=4.0,
        max_daily_loss=0.004,
    ),
}
SESSIONS = range(LATE, len(GRID.sessions))


@pytest.fixture(scope="module")
def results(market: Market, frames: Frames) -> dict[tuple[str, int], BacktestResult]:
    return {
        (name, session): decided(market, frames, session, kernel)
        for name, kernel in KERNELS.items()
        for session in SESSIONS
    }


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_exchange_fills_every_order_as_the_backtest_does(
    market: Market, results: dict[tuple[str, int], BacktestResult], session: int, kernel: str
) -> None:
    result = results[kernel, session]
    assert len(result.fills) > 10
    assert filled(market, session, result) == expected(result)


def test_these_sessions_have_every_kind_of_order_and_positions_that_a_halt_carried(
    results: dict[tuple[str, int], BacktestResult],
) -> None:
    orders = [order for result in results.values() for order in result.orders]
    assert {order.kind for order in orders} == set(OrderKind)
    reasons = {Reason.TRAIL, Reason.UNFILLED, Reason.FLATTEN, Reason.HALTED, Reason.HEDGE, Reason.TIME_EXIT}
    assert reasons <= {order.reason for order in orders}
    assert any(result.gross_usd[-1] > 0 for result in results.values())
