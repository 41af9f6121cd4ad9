import math
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mutual_info_score

from daytrader_ray.features import selection
from daytrader_ray.features.selection import (
    BINS,
    SelectionConfig,
    constant,
    eliminated,
    missing,
    mutual_information,
    rank_correlation,
    redundant,
    scattered,
    select,
    weak,
)
from tests.features.evidence import evidence, mixed

CONFIG = SelectionConfig()
ONES = np.ones(6000)


def ranks_of(values: np.ndarray) -> np.ndarray:
    return evidence(values, np.zeros(len(values))).ranks


def test_mutual_information_is_the_plug_in_estimate_less_its_bias() -> None:
    rng = np.random.default_rng(1)
    rank = (rng.permutation(6000) + 0.5) / 6000
    classes = (rank + rng.normal(0, 0.3, 6000) > 0.5).astype(np.int64) * 2
    plug_in = mutual_info_score((rank * BINS).astype(int), classes)
    assert mutual_information(rank, classes, ONES) == pytest.approx(plug_in - 9 * 1 / 12000, abs=1e-12)


def test_a_weight_of_two_counts_a_row_twice_but_makes_it_no_more_certain() -> None:
    rng = np.random.default_rng(2)
    rank, classes = rng.uniform(size=600), rng.integers(0, 3, 600)
    once = mutual_information(rank, classes, np.ones(600))
    assert mutual_information(rank, classes, np.full(600, 2.0)) == pytest.approx(once, abs=1e-12)
    weights = rng.integers(1, 3, 600).astype(float)
    n_effective = weights.sum() ** 2 / (weights**2).sum()
    twice = np.repeat(np.arange(600), weights.astype(int))
    plug_in = mutual_info_score((rank[twice] * BINS).astype(int), classes[twice])
    assert mutual_information(rank, classes, weights) == pytest.approx(plug_in - 18 / (2 * n_effective), abs=1e-12)


def test_noise_has_no_mutual_information_on_average_even_with_uneven_weights() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(200):
        rank, classes, weights = rng.uniform(size=2000), rng.integers(0, 3, 2000), rng.exponential(size=2000)
        found.append(mutual_information(rank, classes, weights))
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
    assert np.mean(found) < 18 / 4000 / 4, "far below the bias of the plain estimate"


def test_mutual_information_without_weight_or_value_is_unknown() -> None:
    classes = np.zeros(3, dtype=np.int64)
    assert math.isnan(mutual_information(np.full(3, np.nan), classes, np.ones(3)))
    assert math.isnan(mutual_information(np.full(3, 0.5), classes, np.zeros(3)))


def test_equal_values_share_a_bin_and_few_values_have_few_bins() -> None:
    flag = np.repeat([0.0, 1.0], 3000)
    rank = ranks_of(flag[:, None])[0]
    assert set(np.floor(rank * BINS)) == {2.0, 7.0}
    classes = np.repeat([0, 2], 3000)
    assert mutual_information(rank, classes, ONES) == pytest.approx(math.log(2) - 1 / 12000)


def test_rank_correlation_is_spearmans_with_ties() -> None:
    rng = np.random.default_rng(4)
    values = rng.standard_normal((500, 5))
    values[:, 1] += values[:, 0]
    values[:, 2] = np.round(values[:, 2])
    values[:, 3] = -np.exp(values[:, 0])
    expected = spearmanr(values.astype(np.float32)).statistic
    np.testing.assert_allclose(rank_correlation(ranks_of(values)), expected, atol=1e-8)


def test_rank_correlation_is_measured_where_both_are_known() -> None:
    rng = np.random.default_rng(5)
    values = rng.standard_normal((3000, 3))
    values[:, 1] = values[:, 0]
    values[rng.uniform(size=3000) < 0.3, 0] = np.nan
    values[:, 2] = np.nan
    found = rank_correlation(ranks_of(values))
    assert found[0, 1] > 0.9999
    assert found[2].tolist() == [0.0, 0.0, 0.0]


def test_the_twin_that_tells_less_is_dropped_and_the_other_is_named() -> None:
    here = mixed()
    assert here.mutual_information[0] != here.mutual_information[2]
    worse = int(np.argmin(here.mutual_information[[0, 2]])) * 2
    dropped = redundant(here, np.arange(12), CONFIG)
    assert list(dropped) == [worse]
    assert f"with f{2 - worse}, which tells more" in dropped[worse]


def test_a_chain_of_twins_drops_no_more_than_it_must() -> None:
    rng = np.random.default_rng(6)
    middle = rng.standard_normal(4000)
    values = np.stack([middle + 0.25 * rng.standard_normal(4000), middle, middle + 0.25 * rng.standard_normal(4000)], 1)
    here = evidence(values, 2.0 * values[:, 0])
    ends = rank_correlation(here.ranks)
    assert ends[0, 1] > 0.95 > ends[0, 2]
    assert list(redundant(here, np.arange(3), CONFIG)) == [1]


def test_missing_looks_at_all_rows_and_at_every_stock() -> None:
    values = np.random.default_rng(7).standard_normal((400, 4))
    values[:81, 1] = np.nan
    values[:80, 2] = np.nan
    values[100:200, 3] = np.nan
    found = missing(evidence(values, np.zeros(400), n_stocks=8), np.arange(4), SelectionConfig(max_missing=0.2))
    assert found == {1: "unknown in 20% of the rows", 2: "never known for S0", 3: "unknown in 25% of the rows"}


