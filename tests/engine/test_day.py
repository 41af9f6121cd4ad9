"""The worked examples of docs/fills.md, each through a whole backtest of a hand-made session."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from daytrader_ray.domain.budget import SIZING_STEPS, Budgets, unlimited
from daytrader_ray.domain.costs import CostConfig, SpreadStep
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.domain.trading import OrderKind, Phase, Reason
from daytrader_ray.engine.backtest import BacktestResult, Plan, backtest
from daytrader_ray.engine.config import HedgeRule, KernelConfig

N = 60
FIRST = dt.date(2025, 11, 3)
FREE = CostConfig(
    min_half_spread_usd=0.0, spread_table=(SpreadStep(adv_usd=0.0, half_spread_bps=0.0),), impact_factor=0.0
)
Bars = dict[int, dict[str, float]]
A, B = Phase.OPEN, Phase.INTRABAR


def market(bars: Bars, price: float, n_sessions: int, symbols: tuple[str, ...], ratio: float) -> Frames:
    """Sessions of bars at one price with volume 4,000, ATR 0.50; `bars` changes rows of the first symbol.

    A split at the second session's open gives `ratio` new shares of the first symbol for an old one.
    """
    days = tuple(Session(FIRST + dt.timedelta(days=k), 29_370_000 + 1440 * k, N) for k in range(n_sessions))
    grid = SessionGrid(days)
    shape = grid.n_rows, len(symbols)
    prices = {name: np.full(shape, price) for name in ("open", "high", "low", "close")}
    prices["volume"] = np.full(shape, 4000.0)
    for values in prices.values():
        values[N:, 0] /= 1.0 if values is prices["volume"] else ratio
    for row, changes in bars.items():
        for name, value in changes.items():
            prices[name][row, 0] = value
    factor = np.ones((n_sessions, len(symbols)))
    factor[1:, 0] = ratio
    panel = Panel(
        grid, symbols, **prices, vwap=prices["close"], traded=prices["volume"] > 0, price_factor=factor,
        share_factor=factor,
    )  # fmt: skip
    atr, known = np.full(shape, 0.5), np.ones((n_sessions, len(symbols)))
    features = FeatureMatrix((), np.empty((*shape, 0), dtype=np.float32), atr, atr, atr)
    return Frames(panel, features, 1e6 * known, 0.02 * known, np.full(shape, 1e6))


def traded(
    bars: Bars,
    signals: dict[int, float],
    plan: dict[str, Any] | None = None,
    price: float = 50.0,
    n_sessions: int = 1,
    symbols: tuple[str, ...] = ("AAA",),
    ratio: float = 1.0,
    costs: CostConfig = FREE,
    **kernel: Any,
) -> BacktestResult:
    """Trade the first symbol on signals by row (each holds until the next one) with a threshold of 0.5."""
    frames = market(bars, price, n_sessions, symbols, ratio)
    signal = np.zeros(frames.panel.close.shape)
    for row, value in sorted(signals.items()):
        signal[row:, 0] = value
    n = len(symbols)
    given = {
        "tradable": np.ones((n_sessions, n), dtype=np.bool_),
        "sector": np.zeros(n, dtype=np.int64),
        "threshold": np.full(n_sessions, 0.5),
        "sector_limit": np.full((n_sessions, 1), np.inf),
    }
    rules = KernelConfig(**({"sizing": "confidence", "orders": "limit", "max_position": 0.15} | kernel))
    ones = np.ones(len(signal))
    return backtest(frames, signal, ones, Plan(**(given | (plan or {}))), rules, costs, (0, n_sessions))


def fills_of(result: BacktestResult) -> list[tuple[int, Phase, OrderKind, int, float]]:
    return [(fill.slot, fill.phase, fill.kind, fill.side * fill.qty, fill.price) for fill in result.fills]


def orders_of(result: BacktestResult, slot: int) -> list[tuple[OrderKind, int, Reason, float | None]]:
    mine = [order for order in result.orders if order.slot == slot]
    return [(x.kind, x.side * x.qty, x.reason, x.stop_price or x.limit_price) for x in mine]


ENTRY, EXIT, STOP, CANCEL, CANCEL_STOP, HEDGE = (
    OrderKind.ENTRY, OrderKind.EXIT, OrderKind.STOP, OrderKind.CANCEL, OrderKind.CANCEL_STOP, OrderKind.HEDGE,
)  # fmt: skip
BUY = {10: 1.0 / 1.5, 11: 0.2}
"""Asks once, for 200 shares at 50.00, and holds on."""


@pytest.mark.parametrize(
    ("bar", "filled"),
    [
        ({}, None),  # a touch: open and low at the limit
        ({"open": 50.01, "high": 50.01, "low": 49.99}, (B, 50.0)),
        ({"open": 49.98, "low": 49.98}, (A, 49.98)),
        ({"open": 49.98, "low": 49.98, "volume": 19.0}, None),  # 5 % of it is less than a share
        ({"open": 49.98, "low": 49.98, "volume": 0.0}, None),
    ],
)
def test_an_entry_rests_at_the_close_for_one_bar(bar: dict[str, float], filled: tuple[Phase, float] | None) -> None:
    result = traded({11: bar}, BUY)
    assert orders_of(result, 10) == [(ENTRY, 200, Reason.SIGNAL, 50.0)]
    if filled is None:
        assert not result.fills
        assert orders_of(result, 11) == [(CANCEL, 200, Reason.UNFILLED, None)]
    else:
        assert fills_of(result)[0] == (11, filled[0], ENTRY, 200, filled[1])
        assert orders_of(result, 11) == [(STOP, -200, Reason.PROTECT, round(filled[1] - 1.0, 2))]


def test_costs_take_a_limit_up_to_itself_and_not_beyond() -> None:
    costs = FREE.model_copy(update={"min_half_spread_usd": 0.03})
    assert fills_of(traded({11: {"open": 49.98}}, BUY, costs=costs))[0] == (11, A, ENTRY, 200, 50.0)


def test_a_bar_gives_five_percent_of_its_volume_and_the_rest_of_an_entry_is_cancelled() -> None:
    result = traded({11: {"open": 49.98}}, {10: 1.0, 11: 0.2})
    assert fills_of(result)[0] == (11, A, ENTRY, 200, 49.98)
    assert orders_of(result, 11)[1:] == [(CANCEL, 100, Reason.UNFILLED, None)]


def test_an_entry_filled_inside_the_bar_has_its_stop_from_the_next_one_on() -> None:
    result = traded({11: {"open": 50.01, "low": 48.0}}, BUY)
    assert fills_of(result)[0] == (11, B, ENTRY, 200, 50.0)
    assert result.trades[0].reason is Reason.FLATTEN


def test_an_exit_that_its_limit_does_not_fill_goes_on_at_market_with_the_stop_between() -> None:
    bars: Bars = {11: {"open": 49.98, "volume": 9000.0}, 31: {"high": 49.9, "open": 49.9}}
    result = traded(bars, {10: 1.0, 11: 0.2, 30: -0.6, 31: 0.0}, allow_short=False)
    assert orders_of(result, 30) == [
        (CANCEL_STOP, -300, Reason.REVERSED, None), (EXIT, -300, Reason.REVERSED, 50.0),
    ]  # fmt: skip
    assert orders_of(result, 31) == [(CANCEL, -300, Reason.UNFILLED, None), (EXIT, -300, Reason.REVERSED, None)]
    assert orders_of(result, 32) == [
        (STOP, -100, Reason.PROTECT, 48.98), (CANCEL_STOP, -100, Reason.REVERSED, None),
        (EXIT, -100, Reason.REVERSED, None),
    ]  # fmt: skip
    assert fills_of(result)[1:] == [(32, A, EXIT, -200, 50.0), (33, A, EXIT, -100, 50.0)]
    assert result.trades[0].reason is Reason.REVERSED and not result.trades[0].carried


def test_a_bar_that_opens_beyond_the_stop_fills_it_there() -> None:
    result = traded({11: {"open": 49.98}, 20: {"open": 48.4, "high": 48.5, "low": 48.2, "close": 48.3}}, BUY)
    assert fills_of(result)[1] == (20, B, STOP, -200, 48.4)


def test_an_exit_at_the_open_comes_before_the_stop_that_it_has_cancelled() -> None:
    bars: Bars = {11: {"open": 49.98}, 31: {"open": 50.5, "low": 48.0}}
    result = traded(bars, {10: 1.0 / 1.5, 11: 0.2, 30: -0.6, 31: 0.0}, allow_short=False)
    assert fills_of(result)[1] == (31, A, EXIT, -200, 50.5)


def test_a_trailing_stop_follows_the_highs_of_later_bars() -> None:
    bars: Bars = {11: {"open": 49.98, "high": 55.0}, 12: {"high": 51.2}, 13: {"high": 51.204}}
    result = traded(bars, BUY, trailing=True)
    assert orders_of(result, 11) == [(STOP, -200, Reason.PROTECT, 48.98)]
    assert orders_of(result, 12) == [(CANCEL_STOP, -200, Reason.TRAIL, None), (STOP, -200, Reason.TRAIL, 50.2)]
    assert not orders_of(result, 13)
    assert fills_of(result)[1] == (13, B, STOP, -200, 50.0)


@pytest.mark.parametrize(("ratio", "qty", "price"), [(1.0, 200, 50.0), (2.0, 400, 25.0), (0.3, 60, 50.0 / 0.3)])
def test_what_a_halt_carries_is_marked_flagged_and_sold_from_the_next_first_close_on(
    ratio: float, qty: int, price: float
) -> None:
    halted = {FIRST: np.arange(N)[:, None] >= 50}
    plan = {"halts": halted}
    result = traded({11: {"open": 49.98}}, BUY, plan=plan, n_sessions=2, ratio=ratio)
    (trade,) = result.trades
    assert trade.carried and trade.reason is Reason.CARRIED
    assert result.session_equity[1] == pytest.approx(100_000 + 200 * 0.02)
    last = result.fills[-1]
    assert (last.session, last.slot, last.qty) == (FIRST + dt.timedelta(days=1), 1, qty)
    assert last.price == pytest.approx(price, abs=1e-4)
    assert trade.pnl_usd == pytest.approx(result.session_equity[2] - 100_000, abs=1e-6)
    assert result.verdicts[Reason.DENIED_SESSION] > 0


@pytest.mark.parametrize(("since", "carried"), [(54, True), (55, True), (56, False)])
def test_what_does_not_trade_for_five_minutes_up_to_the_close_is_carried(since: int, carried: bool) -> None:
    silent: Bars = {row: {"volume": 0.0} for row in range(since, N)}
    result = traded({11: {"open": 49.98}} | silent, BUY, n_sessions=2, flat_minutes=1)
    (trade,) = result.trades
    assert trade.carried == carried
    assert trade.reason is (Reason.CARRIED if carried else Reason.FLATTEN)
    last = result.fills[-1]
    assert (last.session, last.slot) == ((FIRST + dt.timedelta(days=1), 1) if carried else (FIRST, N - 1))


def test_a_halt_in_an_entry_fills_nothing_and_denies_the_next() -> None:
    halts = {FIRST: (np.arange(N)[:, None] >= 11) & (np.arange(N)[:, None] < 14)}
    result = traded({11: {"open": 49.0}}, {10: 1.0 / 1.5, 14: 0.0}, plan={"halts": halts})
    assert not result.fills
    assert result.verdicts[Reason.DENIED_HALT] == 3


def test_exits_alone_are_sent_while_the_session_is_told_so() -> None:
    reducing = {FIRST: np.arange(N) < 20}
    result = traded({21: {"open": 49.0}}, {10: 1.0}, plan={"reducing": reducing})
    assert min(order.slot for order in result.orders) == 20
    assert result.verdicts[Reason.DENIED_REDUCING] == 20


def test_an_entry_tells_how_it_got_its_size() -> None:
    result = traded({}, {10: 0.8, 11: 0.2}, price=33.0, max_position=0.05)
    (order,) = [order for order in result.orders if order.kind is ENTRY]
    assert order.qty == 121
    steps = dict(zip(SIZING_STEPS, result.sizing[order.client_order_id].tolist(), strict=True))
    assert steps == pytest.approx({
        "signal": 0.8, "threshold": 0.5, "cap": 0.05, "fraction": 0.5, "kelly": 1.0, "regime_scale": 1.0,
        "event_scale": 1.0, "wish_usd": 4000.0, "room_sector_usd": 25_000.0, "room_gross_usd": 200_000.0,
        "room_net_usd": 100_000.0, "room_beta_usd": 50_000.0, "room_power_usd": 200_000.0,
        "room_volume_shares": 50_000.0, "bound": -1.0,
    })  # fmt: skip


def test_a_budget_holds_from_its_row_on_and_its_hedge_is_a_trade_apart() -> None:
    none, half = unlimited(2, 0.0), unlimited(2, 0.15)._replace(hedge=1, beta=np.array([2.0, 1.0]))
    budgets = Budgets((np.arange(N) >= 15).astype(np.int64), (none, half))
    result = traded(
        {21: {"open": 49.98, "volume": 9000.0}, 22: {"open": 49.98}}, {10: 1.0, 22: 0.2},
        plan={"budgets": budgets}, symbols=("AAA", "SPY"), max_gross=4.0, hedge=HedgeRule(caps={"SPY": 0.5}),
    )  # fmt: skip
    assert min(order.slot for order in result.orders) == 15
    hedges = [order for order in result.orders if order.kind is HEDGE]
    assert (hedges[0].slot, hedges[0].side, hedges[0].qty) == (21, -1, 600)
    assert [(trade.symbol, trade.hedge, trade.reason) for trade in result.trades] == [
        ("AAA", False, Reason.FLATTEN), ("SPY", True, Reason.FLATTEN),
    ]  # fmt: skip
    row = 30
    stock, hedge = 300 * 50.0, result.hedge_usd[row]
    assert result.net_usd[row] == pytest.approx(stock + hedge)
    assert result.gross_usd[row] == pytest.approx(stock - hedge)
    assert result.beta_usd[row] == pytest.approx(2.0 * stock + hedge)
    assert result.cash[row] + result.net_usd[row] == pytest.approx(result.equity[row])
