import math
from dataclasses import replace
from typing import Any

import pytest

from daytrader_ray.analytics.measure import Estimate
from daytrader_ray.analytics.verdict import (
    NOT_ASSESSED,
    NOT_SIGNIFICANT,
    SELECTED,
    SIGNIFICANT,
    TOO_SHORT,
    Stands,
    run_verdict,
    verdict,
)
from tests.analytics.assessments import assessment

STANDS = Stands(("lstm", "forest"), "2024-01-02", "2024-12-30", ("AAA", "BBB"), "polygon", 100_000.0)


def total(value: float, low: float = math.nan, high: float = math.nan) -> dict[str, Estimate]:
    return {"total_return": Estimate(value, low, high)}


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, SIGNIFICANT),
        ({"days": 119}, TOO_SHORT),
        ({"days": 8, "dsr": math.nan}, TOO_SHORT),
        ({"days": 120}, SIGNIFICANT),
        ({"dsr": 0.95}, NOT_SIGNIFICANT),
        ({"dsr": math.nan}, NOT_SIGNIFICANT),
        ({"spa": 0.05}, NOT_SIGNIFICANT),
        ({"spa": math.nan}, NOT_SIGNIFICANT),
        ({"mean": 0.0}, NOT_SIGNIFICANT),
        ({"mean": -0.001}, NOT_SIGNIFICANT),
    ],
)
def test_significant_needs_enough_days_both_tests_and_a_gain(changes: dict[str, Any], label: str) -> None:
    assert verdict(assessment(**changes), STANDS).label == label


def test_the_sentence_says_what_traded_with_its_interval_on_which_data_and_with_which_odds() -> None:
    said = verdict(assessment(spa=0.374, dsr=0.61, n_ledger=12, n_trials=43), STANDS).sentence
    assert said == (
        "Not significant: nothing is proved. The best of 31 ensembles, lstm + forest, made 10.00% after costs in 250 "
        "days with 100,000 USD (95 % interval +2.00% to +18.00%, after selection, not corrected). Without any skill "
        "the best of them would look this good in 37.4 of 100 such histories (below 5 is significant); its Sharpe "
        "ratio deflated for 43 different trials (12 of them from earlier searches) is 0.610 (above 0.95 is). It is not "
        "proved to beat cash (p 0.010) or SPY (p 0.020). That takes a significant result and a p value below 0.025, "
        "0.05 shared by 2 comparisons. Simulated on 2 symbols of the market polygon, 2024-01-02 to 2024-12-30."
    )


def test_even_significant_is_no_praise_and_promises_nothing() -> None:
    said = verdict(assessment(spa=1 / 2001), STANDS).sentence
    assert said.startswith("Significant: luck alone is unlikely, on these days; that promises nothing about others.")
    assert "fewer than 0.1 of 100 such histories" in said
    assert not any(word in said.lower() for word in ("great", "excellent", "strong", "profitable", "impressive"))


@pytest.mark.parametrize(
    ("best_of_all", "own", "beats"),
    [(0.002, 0.004, True), (0.002, 0.02, False), (0.02, 0.002, False), (0.02, 0.02, False), (0.002, math.nan, False)],
)
def test_a_baseline_is_beaten_only_where_the_best_of_all_and_the_winner_alone_say_so(
    best_of_all: float, own: float, beats: bool
) -> None:
    names = ("cash", "SPY", "equal")
    found = assessment(spa_against=dict.fromkeys(names, best_of_all), spa_own=dict.fromkeys(names, own))
    said = verdict(found, STANDS).sentence
    told = "unknown" if math.isnan(own) else f"{max(best_of_all, own):.3f}"
    begin = "It beats" if beats else "It is not proved to beat"
    assert f"{begin} cash (p {told}), equal (p {told}) {'and' if beats else 'or'} SPY (p {told})." in said
    assert "a p value below 0.01667, 0.05 shared by 3 comparisons" in said


def test_of_several_baselines_some_are_beaten_and_others_not() -> None:
    p = {"cash": 0.01, "SPY": 0.3, "equal": 0.02}
    said = verdict(assessment(spa_against=p, spa_own=p), STANDS).sentence
    assert "It beats cash (p 0.010), but is not proved to beat equal (p 0.020) or SPY (p 0.300)." in said
    assert "beat" not in verdict(assessment(spa_against={}, spa_own={}), STANDS).sentence


