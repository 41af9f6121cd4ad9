import json
import math

import numpy as np
import pytest

from benchmarks.verdict import NULLS, PLANTED, drawn, judged
from daytrader_ray.analytics.assessment import BY_LEDGER, assess, reassessed
from daytrader_ray.analytics.cscv import N_BINS, pbo
from daytrader_ray.analytics.measure import measure_returns
from daytrader_ray.analytics.overfitting import daily_sharpe, dsr, minimum_track_record, psr
from daytrader_ray.analytics.spa import spa
from daytrader_ray.domain.errors import DataError

NO_LEDGER = np.empty(0)


def returns(days: int = 200, columns: int = 5, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0002, 0.01, (days, columns))


def test_the_best_is_the_highest_sharpe_ratio_and_every_figure_is_that_of_its_function() -> None:
    curves, ledger = returns(), np.array([0.11, -0.02])
    against = np.random.default_rng(2).normal(0.0, 0.01, 200)
    found = assess(curves, {"SPY": against}, ledger, seed=3)
    ratios = np.array([daily_sharpe(column) for column in curves.T])
    best = curves[:, found.best]
    assert found.best == ratios.argmax() and found.days == 200
    assert (found.n_search, found.n_ledger, found.n_trials) == (5, 2, 7)
    assert found.psr == psr(best)
    assert found.dsr == dsr(best, ratios, ledger) < found.psr
    assert found.track_record == minimum_track_record(best, found.sr0)
    assert found.spa == spa(curves, 3).p
    assert found.spa_against == {"SPY": spa(curves - against[:, None], 3).p}
    assert found.spa_own == {"SPY": spa((best - against)[:, None], 3).p}
    assert found.p_against() == {"SPY": max(found.spa_against["SPY"], found.spa_own["SPY"])}
    assert found.pbo.value == pbo(curves).value
    measured = measure_returns(best, 3)
    assert found.intervals["sharpe"] == measured["sharpe"]
    assert found.intervals["total_return"] == measured["total_return"]
    assert found.intervals["mean_bps"].value == pytest.approx(1e4 * found.mean)


def test_the_track_record_is_long_enough_exactly_where_the_deflated_ratio_says_so() -> None:
    for kind in PLANTED[1], PLANTED[4]:
        for seed in range(6):
            found = assess(drawn(kind, np.random.default_rng(seed))[0], {}, NO_LEDGER, seed)
            assert (found.dsr > 0.95) is (found.track_record < found.days)


def test_copies_are_one_trial_and_of_equals_the_first_is_the_best() -> None:
    curves = returns()
    once, twice = (assess(each, {}, NO_LEDGER, 1) for each in (curves, np.hstack([curves, curves])))
    assert (twice.best, twice.n_search, twice.n_trials) == (once.best, 10, 5)
    assert (twice.dsr, twice.spa, twice.pbo.value) == (once.dsr, once.spa, once.pbo.value)


LEDGERS = {"narrow": (0.0, 0.005), "wide": (0.0, 0.2), "shifted": (-0.6, 0.06), "shifted and equal": (-0.6, 0.0)}


@pytest.mark.parametrize("kind", LEDGERS)
@pytest.mark.parametrize("n", [1, 31, 310])
def test_no_ledger_makes_significance_easier(kind: str, n: int) -> None:
    curves, ledger = returns(seed=7), np.random.default_rng(5).normal(*LEDGERS[kind], n)
    alone, beside = assess(curves, {}, NO_LEDGER, 1), assess(curves, {}, ledger, 1)
    assert beside.sr0 > alone.sr0 and beside.dsr < alone.dsr
    assert beside.track_record >= alone.track_record


def test_ten_dull_searches_do_not_lower_the_bar_of_a_wide_one() -> None:
    curves = 0.01 * np.random.default_rng(11).standard_normal((250, 31))
    curves[:, 0] += 0.0019 - curves[:, 0].mean()
    dull = 0.01 * np.random.default_rng(12).standard_normal(310)
    assert assess(curves, {}, dull, 7).sr0 > assess(curves, {}, NO_LEDGER, 7).sr0


