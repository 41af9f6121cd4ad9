import math

import numpy as np
import pytest

from daytrader_ray.analytics.performance import CostTotals, TradeTable, performance, sharpe

EQUITY = np.array([100.0, 110.0, 99.0, 104.0, 104.0, 120.0])
TRADES = TradeTable(np.array([10.0, -5.0, 15.0]), np.array([20.0, 30.0, 40.0]))


def test_the_figures_of_a_small_curve_are_those_of_pencil_and_paper() -> None:
    got = performance(EQUITY, TRADES, CostTotals(1.0, 2.0, 0.5, 400.0), exposure=0.3)
    returns = [0.10, -0.10, 104 / 99 - 1, 0.0, 120 / 104 - 1]
    mean = sum(returns) / 5
    std = math.sqrt(sum((r - mean) ** 2 for r in returns) / 4)
    assert got.days == 5
    assert got.total_return == pytest.approx(0.2)
    assert got.annual_return == pytest.approx(1.2 ** (252 / 5) - 1)
    assert got.sharpe == pytest.approx(mean / std * math.sqrt(252))
    assert got.sortino == pytest.approx(mean / math.sqrt(0.01 / 5) * math.sqrt(252))
    assert got.max_drawdown == pytest.approx(0.1)
    assert got.drawdown_days == 3
    assert got.win_rate == pytest.approx(2 / 3)
    assert got.profit_factor == pytest.approx(5.0)
    assert (got.average_win_usd, got.average_loss_usd, got.average_minutes) == (12.5, 5.0, 30.0)
    assert got.cost_share == pytest.approx(3.5 / 23.5)
    assert got.capacity_usd == pytest.approx(float(EQUITY.mean()) * 36.0)


def test_doubling_the_capacity_multiple_halves_the_net_result() -> None:
    costs = CostTotals(impact_usd=2.0)
    got = performance(EQUITY, TRADES, costs)
    growth = got.capacity_usd / EQUITY.mean()
    gross = 20.0 + 2.0
    assert gross - 2.0 * math.sqrt(growth) == pytest.approx(20.0 / 2)


def test_a_curve_that_never_traded_has_no_ratios_and_no_errors() -> None:
    got = performance(np.full(4, 100.0), TradeTable.empty(), CostTotals())
    assert got.total_return == 0.0
    assert got.max_drawdown == 0.0
    assert math.isnan(got.sharpe)
    assert got.as_dict()["sharpe"] is None
    assert got.as_dict()["trades"] == 0


def test_one_day_has_no_sharpe_ratio() -> None:
    assert math.isnan(sharpe(np.array([0.01])))