def test_a_stock_that_listed_lately_costs_no_feature() -> None:
    values = np.random.default_rng(8).standard_normal((310, 1))
    here = evidence(values, np.zeros(310), n_stocks=2)
    few = np.where(np.arange(310) < 300, 0, 1)
    values[300:] = np.nan
    lately = type(here)(here.names, here.stocks, here.rows._replace(values=values), here.sessions, few, here.judge)
    assert missing(lately, np.arange(1), CONFIG) == {}


def test_a_constant_with_gaps_is_a_constant() -> None:
    values = np.tile([[1.0, 2.0]], (50, 1))
    values[::2, 0] = np.nan
    values[7, 1] = 2.5
    assert list(constant(evidence(values, np.zeros(50)), np.arange(2), CONFIG)) == [0]


def test_the_best_by_mutual_information_stay() -> None:
    here = mixed()
    dropped = weak(here, np.arange(12), SelectionConfig(top=3))
    assert {0, 1, 2}.isdisjoint(dropped)
    assert len(dropped) == 9
    assert any("number 4 of 12" in reason for reason in dropped.values())


def test_gaps_of_several_features_may_together_cost_no_more_rows_than_those_of_one() -> None:
    values = np.random.default_rng(9).standard_normal((1000, 4))
    values[:150, 0] = np.nan
    values[100:200, 1] = np.nan
    values[300:390, 2] = np.nan
    here = evidence(values, np.zeros(1000))
    dropped = scattered(here, np.arange(4), SelectionConfig(max_missing=0.2))
    assert dropped == {0: "most gaps of those that together leave 29% of the rows incomplete"}
    assert scattered(here, np.arange(4), SelectionConfig(max_missing=0.3)) == {}


def test_elimination_keeps_what_tells_and_is_off_unless_asked_for() -> None:
    here = mixed()
    kept = np.array([0, 1, 5, 6, 7, 8, 9, 10])
    assert eliminated(here, kept, CONFIG) == {}
    dropped = eliminated(here, kept, SelectionConfig(eliminate=True))
    assert {0, 1}.isdisjoint(dropped)
    assert dropped


def test_elimination_never_learns_next_to_what_it_is_judged_on() -> None:
    here = mixed()
    seen: list[tuple[set[int], set[int]]] = []

    def judge(train: selection.Rows, test: selection.Rows) -> tuple[float, np.ndarray]:
        seen.append((set(train.values[:, 0].astype(int)), set(test.values[:, 0].astype(int))))
        return 0.0, np.ones(train.values.shape[1])

    values = here.rows.values.copy()
    values[:, 0] = here.sessions
    spy = type(here)(here.names, here.stocks, here.rows._replace(values=values), here.sessions, here.symbols, judge)
    eliminated(spy, np.arange(5), SelectionConfig(eliminate=True))
    assert len(seen) == selection.FOLDS
    assert set().union(*(test for _, test in seen)) == set(range(12))
    for train, test in seen:
        assert min(abs(a - b) for a in train for b in test) == 2


def test_a_selection_tells_the_fate_of_every_feature() -> None:
    chosen = select(mixed(), SelectionConfig(top=2))
    assert chosen.feature_set == tuple(f"f{k}" for k in range(12))
    assert chosen.features == ("f0", "f1")
    reasons = {choice.feature: choice.dropped for choice in chosen.choices}
    assert reasons["f3"] == "one value only"
    assert reasons["f4"].startswith("unknown in 4")
    assert "with f0" in reasons["f2"]
    assert "by mutual information" in reasons["f9"]
    assert chosen.choices[0].mutual_information > chosen.choices[9].mutual_information


def test_a_feature_to_keep_stays_beside_a_better_twin_and_counts_as_one_of_the_top() -> None:
    here = mixed()
    wished = SelectionConfig(top=2, keep=("f2", "f7", "unheard_of"))
    chosen = select(here, wished)
    assert chosen.features == ("f2", "f7")
    assert "with f2, which the configuration keeps" in chosen.choices[0].dropped
    assert select(here, wished.model_copy(update={"top": 3})).features == ("f1", "f2", "f7")
    assert select(here, wished.model_copy(update={"top": 1})).features == ("f2", "f7")


def test_a_feature_to_keep_is_dropped_where_it_has_no_values_to_speak_of() -> None:
    chosen = select(mixed(), SelectionConfig(top=2, keep=("f3", "f4", "f5")))
    assert chosen.features == ("f0", "f5")
    assert chosen.choices[3].dropped == "one value only"


@pytest.fixture
def another_rule(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    rules = {"no_f0": lambda evidence, kept, config: {0: "not today"}, **selection.RULES}
    monkeypatch.setattr(selection, "RULES", rules)
    yield


def test_a_rule_is_a_function_and_a_line(another_rule: None) -> None:
    chosen = select(mixed(), SelectionConfig(top=2))
    assert chosen.choices[0].dropped == "not today"
    assert chosen.features == ("f1", "f2")
