import dataclasses

import numpy as np
import pytest

from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.daily import daily_of
from daytrader_ray.universe.peers import sector_codes
from daytrader_ray.universe.rotation import budgets_of, sector_budgets, strengths, weeks
from tests.universe.panels import LAST, SYMBOLS, N, changed_after, panel

UNIVERSE = UniverseConfig(
    sectors={"Alpha": ("AAA", "BBB"), "Beta": ("CCC", "GONE", "LATE")},
    references=("QQQ", "SPY", "XLA"),
    proxies={"Alpha": "XLA"},
    membership={"GONE": {"until": "2025-03-31"}},
)
PANEL = panel()
STRENGTH = strengths(UNIVERSE, daily_of(PANEL))
DATES = [session.date for session in PANEL.grid.sessions]


def strength_of(returns: np.ndarray, market: np.ndarray) -> float:
    """The definition, for a proxy's and SPY's last 20 daily returns."""
    excess = returns - market
    sd = np.std(excess, ddof=1)
    return 0.5 * (excess[-5:].sum() / (sd * 5**0.5) + excess.sum() / (sd * 20**0.5))


def returns_of(*symbols: str) -> np.ndarray:
    close = daily_of(PANEL).close[:, [SYMBOLS.index(symbol) for symbol in symbols]]
    return np.diff(np.log(close), axis=0, prepend=np.nan)


@pytest.mark.parametrize("week", [8, 12, 20])
def test_strength_is_the_excess_return_of_the_fund_in_units_of_its_noise(week: int) -> None:
    first, stop = weeks(DATES)[week]
    past = slice(first - 20, first)
    expected = strength_of(returns_of("XLA")[past, 0], returns_of("SPY")[past, 0])
    assert STRENGTH[first:stop, 0] == pytest.approx(expected, rel=1e-9)


def test_a_sector_without_a_fund_is_measured_by_its_members_of_the_day() -> None:
    first, _ = weeks(DATES)[20]
    assert first > LAST + 20
    past = slice(first - 20, first)
    mean = returns_of("CCC", "LATE")[past].mean(axis=1)
    assert STRENGTH[first, 1] == pytest.approx(strength_of(mean, returns_of("SPY")[past, 0]), rel=1e-9)


def test_a_stock_that_has_left_the_list_no_longer_measures_its_sector() -> None:
    bars, row = PANEL.close.copy(), int(PANEL.grid.first_row[DATES.index(next(d for d in DATES if d.month == 4))])
    bars[row:, SYMBOLS.index("GONE")] *= 2.0
    other = strengths(UNIVERSE, daily_of(dataclasses.replace(PANEL, close=bars)))
    np.testing.assert_array_equal(other, STRENGTH)


def test_strength_stands_for_the_sessions_of_a_calendar_week() -> None:
    assert [DATES[first].isoformat() for first, _ in weeks(DATES)[:3]] == ["2025-01-02", "2025-01-06", "2025-01-13"]
    for first, stop in weeks(DATES):
        assert (STRENGTH[first:stop] == STRENGTH[first]).all() or np.isnan(STRENGTH[first:stop]).any()
    assert len(np.unique(STRENGTH[30:, 0])) == sum(stop > 30 for _, stop in weeks(DATES))


def test_no_strength_or_budget_knows_what_comes_later_or_how_old_the_history_is() -> None:
    budgets = sector_budgets(UNIVERSE, PANEL, 0.25)
    for session in (5, 31, 60, N - 1):
        later = changed_after(PANEL, session)
        np.testing.assert_array_equal(sector_budgets(UNIVERSE, later, 0.25)[: session + 1], budgets[: session + 1])
        short = PANEL.part(0, session + 1)
        np.testing.assert_array_equal(sector_budgets(UNIVERSE, short, 0.25), budgets[: session + 1])
    recent = sector_budgets(UNIVERSE, PANEL.part(30, N), 0.25)
    np.testing.assert_array_equal(recent[26:], budgets[56:])


def test_budgets_are_a_softmax_below_the_limit_of_the_kernel() -> None:
    strength = np.array([[1.0, -1.0], [0.0, 0.0], [np.nan, np.nan]])
    found = budgets_of(UNIVERSE, strength, 0.25)
    assert found[0] == pytest.approx([0.25, 0.25 * np.exp(-0.5), 0.25])
    assert found[1].tolist() == found[2].tolist() == [0.25, 0.25, 0.25]
    assert found.shape[1] == sector_codes(UNIVERSE, SYMBOLS).max() + 1


def test_a_sector_of_average_or_unknown_strength_may_hold_what_the_kernel_allows() -> None:
    strength = np.array([[0.0, 2.0, -2.0, 2.0, -2.0], [np.nan, 4.0, -1.0, -1.0, -2.0]])
    found = budgets_of(UNIVERSE, strength, 0.25)[:, :-1]
    assert found[0] == pytest.approx([0.25, 0.25, 0.25 * np.exp(-1), 0.25, 0.25 * np.exp(-1)])
    assert found[1] == pytest.approx([0.25, 0.25, *0.25 * np.exp([-0.5, -0.5, -1.0])])


def test_a_hot_softmax_gives_every_sector_the_same() -> None:
    hot = UNIVERSE.model_copy(update={"rotation": UNIVERSE.rotation.model_copy(update={"temperature": 1e9})})
    assert budgets_of(hot, np.array([[3.0, -3.0]]), 0.25)[0] == pytest.approx([0.25, 0.25, 0.25])


def test_without_rotation_or_without_spy_every_sector_may_hold_what_the_kernel_allows() -> None:
    off = UniverseConfig(sectors=UNIVERSE.sectors, references=UNIVERSE.references, rotation={"enabled": False})
    assert (sector_budgets(off, PANEL, 0.3) == 0.3).all()
    nameless = dataclasses.replace(PANEL, symbols=tuple("SPX" if s == "SPY" else s for s in SYMBOLS))
    assert (sector_budgets(UNIVERSE, nameless, 0.3) == 0.3).all()


def test_returns_that_never_vary_have_no_strength() -> None:
    flat = dataclasses.replace(PANEL, **{n: np.full_like(PANEL.close, 10.0) for n in ("open", "high", "low", "close")})
    unsplit = np.ones_like(PANEL.price_factor)
    assert np.isnan(strengths(UNIVERSE, daily_of(dataclasses.replace(flat, price_factor=unsplit)))).all()
