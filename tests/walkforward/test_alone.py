"""The whole search in one process, on small markets of the honesty benchmark, and what the benchmark makes of it."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.honesty import (
    ENSEMBLES,
    Found,
    Row,
    Told,
    failures_of_null,
    failures_of_power,
    rows_of,
    table,
)
from benchmarks.honesty_market import COSTS, FREE, Plant, asked, made, study_of, windows_of
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import MASKS, MEMBERS, SCORERS
from daytrader_ray.models.weights.config import EnsembleConfig
from daytrader_ray.walkforward.alone import judged, learned, run_alone

NULL, STRONG = Plant(seed=1, n_sessions=35), Plant(seed=2, strength=0.6, n_sessions=35)
"""Three windows each; the second one's secret is far too strong to be missed."""


@pytest.fixture(scope="module")
def results() -> dict[Plant, dict[str, Any]]:
    found = {}
    for plant, costs in ((NULL, FREE), (STRONG, COSTS)):
        market = made(plant)
        found[plant] = run_alone(market, study_of(market, plant, costs), windows_of(market), asked())
    return found


def test_every_ensemble_and_baseline_is_fitted_traded_and_judged(results: dict[Plant, dict[str, Any]]) -> None:
    for result in results.values():
        assert [trial["mask"] for trial in result["trials"]] == sorted(MASKS)
        assert (result["windows_used"], result["fits"], len(result["dates"])) == (3, 3 * len(SCORERS), 15)
        assert result["verdict"]["label"] == "too short"
        assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_strong_secret_is_earned_and_nothing_is_paid_where_fills_are_free(
    results: dict[Plant, dict[str, Any]],
) -> None:
    assert results[STRONG]["best"]["sharpe"] > 5.0
    paid = [window["costs"] for trial in results[NULL]["trials"] for window in trial["windows"]]
    assert sum(costs["traded_usd"] for costs in paid) > 1e6
    assert sum(costs["spread_usd"] for costs in paid) < 1e-6 * sum(costs["traded_usd"] for costs in paid)
    assert {costs["fees_usd"] for costs in paid} == {0.0}


def test_ensembles_alone_are_told_the_same_without_a_fit_of_the_baselines() -> None:
    market, plant = made(NULL), NULL
    study, window = study_of(market, plant, FREE), windows_of(market)[:1]
    few = learned(market, study, window, (0, 8))
    assert set(few[0].fits) == {"xgboost"}
    result = judged(market, study, asked(), few, (0, 8))
    assert [row["name"] for row in result["baselines"]["rows"]] == ["cash", "SPY"]
    every = judged(market, study, asked(), learned(market, study, window, (0, 8, 32)), (0, 8, 32))
    assert every["trials"][:2] == result["trials"]


def test_a_trial_reads_its_own_members_alone_and_out_of_fold_scores_apart() -> None:
    market = made(NULL)
    study, (window, *_) = study_of(market, NULL, FREE), windows_of(market)
    stacking = EnsembleConfig(scheme="stacking", stacking_folds=2)
    folded = replace(study, config=study.config.model_copy(update={"ensemble": stacking}))
    (one,) = learned(market, folded, [window], (8,))
    scores = one.fits["xgboost"].scores
    whole = replace(one, fits={name: replace(one.fits["xgboost"], scores=scores + k) for k, name in enumerate(SCORERS)})
    given = whole.inputs(0b00101)
    inside = [name in ("lstm", "random_forest") for name in SCORERS]
    n = market.rows((window.a[0], window.test[1]))
    assert given.scores.shape == (n.stop - n.start, 8, len(SCORERS)) and len(given.regimes) == len(given.scores)
    assert np.isfinite(given.scores).any(axis=(0, 1)).tolist() == inside
    assert given.fit_scores is not None and len(given.fit_scores) == len(scores) - len(given.scores)
    assert (given.regimes == Regime.UNKNOWN).all()


@pytest.mark.parametrize("option", [{"warm_start": True}, {"tune_members": 2}])
def test_settings_by_which_fits_hang_together_are_refused(option: dict[str, Any]) -> None:
    market = made(NULL)
    study = study_of(market, NULL, FREE)
    tied = replace(study, config=study.config.model_copy(update=option))
    with pytest.raises(ConfigError, match="tie fits together"):
        learned(market, tied, windows_of(market)[:1])


def told(label: str, pbo: float | None = 0.5) -> Told:
    return Told(label, 0.97, 0.04, pbo, 1.0, 10, list(MEMBERS[:1]))


def test_false_discoveries_are_counted_with_their_interval_and_each_lack_is_named() -> None:
    found = [Found(k, {"free": told("significant" if k < 15 else "not significant")}, None, 1.0) for k in range(200)]
    row = rows_of(found)["free"]
    assert (row.markets, row.significant, row.dsr, row.spa, row.pbo) == (200, 15, 200, 200, 0.5)
    assert (round(row.low, 3), round(row.high, 3)) == (0.043, 0.121)
    assert failures_of_null(row) == []
    assert "16 of 200 null markets are called significant: more than 15" in failures_of_null(
        replace(row, significant=16)
    )
    assert "mean PBO of null markets is 0.61" in failures_of_null(replace(row, pbo=0.61))[0]
    assert "15 (8%) | 4.3% to 12.1%" in table("null", found)


def test_too_few_discoveries_are_named_and_what_is_unknown_is_left_out() -> None:
    row = Row.of([told("significant", None), told("too short", 0.2)])
    assert (row.significant, row.pbo) == (1, 0.2)
    assert failures_of_power(replace(row, markets=50, significant=35)) == []
    assert failures_of_power(row) == ["1 of 2 planted markets are found: fewer than 35"]
    oracles = [Found(0, {"costs": told("significant")}, 5.0, 1.0)]
    assert "mean Sharpe ratio of the oracle: 5.00" in table("planted", oracles)
    assert MASKS[:32] == ENSEMBLES and table("null", []).count("\n") == 1
