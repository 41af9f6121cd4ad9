import dataclasses
import math

import numpy as np
import pytest

from daytrader_ray.analytics.measure import OF_A_YEAR, Estimate, by_session, measure
from daytrader_ray.analytics.performance import CostTotals, TradeTable, performance
from daytrader_ray.analytics.run import Run
from daytrader_ray.analytics.targets import BEYOND, MET, MISSED, TABLES, UNKNOWN
from tests.dashboard.runs import made_run


@pytest.fixture(scope="module")
def run() -> Run:
    return made_run(60)


def test_a_run_has_the_figures_of_its_curve_its_trades_and_its_costs(run: Run) -> None:
    stocks = run.stocks
    fills = run.fills
    costs = CostTotals(
        fills.spread_usd.sum(), fills.impact_usd.sum(), fills.fee_usd.sum(), (fills.qty * fills.price).sum()
    )
    held = (stocks.exit_slot - stocks.entry_slot).astype(np.float64)
    wanted = performance(run.session_equity, TradeTable(stocks.pnl_usd, held), costs)
    got = measure(run)
    for key, value in dataclasses.asdict(wanted).items():
        if key not in ("days", "trades", "exposure", "turnover", "capacity_usd"):
            assert got[key].value == pytest.approx(value, rel=1e-9), key
    assert got["turnover"].value == pytest.approx(wanted.turnover, rel=0.01)
    assert got["capacity_usd"].value == pytest.approx(wanted.capacity_usd, rel=0.01)


def test_every_figure_lies_near_its_interval_and_the_seed_fixes_it(run: Run) -> None:
    got = measure(run)
    assert got == measure(run)
    for key, estimate in got.items():
        assert estimate.low <= estimate.high, key
    assert got["total_return"].low < got["total_return"].value < got["total_return"].high


def test_a_few_sessions_have_figures_and_no_intervals() -> None:
    got = measure(made_run(5))
    assert math.isfinite(got["total_return"].value)
    assert all(math.isnan(estimate.low) for estimate in got.values())


@pytest.mark.parametrize(("sessions", "told"), [(19, False), (20, True)])
def test_a_few_sessions_say_nothing_of_a_year(sessions: int, told: bool) -> None:
    found = measure(made_run(sessions))
    assert all(math.isfinite(found[key].value) is told for key in OF_A_YEAR)
    assert math.isfinite(found["total_return"].value) and math.isfinite(found["max_drawdown"].value)


def test_the_drawdown_inside_sessions_is_that_of_the_whole_curve(run: Run) -> None:
    path = np.concatenate([run.session_equity[:1], run.curve.equity])
    wanted = np.max(1.0 - path / np.maximum.accumulate(path))
    assert measure(run)["intraday_drawdown"].value == pytest.approx(wanted, rel=1e-9)


def test_beta_knows_only_days_on_which_spy_is_known(run: Run) -> None:
    spy = run.spy.copy()
    spy[0] = np.nan
    returns, market = np.diff(run.session_equity) / run.session_equity[:-1], np.diff(run.spy) / run.spy[:-1]
    wanted = np.cov(returns[1:], market[1:])[0, 1] / market[1:].var(ddof=1)
    assert measure(dataclasses.replace(run, spy=spy))["beta"].value == pytest.approx(wanted)
    assert math.isnan(measure(dataclasses.replace(run, spy=np.full_like(spy, np.nan)))["beta"].value)


def test_a_run_that_never_traded_has_dashes_and_no_errors(run: Run) -> None:
    idle = dataclasses.replace(
        run,
        session_equity=np.full(61, 1e5),
        trades=run.trades.where(np.zeros(len(run.trades), dtype=np.bool_)),
        fills=run.fills.where(np.zeros(len(run.fills), dtype=np.bool_)),
        curve=dataclasses.replace(run.curve, equity=np.full(len(run.curve), 1e5)),
    )
    got = measure(idle)
    assert got["total_return"].value == 0.0
    assert math.isnan(got["sharpe"].value)
    assert got["trades_a_day"] == Estimate(0.0, 0.0, 0.0)


def test_a_carried_trade_was_held_through_the_rest_of_its_session(run: Run) -> None:
    carried = np.zeros(len(run.trades), dtype=np.bool_)
    carried[0] = True
    more = by_session(dataclasses.replace(run, trades=dataclasses.replace(run.trades, carried=carried)))
    assert more.sums.minutes.sum() - by_session(run).sums.minutes.sum() in (0, 390)


def test_targets_say_met_missed_or_better_than_hoped() -> None:
    drawdown = TABLES["Benchmarks"][2]
    said = [drawdown.judged(Estimate(value)) for value in (0.15, 0.25, 0.05, math.nan)]
    assert said == [MET, MISSED, BEYOND, UNKNOWN]
    rate = TABLES["Expectations"][5]
    assert [rate.judged(Estimate(value)) for value in (200.0, 400.0, 20.0)] == [MET, MISSED, MISSED]


def test_every_target_is_a_metric_that_is_measured(run: Run) -> None:
    got = measure(run)
    assert {target.key for table in TABLES.values() for target in table} <= set(got)
