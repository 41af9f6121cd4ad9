import copy
import json
import pickle

import numpy as np
import pytest

from daytrader_ray.domain.panel import Panel
from daytrader_ray.engine.budgets import OPEN, Allocation, Allocator, budgets_of
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.live_budgets import LiveBudgets
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
    hourly = live.at(59, so_far, signal[first : first + 60], sigma[first + 59])
    assert same(opened, among[-2]) and same(hourly, among[-1])


def test_live_has_the_budget_in_force_that_the_backtest_has_at_every_close() -> None:
    market = panel(5, n_slots=390)
    first = int(market.grid.first_row[21])
    at, made = block(market, 21, 22)
    assert [one.step for one in made] == ["risk_parity", *["half_target"] * 6]
    assert len({one.budget.cap.tobytes() for one in made}) > 3
    live = LiveBudgets(allocator(), market.part(0, 21), STOCKS, 390)
    signal, sigma = signals(market)
    for slot in range(390):
        live.take(slot, market.close[first + slot])
        for one, other in zip(live.budget, made[at[slot]].budget, strict=True):
            assert np.array_equal(one, other, equal_nan=True)
        live.allocate(slot, signal[first + slot], sigma[first + slot])


def test_a_stock_without_a_signal_in_the_full_hours_minute_is_weighed_by_those_of_its_hour() -> None:
    market, risky = panel(5), PortfolioConfig(scheme="min_variance")
    first, (signal, sigma) = int(market.grid.first_row[21]), signals(market)
    signal[first : first + 60, 0], signal[first + 30 :, 0] = 0.9, np.nan
    one, none = allocator(risky), allocator(risky)
    for each in (one, none):
        each.open(market.part(0, 21), STOCKS)
    said = one.at(59, market.close[first:], signal[first:], sigma[first + 59]).budget.cap
    signal[first : first + 60, 0] = np.nan
    assert said[0] > 0.0125
    assert none.at(59, market.close[first:], signal[first:], sigma[first + 59]).budget.cap[0] == 0.0125


def test_a_copy_goes_on_where_the_original_was_left_and_neither_moves_the_other() -> None:
    market = panel(6, n_slots=390)
    signal, sigma = signals(market)
    one, row = allocator(), int(market.grid.first_row[21])
    one.open(market.part(0, 21), STOCKS)
    one.at(59, market.close[row:], signal[row:], sigma[row + 59])
    copies = [copy.deepcopy(one), pickle.loads(pickle.dumps(one))]
    found = [each.at(119, market.close[row:], signal[row:], sigma[row + 119]) for each in (one, *copies)]
    assert same(found[1], found[2]) and found[0].budget.cap == pytest.approx(found[1].budget.cap, abs=1e-6)


def test_fear_cuts_the_book_and_buys_what_the_rule_names_within_its_cap() -> None:
    market = panel(7)
    market.close[int(market.grid.first_row[21]) + 30 :, VIX] = 35.0
    _, (calm, afraid) = block(market, 21, 22)
    assert calm.budget.cap.min() == 0.0125 and afraid.budget.cap.min() == 0.00625
    assert not calm.fear and calm.budget.gross_scale == 1.0 and not calm.budget.hedge_weight.any()
    assert afraid.fear and afraid.budget.gross_scale == 0.5
    held = dict(zip(SYMBOLS, afraid.budget.hedge_weight.tolist(), strict=True))
    assert held.pop("VIXY") == 0.02 and not any(held.values())


def test_stocks_that_all_move_together_make_the_book_neutral_by_sector() -> None:
    (_, (apart, _)), (_, (together, _)) = block(panel(8), 21, 22), block(panel(8, own=2e-4), 21, 22)
    assert apart.crowding < 0.6 < together.crowding and (apart.budget.neutral, together.budget.neutral) == (0, 1)


def test_the_fund_that_explains_the_book_hedges_it_and_none_without_the_rule() -> None:
    market = panel(9)
    _, made = block(market, 21, 22)
    assert [SYMBOLS[one.budget.hedge] for one in made] == ["SPY", "SPY"]
    qqq = SYMBOLS.index("QQQ")
    stocks = np.flatnonzero(STOCKS)
    market.close[:, qqq] = np.exp(np.log(market.close[:, stocks]).mean(axis=1))
    _, made = block(market, 21, 22)
    assert made[0].budget.hedge == qqq
    _, made = block(market, 21, 22, PortfolioConfig(scheme="risk_parity"))
    assert {one.budget.hedge for one in made} == {-1}


def test_a_stock_of_which_too_little_is_known_has_the_least_cap_and_no_beta() -> None:
    market = panel(10)
    market.close[: int(market.grid.first_row[20]), 0] = np.nan
    _, made = block(market, 21, 22)
    assert all(one.budget.cap[0] == 0.0125 and np.isnan(one.budget.beta[0]) for one in made)
    assert all((one.budget.cap[1:6] > 0.0125).any() for one in made)


def test_without_any_history_there_are_caps_and_no_hedge() -> None:
    _, made = block(panel(11, n_sessions=1), 0, 1)
    assert [one.step for one in made] == ["equal", "previous"] and np.isnan(made[0].budget.beta).all()
    assert all(one.budget.hedge == -1 and one.budget.cap.tolist() == [0.0125] * len(SYMBOLS) for one in made)


def test_what_is_noted_is_plain_and_names_symbols() -> None:
    _, (opened, hourly) = block(panel(12), 21, 22)
    told = json.loads(json.dumps(hourly.told(SYMBOLS)))
    assert told["hedge"] == "SPY" and told["step"] == "half_target" and set(told["cap"]) == set(SYMBOLS)
    assert told["beta"]["SPY"] == pytest.approx(1.0) and told["slot"] == 59 and told["hedge_weight"] == {}
    assert opened.told(SYMBOLS)["slot"] == OPEN


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
