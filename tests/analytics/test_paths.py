import dataclasses

import numpy as np
import pytest

from daytrader_ray.analytics.paths import (
    Drawdown,
    average_day,
    rolling,
    sector_exposure,
    spans,
    volatility_matched,
    worst_drawdowns,
)
from daytrader_ray.analytics.performance import daily_returns, max_drawdown, sharpe
from daytrader_ray.analytics.run import Run
from tests.dashboard.runs import made_run


@pytest.fixture(scope="module")
def run() -> Run:
    return made_run(60)


def test_months_multiply_to_the_whole(run: Run) -> None:
    months = spans(run, "M")
    assert [str(month.begins) for month in months] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert sum(month.sessions for month in months) == 60
    growth = np.prod([1.0 + month.metrics["total_return"].value for month in months])
    assert growth == pytest.approx(run.session_equity[-1] / run.session_equity[0])
    assert len(spans(run, "Y")) == 1


def test_drawdowns_begin_at_a_peak_and_end_at_a_new_one() -> None:
    found = worst_drawdowns(np.array([100.0, 110.0, 99.0, 104.0, 110.0, 120.0, 114.0, 108.0]))
    assert found == (Drawdown(0.1, 1, 2, 4), Drawdown(0.1, 5, 7, -1))
    assert worst_drawdowns(np.array([1.0, 2.0, 3.0])) == ()


def test_the_deepest_drawdown_is_the_one_of_the_metrics(run: Run) -> None:
    found = worst_drawdowns(run.session_equity)
    assert found[0].depth == pytest.approx(max_drawdown(run.session_equity)[0])
    assert len(found) <= 10


def test_rolling_figures_are_those_of_their_window(run: Run) -> None:
    found = rolling(run)
    assert found is not None
    assert (found.window, len(found.sharpe)) == (21, 40)
    returns = daily_returns(run.session_equity)
    assert found.sharpe[-1] == pytest.approx(float(sharpe(returns[-21:])))
    assert rolling(made_run(10)) is None


def test_spy_at_the_volatility_of_the_run_has_it(run: Run) -> None:
    curve = volatility_matched(run)
    assert daily_returns(curve).std() == pytest.approx(daily_returns(run.session_equity).std())
    unknown = dataclasses.replace(run, spy=np.full_like(run.spy, np.nan))
    assert np.isnan(volatility_matched(unknown)[1:]).all()
    assert np.isnan(volatility_matched(made_run(1))[1:]).all()


def test_the_average_day_adds_up_to_the_run(run: Run) -> None:
    day = average_day(run)
    wanted = run.curve.equity[-1] - run.session_equity[0]
    assert day.pnl_usd.sum() * 60 == pytest.approx(wanted)
    assert day.entries.sum() * 60 == pytest.approx((~run.trades.hedge).sum())
    assert ((day.low <= day.pnl_usd) & (day.pnl_usd <= day.high)).all()
    assert (np.abs(day.net) <= day.gross + 1e-12).all()


def test_exposure_by_sector_adds_up_to_that_of_the_stocks(run: Run) -> None:
    found = sector_exposure(run)
    stocks = run.stocks
    held = stocks.notional_usd * (stocks.exit_slot - stocks.entry_slot)
    first = held[stocks.session == run.dates[0]].sum() / 390 / run.session_equity[0]
    assert sum(values[0] for values in found.values()) == pytest.approx(first)
    assert "hedge" not in found
