"""The backtest keeps its books straight and its limits, on random markets."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.backtest import BacktestResult, Plan, backtest
from daytrader_ray.engine.config import KernelConfig
from tests.engine.markets import frames

CASH = 100_000.0


def plan_for(market: Frames, threshold: float = 0.6, sectors: int = 3) -> Plan:
    n_sessions, n = len(market.panel.grid.sessions), len(market.panel.symbols)
    who, limit = np.ones((n_sessions, n), dtype=np.bool_), np.full((n_sessions, sectors), np.inf)
    return Plan(who, np.arange(n) % sectors, np.full(n_sessions, threshold), limit)


def run(market: Frames, seed: int, kernel: KernelConfig, threshold: float = 0.6) -> BacktestResult:
    rng = np.random.default_rng(seed)
    signals = np.clip(rng.normal(0, 0.5, market.panel.close.shape), -1, 1)
    signals[rng.random(signals.shape) < 0.05] = np.nan
    scale = rng.choice([1.0, 0.25], market.panel.grid.n_rows)
    sessions = (0, len(market.panel.grid.sessions))
    return backtest(market, signals, scale, plan_for(market, threshold), kernel, CostConfig(), sessions, CASH)


markets = st.builds(
    frames,
    seed=st.integers(0, 10_000),
    n_sessions=st.integers(1, 2),
    n_slots=st.just(60),
    n_symbols=st.integers(1, 6),
    minute_vol=st.sampled_from([0.0005, 0.002, 0.01]),
)
kernels = st.builds(
    KernelConfig,
    orders=st.sampled_from(["limit", "market"]),
    sizing=st.sampled_from(["kelly", "confidence"]),
    trailing=st.booleans(),
    max_position=st.sampled_from([0.05, 0.3, 1.0]),
    max_sector=st.sampled_from([0.06, 0.25]),
    max_gross=st.sampled_from([0.1, 2.0]),
    min_hold_minutes=st.sampled_from([0, 15]),
    time_exit_minutes=st.sampled_from([3, 120]),
    allow_short=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(markets, kernels, st.integers(0, 1000))
def test_cash_and_fills_account_for_every_cent_and_the_book_ends_flat(
    market: Frames, kernel: KernelConfig, seed: int
) -> None:
    result = run(market, seed, kernel)
    cash = CASH - sum(f.side * f.qty * f.price + f.fee for f in result.fills)
    held = Counter[str]()
    for fill in result.fills:
        held[fill.symbol] += fill.side * fill.qty
    assert not any(held.values())
    assert result.session_equity[-1] == pytest.approx(cash, abs=1e-6)
    assert CASH + sum(trade.pnl_usd for trade in result.trades) == pytest.approx(cash, abs=1e-6)
    assert all(order.reason is not Reason.NONE for order in result.orders)
    assert len({order.client_order_id for order in result.orders}) == len(result.orders)


@settings(max_examples=60, deadline=None)
@given(markets, kernels, st.integers(0, 1000))
def test_no_entry_takes_a_stock_a_sector_or_the_book_over_its_limit_on_the_mark(
    market: Frames, kernel: KernelConfig, seed: int
) -> None:
    result = run(market, seed, kernel)
    panel, grid = market.panel, market.panel.grid
    entries = [order for order in result.orders if order.kind is OrderKind.ENTRY]
    for order in entries:
        row = int(grid.first_row[grid.index_of(order.session)]) + order.slot
        i = panel.column(order.symbol)
        equity = result.equity[row]
        worth = order.qty * panel.close[row, i]
        assert worth <= kernel.max_position * equity * (1 + 1e-9)
        assert worth <= min(kernel.max_sector, kernel.max_gross) * equity * (1 + 1e-9)
        assert order.qty <= 0.05 * market.expected_volume[min(row + 1, grid.n_rows - 1), i]
        assert kernel.allow_short or order.side > 0


@settings(max_examples=40, deadline=None)
@given(markets, st.integers(0, 1000), st.integers(1, 59))
def test_nothing_decided_up_to_a_bar_depends_on_later_bars(market: Frames, seed: int, cut: int) -> None:
    kernel = KernelConfig(min_hold_minutes=3)
    before = run(market, seed, kernel)
    panel = market.panel
    rng = np.random.default_rng(seed + 1)

    def after(array: np.ndarray) -> np.ndarray:
        changed = array.copy()
        changed[cut + 1 :] = np.round(changed[cut + 1 :] * rng.uniform(0.9, 1.1), 2)
        return changed

    other = dataclasses.replace(
        panel, open=after(panel.open), high=after(panel.high), low=after(panel.low), close=after(panel.close)
    )
    changed = run(dataclasses.replace(market, panel=other), seed, kernel)
    first = panel.grid.sessions[0].date
    for ours, theirs in ((before.orders, changed.orders), (before.fills, changed.fills)):
        assert [x for x in ours if x.session == first and x.slot <= cut] == [
            x for x in theirs if x.session == first and x.slot <= cut
        ]
    assert np.array_equal(before.equity[: cut + 1], changed.equity[: cut + 1])


def test_the_order_of_symbols_does_not_matter() -> None:
    market = frames(3, n_symbols=5)
    rng = np.random.default_rng(0)
    signals = np.clip(rng.normal(0, 0.5, market.panel.close.shape), -1, 1)
    ones = np.ones(market.panel.grid.n_rows)
    turn = np.arange(5)[::-1]

    def turned(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[:, turn])

    panel = dataclasses.replace(
        market.panel,
        symbols=tuple(market.panel.symbols[i] for i in turn),
        **{name: turned(getattr(market.panel, name)) for name in ("open", "high", "low", "close", "volume", "traded")},
    )
    other = Frames(
        panel,
        dataclasses.replace(market.features, atr_5=turned(market.features.atr_5)),
        market.adv,
        market.sigma_day,
        market.expected_volume,
    )
    plan = plan_for(market)
    mirrored = dataclasses.replace(plan, sector=plan.sector[turn])
    one = backtest(market, signals, ones, plan, KernelConfig(), CostConfig(), (0, 2))
    two = backtest(other, turned(signals), ones, mirrored, KernelConfig(), CostConfig(), (0, 2))
    assert one.session_equity.tolist() == pytest.approx(two.session_equity.tolist(), abs=1e-6)
    assert sorted(f.client_order_id for f in one.fills) == sorted(f.client_order_id for f in two.fills)


def test_a_loss_of_two_percent_on_the_mark_sells_everything_and_stops_entries() -> None:
    kernel = KernelConfig(max_position=1.0, max_sector=1.0, min_hold_minutes=60)
    halted = 0
    for seed in range(8):
        market = frames(seed, n_sessions=1, n_symbols=6, minute_vol=0.02)
        deep = market.panel.volume * 100
        market = dataclasses.replace(
            market,
            panel=dataclasses.replace(market.panel, volume=deep),
            expected_volume=market.expected_volume * 100,
        )
        result = run(market, seed, kernel)
        below = np.flatnonzero(result.equity <= CASH * 0.98)
        if not below.size or below[0] >= 53:
            continue
        halted += 1
        late = [order for order in result.orders if order.slot >= below[0]]
        assert not [order for order in late if order.kind is OrderKind.ENTRY]
        exits = {order.reason for order in late if order.kind is OrderKind.EXIT}
        assert exits <= {Reason.HALTED}
    assert halted >= 3


def test_every_way_out_is_taken_somewhere() -> None:
    reasons: set[Reason] = set()
    for seed in range(6):
        kernel = KernelConfig(min_hold_minutes=15 if seed % 2 else 60, stop_atr=2.0 if seed % 2 else 20.0)
        result = run(frames(seed, n_sessions=2, n_slots=90, n_symbols=6), seed, kernel, threshold=0.9)
        reasons |= {trade.reason for trade in result.trades}
    assert {Reason.STOP, Reason.SIGNAL_EXIT, Reason.REVERSED, Reason.FLATTEN} <= reasons


@settings(max_examples=30, deadline=None)
@given(markets, kernels, st.integers(0, 1000), st.sampled_from([0.0, 0.5]))
def test_near_an_event_entries_are_smaller_or_none_and_no_sector_passes_its_limit_of_the_day(
    market: Frames, kernel: KernelConfig, seed: int, size: float
) -> None:
    panel, rng = market.panel, np.random.default_rng(seed)
    grid, n = panel.grid, len(panel.symbols)
    plan = plan_for(market)
    limit = rng.choice([0.0, 0.03, 0.2, np.inf], (len(grid.sessions), 3))
    near = {grid.sessions[0].date: np.where(rng.random((60, n)) < 0.5, size, 1.0)}
    plan = dataclasses.replace(plan, sector_limit=limit, event_scale=near)
    signals = np.clip(rng.normal(0, 0.5, panel.close.shape), -1, 1)
    sessions = (0, len(grid.sessions))
    result = backtest(market, signals, np.ones(grid.n_rows), plan, kernel, CostConfig(), sessions, CASH)
    for order in result.orders:
        if order.kind is not OrderKind.ENTRY:
            continue
        s, i = grid.index_of(order.session), panel.column(order.symbol)
        row = int(grid.first_row[s]) + order.slot
        worth, equity = order.qty * panel.close[row, i], result.equity[row]
        here = float(near[order.session][order.slot, i]) if order.session in near else 1.0
        assert 0 < worth <= kernel.max_position * here * equity * (1 + 1e-9)
        assert worth <= min(kernel.max_sector, limit[s, i % 3]) * equity * (1 + 1e-9)


def test_a_day_of_events_has_no_entry_and_says_why() -> None:
    market = frames(3)
    grid = market.panel.grid
    plan = dataclasses.replace(plan_for(market), event_scale={grid.sessions[1].date: np.zeros((60, 4))})
    signals, ones = np.ones(market.panel.close.shape), np.ones(grid.n_rows)
    result = backtest(market, signals, ones, plan, KernelConfig(), CostConfig(), (0, 2), CASH)
    assert {o.session for o in result.orders if o.kind is OrderKind.ENTRY} == {grid.sessions[0].date}
    assert result.verdicts[Reason.DENIED_EVENT] > 100
