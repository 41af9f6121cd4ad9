import dataclasses
import math

import numpy as np
import pytest

from daytrader_ray.analytics.measure import measure, volume_room
from daytrader_ray.analytics.performance import daily_returns, sharpe
from daytrader_ray.analytics.run import Run
from daytrader_ray.analytics.sweeps import capacity_curve, cost_sweep, free_share
from daytrader_ray.dashboard.tearsheet.costs import cost_section
from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.domain.trading import OrderKind
from tests.dashboard.runs import made_run


@pytest.fixture(scope="module")
def run() -> Run:
    return made_run(60, edge_bps=1.5)


def test_the_run_itself_is_at_one_and_no_costs_are_better(run: Run) -> None:
    sweep = cost_sweep(run)
    at = {factor: value for factor, value in zip(sweep.factor, sweep.total_return, strict=True)}
    assert at[1.0] == pytest.approx(run.session_equity[-1] / run.session_equity[0] - 1)
    assert at[0.0] > at[1.0] > at[2.0]
    cost = (run.fills.spread_usd + run.fills.impact_usd + run.fills.fee_usd).sum()
    assert at[0.0] - at[1.0] == pytest.approx(cost / 1e5, rel=0.05)


def test_costs_may_grow_until_nothing_is_left(run: Run) -> None:
    sweep = cost_sweep(run)
    assert 1.0 < sweep.crossing < 3.0
    assert np.interp(sweep.crossing, sweep.factor, sweep.total_return) == pytest.approx(0.0, abs=1e-9)


def test_more_money_pays_more_impact_until_the_sharpe_ratio_is_half(run: Run) -> None:
    curve = capacity_curve(run)
    here = float(sharpe(daily_returns(run.session_equity)))
    assert np.interp(1.0, curve.factor, curve.sharpe) == pytest.approx(here)
    assert (np.diff(curve.sharpe) < 0).all()
    assert np.interp(curve.crossing, curve.factor, curve.sharpe) == pytest.approx(here / 2)


def test_a_loser_has_no_capacity() -> None:
    assert math.isnan(capacity_curve(made_run(30, edge_bps=-20.0)).crossing)


def test_the_curve_ends_where_nothing_is_earned(run: Run) -> None:
    curve = capacity_curve(run)
    assert (curve.sharpe[:-1] >= 0).all() and curve.factor[-1] >= 1.0


def test_half_of_the_entries_meet_the_limit_of_volume_at_this_size(run: Run) -> None:
    room = run.decisions.steps[:, SIZING_STEPS.index("room_volume_shares")] / run.stocks.qty
    assert volume_room(run) == pytest.approx(np.median(room))
    none = dataclasses.replace(run, decisions=run.decisions.where(np.empty(0, dtype=np.int64)))
    assert math.isnan(volume_room(none))


def test_the_capacity_is_no_larger_than_what_the_volume_lets_in(run: Run) -> None:
    steps = run.decisions.steps.copy()
    steps[:, SIZING_STEPS.index("room_volume_shares")] = 3.0 * run.stocks.qty
    narrow = dataclasses.replace(run, decisions=dataclasses.replace(run.decisions, steps=steps))
    equity = 0.5 * (run.session_equity[1:] + run.session_equity[:-1]).mean()
    assert measure(narrow)["capacity_usd"].value == pytest.approx(3.0 * equity)


def test_what_limits_filled_without_cost_is_told(run: Run) -> None:
    assert free_share(run) == 0.0
    fills, entries = run.fills, run.fills.kind == OrderKind.ENTRY
    costs = {name: np.where(entries, 0.0, getattr(fills, name)) for name in ("spread_usd", "impact_usd")}
    quiet = dataclasses.replace(run, fills=dataclasses.replace(fills, **costs))
    assert free_share(quiet) == pytest.approx(0.5, abs=0.01)
    assert "of the value traded was filled at limits" in cost_section(quiet)
    assert "of the value traded was filled at limits" not in cost_section(run)
