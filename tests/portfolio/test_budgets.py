import numpy as np
import pytest

from daytrader_ray.domain.panel import Panel
from daytrader_ray.engine.budgets import OPEN, Allocation, Allocator, budgets_of
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.portfolio.config import FearRule, PortfolioConfig
from tests.portfolio.sessions import BETAS, SECTOR, STOCKS, SYMBOLS, panel

ALL = PortfolioConfig(
    scheme="min_variance", beta_hedge=True, crowded=0.6, fear=FearRule(enabled=True, hold={"VIXY": 0.05})
)
SPY, VIX = SYMBOLS.index("SPY"), SYMBOLS.index("I:VIX")


def allocator(config: PortfolioConfig = ALL, ic: float = 0.05, bar_minutes: int = 1) -> Allocator:
    return Allocator(config, KernelConfig(), SYMBOLS, SECTOR, bar_minutes, ic)


def signals(market: Panel, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    shape = market.close.shape
    return np.random.default_rng(seed).uniform(-1, 1, shape) * STOCKS, np.full(shape, 0.003)


def block(market: Panel, start: int, stop: int, config: PortfolioConfig = ALL) -> tuple[np.ndarray, list[Allocation]]:
    rows = slice(int(market.grid.first_row[start]), int(market.grid.first_row[stop]))
    signal, sigma = (one[rows] for one in signals(market))
    tradable = np.tile(STOCKS, (len(market.grid.sessions), 1))
    budgets, made = budgets_of(allocator(config), market, (start, stop), tradable, signal, sigma)
    assert [one.budget for one in made] == list(budgets.items)
    return budgets.at, list(made)


def same(one: Allocation, other: Allocation) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one.budget, other.budget, strict=True)) and (
        one._replace(budget=other.budget, crowding=0.0) == other._replace(crowding=0.0)
    )


def test_a_budget_of_the_open_holds_from_the_first_close_and_an_hourly_one_five_minutes_after_its_own() -> None:
    at, made = block(panel(1), 20, 22)
    assert [one.slot for one in made] == [OPEN, 59, OPEN, 59]
    assert at.tolist() == [0] * 64 + [1] * 56 + [2] * 64 + [3] * 56


def test_half_days_and_five_minute_bars_have_their_slow_slots() -> None:
    assert allocator().slots(390) == [59, 119, 179, 239, 299, 359]
    assert allocator().slots(210) == [59, 119, 179]
    five = allocator(bar_minutes=5)
    assert five.slots(78) == [11, 23, 35, 47, 59, 71] and five.in_force(11) == 12


def test_what_is_said_of_a_session_has_the_same_bits_alone_and_among_others_and_live() -> None:
    market = panel(2, n_sessions=24)
    _, among = block(market, 20, 24)
    _, alone = block(market, 23, 24)
    assert all(same(one, other) for one, other in zip(among[-2:], alone, strict=True))
    live, tradable = allocator(), STOCKS.copy()
    history = market.part(2, 23)
    opened = live.open(history, tradable)
    first = int(market.grid.first_row[23])
    signal, sigma = signals(market)
    so_far = np.full((120, len(SYMBOLS)), np.nan)
    so_far[:60] = market.close[first : first + 60]
    hourly = live.at(59, so_far, signal[first + 59], sigma[first + 59])
    assert same(opened, among[-2]) and same(hourly, among[-1])


def test_nothing_after_a_close_changes_what_is_said_at_it() -> None:
    market = panel(3)
    _, before = block(market, 21, 22)
    market.close[int(market.grid.first_row[21]) + 60 :] *= 1.5
    _, after = block(market, 21, 22)
    assert all(same(one, other) for one, other in zip(before, after, strict=True))


def test_without_a_scheme_or_hedges_only_betas_are_measured_and_once_a_day() -> None:
    _, (opened,) = block(panel(4), 21, 22, PortfolioConfig())
    assert opened.budget.cap.tolist() == [0.05] * len(SYMBOLS) and opened.budget.hedge == -1
    assert opened.budget.beta[SPY] == pytest.approx(1.0)
    assert opened.budget.beta[STOCKS] == pytest.approx(BETAS[STOCKS], abs=0.1)