@pytest.mark.parametrize("changes", [{"dsr": 0.94}, {"spa": 0.06}, {"mean": -0.001}])
def test_what_is_not_significant_beats_nothing(changes: dict[str, Any]) -> None:
    said = verdict(assessment(**changes), STANDS).sentence
    assert said.count("beat") == 1 and "It is not proved to beat cash (p 0.010) or SPY (p 0.020)." in said


def test_near_a_threshold_a_figure_has_as_many_places_as_tell_its_side() -> None:
    for p, told in ((0.0499, "4.99 of 100"), (0.0501, "5.01 of 100"), (0.05, "5.0 of 100"), (0.2, "20.0 of 100")):
        assert f"in {told} such histories" in verdict(assessment(spa=p), STANDS).sentence
    for dsr, told in ((0.9501, "0.9501"), (0.94996, "0.94996"), (0.95, "0.950"), (math.nan, "unknown")):
        assert f"is {told} (above 0.95 is)" in verdict(assessment(dsr=dsr), STANDS).sentence


def test_every_look_beyond_the_first_is_said() -> None:
    looked = replace(STANDS, looks=("2024-10-04", "2024-11-01", "2024-12-30"))
    for days, told in ((250, "Significant"), (8, "Too short")):
        said = verdict(assessment(days=days), looked).sentence
        assert said.startswith(told)
        assert "Looked at 3 times since 2024-10-04: each look is another chance for luck." in said
    assert "Looked" not in verdict(assessment(), replace(STANDS, looks=("2024-12-30",))).sentence


def test_a_loss_is_called_a_loss_without_odds_and_hindsight_is_said_last() -> None:
    lost = assessment(mean=-0.001, dsr=0.01, spa=1.0, intervals=total(-0.0123, -0.05, 0.01))
    said = verdict(lost, replace(STANDS, hindsight="The symbols were chosen after the data.")).sentence
    assert (
        "Even the best of 31 ensembles, lstm + forest, lost 1.23% after costs in 250 days with 100,000 USD (95 %"
        in said
    )
    assert "histories" not in said
    assert said.endswith("The symbols were chosen after the data.")


def test_what_never_traded_found_nothing() -> None:
    idle = assessment(mean=0.0, dsr=math.nan, spa=math.nan, intervals=total(0.0, 0.0, 0.0))
    assert (
        "made no money and lost none in 250 days with 100,000 USD: it found nothing to trade."
        in verdict(idle, STANDS).sentence
    )


def test_few_days_are_too_short_and_nothing_else_is_claimed() -> None:
    short = verdict(assessment(days=1, n_search=1, intervals=total(0.02)), STANDS).sentence
    assert short.startswith("Too short: 1 day out of sample cannot tell skill from luck, at least 120 are needed.")
    assert (
        "The best of 1 ensemble, lstm + forest, made 2.00% after costs in 1 day with 100,000 USD (after selection"
        in short
    )
    assert "histories" not in short and "beat" not in short and "ignifican" not in short


def test_a_short_run_is_too_short_whatever_it_made() -> None:
    found = run_verdict(1, Estimate(0.02), selected=False)
    assert found.label == TOO_SHORT
    assert found.sentence.startswith("Too short: 1 day made 2.00% after costs.")


def test_a_run_whose_interval_holds_zero_may_be_luck() -> None:
    found = run_verdict(250, Estimate(0.02, -0.01, 0.05), selected=True)
    assert found.label == NOT_SIGNIFICANT
    assert f"({SELECTED}). Luck alone could do that: its 95 % interval is -1.00% to +5.00%" in found.sentence


def test_a_gain_beyond_its_interval_is_for_the_search_to_judge_and_a_loss_is_a_loss() -> None:
    gain = run_verdict(250, Estimate(0.02, 0.01, 0.05), selected=True)
    assert gain.label == NOT_ASSESSED and "only the search it comes from can say" in gain.sentence
    loss = run_verdict(250, Estimate(-0.02, -0.05, -0.01), selected=False)
    assert loss.label == NOT_SIGNIFICANT
    assert "250 days lost 2.00% after costs. It lost: its 95 % interval" in loss.sentence
