from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.analytics.performance import CostTotals, TradeTable, performance
from daytrader_ray.dashboard.baselines import baselines_section
from daytrader_ray.domain.trading import MASKS, MEMBERS
from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.walkforward.baselines import Baseline, baselines_of, comparison, held
from daytrader_ray.walkforward.costs import round_trip_costs
from daytrader_ray.walkforward.fit import Market, class_shares
from daytrader_ray.walkforward.result import TrialResult
from daytrader_ray.walkforward.windows import WindowSpec, windows
from tests.walkforward.markets import market, planted
from tests.walkforward.test_study import study_of

CASH = Baseline("cash", (), np.zeros(2), 0)


def trial(mask: int, returns: tuple[float, ...], trades: int = 9) -> TrialResult:
    equity = 100.0 * np.cumprod([1.0, *(1.0 + value for value in returns)])
    measured = performance(equity, TradeTable.empty(), CostTotals())
    return TrialResult(mask, tuple(equity.tolist()), replace(measured, trades=trades), ())


def beside(name: str, returns: tuple[float, ...], trades: int = 9) -> Baseline:
    return Baseline(name, (name,), np.array(returns), trades)


NO_SPY = " SPY is not among them: these days have no price of it."


def test_an_ensemble_ahead_of_all_says_so_and_that_it_was_chosen_here() -> None:
    never = beside("boosting", (0.0, 0.0), trades=0)
    others = [CASH, beside("logistic", (0.01, -0.006)), never]
    said = comparison(trial(9, (0.01, -0.005)), 31, others, {"cash": 0.25, "logistic": 0.5})
    assert said["ahead"] is True
    assert said["sentence"].removesuffix(NO_SPY) == (
        "Net of cost the best of 31 ensembles has a higher Sharpe ratio than cash, logistic and boosting on these "
        "days: 3.74 against cash 0.00, logistic 2.81, boosting never traded (counted as 0). Its daily return less "
        "theirs in basis points, with one standard error: cash +25.0 ± 75.0 (p 0.250), logistic +5.0 ± 5.0 (p 0.500), "
        "boosting +25.0 ± 75.0. It was chosen on these very days, they were not; the verdict says what luck explains."
    )
    assert [row["name"] for row in said["rows"]] == ["cash", "SPY", "logistic", "boosting"]
    assert said["rows"][0]["sharpe"] is None and said["rows"][3]["p"] is None
    assert said["rows"][2]["gap_bps"] == pytest.approx(5.0) and said["rows"][2]["error_bps"] == pytest.approx(5.0)


def test_a_p_value_near_what_three_share_shows_on_which_side_it_is() -> None:
    others = [beside(name, (0.01, -0.006)) for name in ("a", "b", "c")]
    said = comparison(trial(9, (0.01, -0.005)), 31, others, {"a": 0.01665, "b": 0.01668, "c": 0.0499})
    assert all(f"(p {p})" in said["sentence"] for p in ("0.01665", "0.01668", "0.050"))
    assert all(f"<td>{p}</td>" in baselines_section({"baselines": said}) for p in ("0.01665", "0.01668", "0.050"))


@pytest.mark.parametrize("returns", [(0.01, -0.005), (0.01, 0.0)])
def test_one_baseline_as_good_is_enough_to_fail(returns: tuple[float, ...]) -> None:
    said = comparison(trial(9, (0.01, -0.005)), 31, [beside("logistic", returns), CASH], {})
    assert said["ahead"] is False
    assert "has no higher Sharpe ratio than logistic on these days:" in said["sentence"]


def test_an_ensemble_that_never_traded_is_ahead_of_nobody() -> None:
    said = comparison(trial(1, (0.0, 0.0), trades=0), 31, [CASH, beside("SPY", (-0.01, 0.0))], {})
    assert said["ahead"] is False
    assert "never traded" in said["sentence"] and "SPY -11.22" in said["sentence"]


def test_of_two_that_lose_the_better_one_is_ahead() -> None:
    said = comparison(trial(9, (-0.01, 0.005)), 31, [beside("logistic", (-0.02, 0.005))], {})
    assert said["ahead"] is True
    assert "has a higher Sharpe ratio than logistic on these days: -3.74 against" in said["sentence"]


