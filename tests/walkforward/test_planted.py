from dataclasses import replace

import pytest

from benchmarks.planted import (
    LEAST_LABELS,
    ORACLE,
    Found,
    best_member,
    failures_of_null,
    failures_of_plant,
    gain,
    learned,
    rows_of,
    t_of,
    table,
)
from benchmarks.planted_market import Plant
from daytrader_ray.domain.trading import MEMBERS, SCORERS
from daytrader_ray.models.weights.registry import SCHEMES
from daytrader_ray.walkforward.config import SearchConfig

SMALL = SearchConfig(
    max_samples=1500,
    members={name: {"epochs": 1} for name in ("lstm", "cnn", "transformer")} | {"random_forest": {"trees": 10}},
)


@pytest.fixture(scope="module")
def found() -> Found:
    return learned(Plant(seed=100, ic=0.5, n_stocks=4, n_sessions=20), 14, SMALL)


def made_up(oracle: float, member: float, scheme: float, sd: float = 0.001) -> list[Found]:
    """Return ten markets in which all members have one rank IC, and all schemes another one that varies a little."""
    markets = []
    for seed in range(10):
        ics = {name: [member + sd, member - sd] * 20 for name in SCORERS}
        ics |= {ORACLE: [oracle] * 40} | {name: [scheme + sd + seed * 1e-5, scheme - sd] * 20 for name in SCHEMES}
        markets.append(Found(Plant(seed, oracle), LEAST_LABELS, ics, ics))
    return markets


def test_every_member_baseline_and_scheme_is_measured_on_non_overlapping_labels(found: Found) -> None:
    assert list(found.interaction) == list(found.ics) == [ORACLE, *SCORERS, *SCHEMES]
    assert found.labels == 4 * 6 * 12
    assert {len(ics) for ics in found.ics.values()} == {6}


def test_a_strong_signal_is_found_by_trees_and_by_every_scheme_and_not_exceeded(found: Found) -> None:
    """Asks for a fifth of the oracle's 0.5, of 1500 samples and one epoch; the benchmark judges the share of 60 %."""
    assert found.mean(ORACLE) == pytest.approx(0.5, abs=0.15)
    for name in ("random_forest", "xgboost", *SCHEMES):
        assert 0.1 < found.mean(name) < found.mean(ORACLE)


def test_what_shows_only_in_an_interaction_is_a_third_of_the_oracles_variance_and_told_apart(found: Found) -> None:
    rows = rows_of([found])
    assert rows[ORACLE].interaction == pytest.approx(3**-0.5, abs=0.1)
    assert abs(rows["logistic"].interaction) < 0.25


def test_the_same_market_gives_the_same_figures(found: Found) -> None:
    row = rows_of([found, replace(found, plant=replace(found.plant, seed=101))])["xgboost"]
    assert row.ics == (found.mean("xgboost"),) * 2
    assert row.t == pytest.approx(t_of(found.ics["xgboost"] * 2))
    assert "| xgboost |" in table(rows_of([found]), [100])


def test_enough_skill_passes_and_each_lack_is_named() -> None:
    rows = rows_of(made_up(0.10, 0.07, 0.072))
    assert failures_of_plant(rows, LEAST_LABELS) == []
    assert "below 60000" in failures_of_plant(rows, LEAST_LABELS - 1)[0]
    assert "55% of the oracle" in failures_of_plant(rows_of(made_up(0.10, 0.055, 0.06)), LEAST_LABELS)[0]
    assert len([line for line in failures_of_plant(rows_of(made_up(0.1, 0.07, 0.08, sd=0.5)), LEAST_LABELS)]) >= 5
    below = failures_of_plant(rows_of(made_up(0.10, 0.07, 0.06)), LEAST_LABELS)
    assert len(below) == 1 and "below" in below[0]
    assert gain(rows, "skill")[0] == pytest.approx(0.002, abs=0.001)
    assert best_member(rows).name in MEMBERS


def test_knowledge_of_the_null_market_is_named() -> None:
    assert failures_of_null(rows_of(made_up(0.0, 0.0, 0.0, sd=0.04))) == []
    accused = failures_of_null(rows_of(made_up(0.0, 0.01, 0.01, sd=0.01)))
    assert len(accused) == len(MEMBERS) + len(SCHEMES)


def test_a_score_that_says_nothing_has_no_t() -> None:
    assert t_of([0.0, 0.0, 0.0]) == 0.0
