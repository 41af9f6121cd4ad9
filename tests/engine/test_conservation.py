"""Books, limits and the close hold in random markets, under random rules and signals; all rules are reached."""

import dataclasses
from collections import Counter
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.domain.budget import Budget, Budgets
from daytrader_ray.domain.trading import Reason
from daytrader_ray.engine.backtest import BacktestResult, backtest
from tests.engine.cases import HEDGES, Case, Size, case
from tests.engine.conservation import BOUNDS, LIVE_ONLY, coverage, violations

seeds = st.integers(0, 2**32 - 1)
sizes = st.builds(Size, n_sessions=st.integers(1, 3), n_stocks=st.integers(1, 6))


def run(case: Case) -> BacktestResult:
    return backtest(case.frames, case.signals, case.scale, case.plan, case.kernel, case.costs, case.sessions, case.cash)


@settings(max_examples=100, deadline=None)
@given(seeds, sizes)
def test_the_books_balance_and_every_limit_holds(seed: int, size: Size) -> None:
    drawn = case(seed, size)
    assert not violations(drawn, run(drawn))


@settings(max_examples=40, deadline=None)
@given(seeds, sizes)
def test_the_order_of_stocks_does_not_matter(seed: int, size: Size) -> None:
    """Where no signals tie: two stocks of a neutral sector always would, and ties go by symbol."""
    drawn, rng = case(seed, size), np.random.default_rng(seed)
    symbols = drawn.frames.panel.symbols
    stocks = [i for i, symbol in enumerate(symbols) if symbol not in HEDGES]
    turn = np.arange(len(symbols))
    turn[stocks] = rng.permutation(stocks)
    apart = drawn.signals * rng.uniform(0.99, 1.0, drawn.signals.shape)
    budgets = drawn.plan.budgets
    plain = budgets and Budgets(budgets.at, tuple(one._replace(neutral=0) for one in budgets.items))
    drawn = dataclasses.replace(drawn, signals=apart, plan=dataclasses.replace(drawn.plan, budgets=plain))
    left, right = run(drawn), run(turned(drawn, turn))
    by = attrgetter("session", "slot", "phase", "client_order_id")
    assert sorted(left.fills, key=by) == sorted(right.fills, key=by)
    assert left.equity.tolist() == pytest.approx(right.equity.tolist(), abs=1e-6)


def turned(case: Case, turn: np.ndarray) -> Case:
    """Return the same case with its symbols in another order."""
    frames, plan, n = case.frames, case.plan, len(turn)

    def columns(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[..., turn])

    panel = dataclasses.replace(
        frames.panel,
        symbols=tuple(frames.panel.symbols[i] for i in turn),
        **{
            field.name: columns(getattr(frames.panel, field.name))
            for field in dataclasses.fields(frames.panel)
            if field.name not in ("grid", "symbols")
        },
    )
    features = dataclasses.replace(frames.features, atr_5=columns(frames.features.atr_5))
    by_symbol = ("adv", "sigma_day", "expected_volume", "half_spread_bps")
    arrays = {name: columns(getattr(frames, name)) for name in by_symbol}
    other = dataclasses.replace(frames, panel=panel, features=features, **arrays)
    where = np.empty(n, dtype=np.int64)
    where[turn] = np.arange(n)

    def budget(of: Budget) -> Budget:
        hedge = int(where[of.hedge]) if of.hedge >= 0 else -1
        return of._replace(
            cap=columns(of.cap), hedge=hedge, hedge_weight=columns(of.hedge_weight), beta=columns(of.beta)
        )

    budgets = plan.budgets and Budgets(plan.budgets.at, tuple(budget(of) for of in plan.budgets.items))
    mirrored = dataclasses.replace(
        plan,
        tradable=columns(plan.tradable),
        sector=columns(plan.sector),
        event_scale={day: columns(scale) for day, scale in plan.event_scale.items()},
        shortable=columns(plan.shortable),
        halts={day: columns(halts) for day, halts in plan.halts.items()},
        budgets=budgets,
    )
    return dataclasses.replace(case, frames=other, signals=columns(case.signals), plan=mirrored)


def test_every_rule_and_every_room_is_reached() -> None:
    seen: Counter[str] = Counter()
    for seed in range(300):
        seen += coverage(run(case(seed)))
    reached = {name.split()[-1] for name in seen} | {name.split()[-2] for name in seen if "carried" in name}
    assert not {reason.name for reason in Reason} - reached - {reason.name for reason in LIVE_ONLY}
    assert {f"bound {name}" for name in BOUNDS} <= set(seen)
    assert {"fill ENTRY A", "fill ENTRY B", "fill EXIT A", "fill EXIT B", "fill STOP B", "fill HEDGE A"} <= set(seen)
    assert any(name.endswith("carried") for name in seen)