def test_a_baseline_without_a_price_is_said_to_have_none() -> None:
    said = comparison(trial(9, (0.01, -0.005)), 31, [CASH], {"cash": 0.25})
    assert said["sentence"].endswith(NO_SPY)
    assert [row["name"] for row in said["rows"]] == ["cash", "SPY"]
    assert said["rows"][0].keys() == said["rows"][1].keys() and said["rows"][1]["trades"] is None
    assert "SPY, bought and held: no price" in baselines_section({"baselines": said})


def test_spy_is_held_over_the_steps_and_pays_one_round_trip() -> None:
    frames = planted(n_sessions=12)
    symbols = ("SPY", *frames.panel.symbols[1:])
    here = market(replace(frames, panel=replace(frames.panel, symbols=symbols)))
    study = study_of(here)
    used = windows(frames.panel.grid, WindowSpec.parse("6s", "2s", "2s"))
    returns = held(study, "SPY", used)
    closes = frames.panel.close[frames.panel.grid.first_row[1:] - 1, 0]
    cost = round_trip_costs(frames, (6, 7), study.costs, study.config.cash)[0, 0]
    assert returns is not None and len(returns) == 6
    assert returns[1:] == pytest.approx(closes[7:] / closes[6:-1] - 1.0)
    assert returns[0] == pytest.approx(closes[6] / closes[5] - 1.0 - cost) and cost > 0
    found = baselines_of(study, used, [trial(MASKS[-1], (0.0,) * 6), trial(1 << len(MEMBERS), (0.0,) * 6)])
    assert [one.name for one in found] == ["cash", "SPY", "equal", "logistic"]
    assert found[2].members == MEMBERS and found[1].trades == 1


def without(here: Market, *spans: tuple[int, int]) -> Market:
    """Return a market whose first symbol is SPY, without a price of it in some spans of rows."""
    panel = here.frames.panel
    close = panel.close.copy()
    for span in spans:
        close[slice(*span), 0] = np.nan
    symbols = ("SPY", *panel.symbols[1:])
    return replace(here, frames=replace(here.frames, panel=replace(panel, close=close, symbols=symbols)))


def test_a_session_that_ends_early_or_is_missing_for_spy_does_not_lose_the_baseline() -> None:
    here = market(planted(n_sessions=12))
    first, spec = here.frames.panel.grid.first_row, WindowSpec.parse("6s", "2s", "2s")
    used = windows(here.frames.panel.grid, spec)
    whole = held(study_of(without(here)), "SPY", used)
    early = held(study_of(without(here, (first[8] - 5, first[8]))), "SPY", used)
    gone = held(study_of(without(here, (first[6], first[7]))), "SPY", used)
    assert whole is not None and early is not None and gone is not None
    close = here.frames.panel.close[:, 0]
    assert early[1] == pytest.approx(close[first[8] - 6] / close[first[7] - 1] - 1.0)
    assert early[2] == pytest.approx(close[first[9] - 1] / close[first[8] - 6] - 1.0)
    np.testing.assert_array_equal(early[[0, 3, 4, 5]], whole[[0, 3, 4, 5]])
    assert -0.01 < gone[0] < 0.0, "a missing session carries the price, and still the purchase is paid for"
    assert gone[1] == pytest.approx(close[first[8] - 1] / close[first[6] - 1] - 1.0)


def test_without_a_price_of_spy_before_the_first_day_or_on_any_there_is_no_such_baseline() -> None:
    here = market(planted(n_sessions=10))
    grid = here.frames.panel.grid
    used = windows(grid, WindowSpec.parse("6s", "2s", "2s"))
    assert held(study_of(here), "SPY", used) is None
    for span in ((0, grid.first_row[6]), (grid.first_row[6], grid.first_row[-1])):
        assert held(study_of(without(here, span)), "SPY", used) is None


def test_class_shares_count_the_samples_on_the_grid() -> None:
    here = market(planted(n_sessions=4))
    labels = here.labels.label[here.rows((1, 3))][4::5]
    told = class_shares(here, (1, 3))
    assert told["samples"] == (labels != NO_LABEL).sum()
    assert told["up"] == (labels == 1).sum() / told["samples"]
    assert told["down"] + told["flat"] + told["up"] == pytest.approx(1.0)
