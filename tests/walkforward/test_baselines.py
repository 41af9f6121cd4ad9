from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.analytics.performance import CostTotals, TradeTable, performance
from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.walkforward.baselines import comparison
from daytrader_ray.walkforward.fit import class_shares
from daytrader_ray.walkforward.result import TrialResult
from tests.walkforward.markets import market, planted

LOGISTIC, BOOSTING = 1 << len(MEMBERS), 2 << len(MEMBERS)


def trial(mask: int, sharpe: float, trades: int = 9, returns: tuple[float, ...] = (0.01, -0.005)) -> TrialResult:
    equity = 100.0 * np.cumprod([1.0, *(1.0 + value for value in returns)])
    measured = performance(equity, TradeTable.empty(), CostTotals())
    return TrialResult(mask, tuple(equity.tolist()), replace(measured, sharpe=sharpe, trades=trades), ())


def test_an_ensemble_that_beats_both_says_so_and_that_it_was_chosen_here() -> None:
    never = trial(BOOSTING, float("nan"), trades=0, returns=(0.0, 0.0))
    said = comparison(trial(9, 1.5), 31, [trial(LOGISTIC, 0.5, returns=(0.01, -0.006)), never])
    assert said == {
        "beaten": True,
        "sentence": "Net of cost the best of 31 ensembles beats logistic and boosting: Sharpe ratio 1.50 against "
        "logistic 0.50, boosting never traded (counted as 0). Its daily return less theirs in basis points, with one "
        "standard error: logistic +5.0 ± 5.0, boosting +25.0 ± 75.0. It was chosen on these very days, they were not.",
    }


@pytest.mark.parametrize(("sharpe", "name"), [(1.5, "logistic"), (2.5, "logistic")])
def test_one_baseline_as_good_is_enough_to_fail(sharpe: float, name: str) -> None:
    said = comparison(trial(9, 1.5), 31, [trial(LOGISTIC, sharpe), trial(BOOSTING, 0.1)])
    assert said["beaten"] is False
    assert f"does not beat {name}:" in said["sentence"]


def test_an_ensemble_that_never_traded_beats_nobody() -> None:
    said = comparison(trial(1, 0.0, trades=0), 31, [trial(LOGISTIC, -2.0), trial(BOOSTING, -1.0)])
    assert said["beaten"] is False
    assert "never traded" in said["sentence"] and "logistic -2.00, boosting -1.00" in said["sentence"]


def test_of_two_that_lose_the_better_one_loses_less() -> None:
    said = comparison(trial(9, -0.5), 31, [trial(LOGISTIC, -1.0), trial(BOOSTING, -2.0)])
    assert said["beaten"] is True
    assert "loses less than logistic and boosting: Sharpe ratio -0.50 against" in said["sentence"]


def test_class_shares_count_the_samples_on_the_grid() -> None:
    here = market(planted(n_sessions=4))
    labels = here.labels.label[here.rows((1, 3))][4::5]
    told = class_shares(here, (1, 3))
    assert told["samples"] == (labels != NO_LABEL).sum()
    assert told["up"] == (labels == 1).sum() / told["samples"]
    assert told["down"] + told["flat"] + told["up"] == pytest.approx(1.0)