def test_against_another_ledger_only_what_depends_on_it_is_told_anew() -> None:
    curves, spy = returns(seed=7), {"SPY": np.random.default_rng(2).normal(0.0, 0.01, 200)}
    ledger = np.random.default_rng(5).normal(0.0, 0.1, 200)
    before, now = assess(curves, spy, NO_LEDGER, 1).as_dict(), assess(curves, spy, ledger, 1).as_dict()
    again = reassessed(json.loads(json.dumps(before)), curves, ledger).as_dict()
    assert {name for name in now if now[name] != before[name]} == {*BY_LEDGER} - {"track_record"}
    assert {name for name in now if again[name] != now[name]} == {"pbo"} and again["pbo"]["value"] == before["pbo"][
        "value"
    ]
    short = assess(returns(9), {}, NO_LEDGER, 1).as_dict()
    assert reassessed(short, returns(9), NO_LEDGER).as_dict()["psr"] == short["psr"]


def test_a_curve_that_never_traded_beats_only_losers() -> None:
    lost = returns() - 0.02
    found = assess(np.hstack([lost, np.zeros((200, 2))]), {}, NO_LEDGER, 1)
    assert found.best == 5 and found.n_trials == 6 and found.mean == 0.0
    assert math.isnan(found.psr) and math.isnan(found.dsr) and math.isnan(found.track_record)
    assert found.spa == 1.0 and not found.earned


def test_one_trial_has_no_choice_to_correct_and_no_pbo() -> None:
    found = assess(returns(columns=1), {}, NO_LEDGER, 1)
    assert found.sr0 == 0.0 and found.dsr == found.psr
    assert math.isnan(found.pbo.value)


@pytest.mark.parametrize("days", [1, 2, 9, 15])
def test_a_few_days_have_dashes_and_no_errors(days: int) -> None:
    told = assess(returns(days), {}, NO_LEDGER, 1).as_dict()
    assert told["days"] == days and told["pbo"]["value"] is None
    assert told["intervals"]["total_return"][1] is None or days >= 10
    json.dumps(told, allow_nan=False)


def test_plain_values_hold_everything_and_know_when_pbo_is_no_evidence() -> None:
    told = assess(returns(seed=3) + 0.001, {"SPY": np.zeros(200)}, NO_LEDGER, 1).as_dict()
    assert told["pbo"]["evidence"] is True and len(told["pbo"]["histogram"]["counts"]) == N_BINS
    assert sum(told["pbo"]["histogram"]["counts"]) == math.comb(16, 8)
    assert told["spa_against"]["SPY"] == told["spa"]
    low, high = told["intervals"]["sharpe"][1:]
    assert low < told["intervals"]["sharpe"][0] < high
    assert assess(returns() - 0.02, {}, NO_LEDGER, 1).as_dict()["pbo"]["evidence"] is False


def test_what_is_no_number_or_of_other_days_is_refused_by_name() -> None:
    holed = returns()
    holed[17, 2] = np.nan
    with pytest.raises(DataError, match="the ensembles: the return of day 17 is"):
        assess(holed, {}, NO_LEDGER, 1)
    with pytest.raises(DataError, match="SPY: 199 daily returns, expected 200"):
        assess(returns(), {"SPY": np.zeros(199)}, NO_LEDGER, 1)
    with pytest.raises(DataError, match="at least one day and one ensemble"):
        assess(np.empty((0, 31)), {}, NO_LEDGER, 1)


def test_at_most_six_of_a_hundred_matrices_of_luck_are_called_significant() -> None:
    """300 of the 12,000 matrices of the benchmark `search.verdict_false_positives`."""
    found = [judged(kind, range(50)) for kind in NULLS]
    assert sum(each.significant for each in found) <= 0.06 * 300
    assert all(each.beating <= each.significant <= min(each.by_spa, each.by_dsr) for each in found)


def test_skill_of_three_a_year_is_found_more_often_than_luck() -> None:
    found = judged(PLANTED[-1], range(12))
    assert found.significant >= 6
