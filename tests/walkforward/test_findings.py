"""What a search tells: pure, from window results to one plain value."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from daytrader_ray.dashboard.report import render
from daytrader_ray.domain.ledger import Entry
from daytrader_ray.domain.trading import MASKS, SCORERS
from daytrader_ray.models.labels import LabelConfig
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.findings import SCHEMA, Asked, Done, findings, page
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.judge import judged_by
from daytrader_ray.walkforward.ledger import Page, in_ledger, page_of
from daytrader_ray.walkforward.study import WindowInputs
from daytrader_ray.walkforward.trial import run_trial
from daytrader_ray.walkforward.view import view_of
from tests.walkforward.markets import market, planted
from tests.walkforward.test_study import CONFIG, inputs_of, study_of

TRIED = (0, 1, 2, 8, 9, 32, MASKS[-1])
ASKED = Asked(
    UniverseConfig(sectors={"one": ("S00", "S01", "S02", "S03")}), LabelConfig(), "test", "made by these tests"
)


def with_baselines(inputs: Iterator[WindowInputs]) -> Iterator[WindowInputs]:
    """Put columns of baselines beside the members': the first says what lstm says, the other nothing."""
    for given in inputs:
        more = np.stack([given.scores[:, :, 0], np.full_like(given.scores[:, :, 0], np.nan)], axis=2)
        yield replace(given, scores=np.concatenate([given.scores, more], axis=2))


def entries_of(told: dict[str, Any]) -> list[Entry]:
    """Return what a search enters in the ledger."""
    page = page_of(told)
    return [page.entry(trial["mask"], trial["equity"]) for trial in told["trials"] if in_ledger(trial["mask"])]


@pytest.fixture(scope="module")
def here() -> Market:
    return market(planted(strength=0.0003, n_sessions=12))


@pytest.fixture(scope="module")
def done(here: Market) -> Done:
    given = list(with_baselines(inputs_of(here)))
    nobody = {"left_out": ["vix"], "now": None}
    return Done(
        windows=[one.window for one in given],
        views=[view_of(here, one.window, CONFIG) for one in given],
        importances=[{} for _ in given],
        regimes=[(one.regimes, nobody) for one in given],
        trials={mask: list(run_trial(mask, study_of(here), given)) for mask in TRIED},
        fits=3 * len(SCORERS),
    )


@pytest.fixture(scope="module")
def told(here: Market, done: Done) -> dict[str, Any]:
    return findings(here, study_of(here), ASKED, done, [], "search-1")


def test_the_same_window_results_are_the_same_bytes_and_hold_no_number_that_json_has_not(
    here: Market, done: Done, told: dict[str, Any]
) -> None:
    text = json.dumps(told, sort_keys=True, allow_nan=False)
    again = findings(here, study_of(here), ASKED, done, [], "search-1")
    assert json.dumps(again, sort_keys=True) == text
    assert told["schema"] == SCHEMA == 5 and told["left_out"] == ["vix"] and told["market"] == "test"


def test_the_best_is_what_the_statistics_speak_of_and_the_verdict_is_on_it(told: dict[str, Any]) -> None:
    ensembles = [trial for trial in told["trials"] if trial["key"]]
    assert [trial["mask"] for trial in ensembles] == [1, 2, 8, 9]
    best = max(ensembles, key=lambda trial: trial["metrics"]["sharpe"] or 0.0)
    assert told["best"]["mask"] == best["mask"] and told["best"]["sharpe"] == best["metrics"]["sharpe"]
    assert told["statistics"]["dsr"] == best["dsr"] and told["statistics"]["n_search"] == 4
    assert told["statistics"]["intervals"]["sharpe"][1:] == best["intervals"]["sharpe"]
    assert told["verdict"]["label"] == "too short" and told["statistics"]["days"] == 6 == len(told["dates"])
    assert told["best"]["capacity"]["factor"][0] == 0.25


def test_baselines_stand_beside_and_are_no_trials_of_the_ledger(told: dict[str, Any]) -> None:
    rows = told["baselines"]["rows"]
    assert [row["name"] for row in rows] == ["cash", "SPY", "logistic", "equal"] and rows[1]["trades"] is None
    assert set(told["statistics"]["spa_against"]) == {"cash", "logistic", "equal"}
    names = {trial["name"]: trial for trial in told["trials"]}
    assert names["equal"]["baseline"] and names["logistic"]["baseline"] and not names["cash"]["baseline"]
    assert {entry.mask for entry in entries_of(told)} == {1, 2, 8, 9}
    assert names["equal"]["windows"][0]["scheme"] == "equal"
    assert names["logistic"]["equity"] == names["lstm"]["equity"]


def test_a_curve_that_merely_grew_is_the_same_trial_and_another_configuration_is_another(
    here: Market, done: Done, told: dict[str, Any]
) -> None:
    shorter = replace(
        done,
        windows=done.windows[:2],
        views=done.views[:2],
        importances=done.importances[:2],
        regimes=done.regimes[:2],
        trials={mask: windows[:2] for mask, windows in done.trials.items()},
    )
    study = study_of(here)
    before = entries_of(findings(here, study, ASKED, shorter, [], "search-0"))
    now = entries_of(told)
    assert [entry.key for entry in before] == [entry.key for entry in now]
    assert [entry.days for entry in before] == [4] * 4 and [entry.days for entry in now] == [6] * 4
    again = findings(here, study, ASKED, done, before, "search-1")
    assert again["statistics"] == told["statistics"] | {"looks": 2, "first_look": before[0].last}, "counted once"
    assert again["trials"] == told["trials"] and again["verdict"]["label"] == told["verdict"]["label"]
    assert (told["statistics"]["looks"], told["statistics"]["first_look"]) == (1, told["dates"][-1])
    other = replace(study, config=study.config.model_copy(update={"cash": 1.0}))
    assert not {entry.key for entry in before} & {
        entry.key for entry in entries_of(findings(here, other, ASKED, shorter, [], "search-2"))
    }


def test_trials_of_earlier_searches_on_these_days_raise_what_luck_may_show(
    here: Market, done: Done, told: dict[str, Any]
) -> None:
    own = entries_of(told)
    others = [
        own[0].model_copy(update={"key": f"{k}", "settings": "other", "curve": f"{k % 30}", "sharpe": 0.1 * (k % 7)})
        for k in range(40)
    ]
    again = findings(here, study_of(here), ASKED, done, others, "search-1")
    assert again["statistics"]["n_ledger"] == 30, "equal curves are one trial"
    assert again["statistics"]["sr0"] != told["statistics"]["sr0"]
    assert again["best"] == told["best"]


PAGE = Page("search-1", "c", "s", ("2025-02-02", "2025-02-09", "2025-03-01"))


def entry(key: str, first: str, last: str, curve: str, sharpe: float = 0.1, settings: str = "other") -> Entry:
    return Entry(key=key, mask=1, members=("lstm",), search="s", configuration="c", settings=settings, first=first,
                 last=last, days=3, sharpe=sharpe, curve=curve, looks=(last,))  # fmt: skip


def test_a_stored_result_judged_again_says_what_a_search_with_that_ledger_says(
    here: Market, done: Done, told: dict[str, Any]
) -> None:
    stored = json.loads(json.dumps(told))
    assert judged_by(stored, []) == stored
    own = entries_of(told)
    later = own[0].model_copy(
        update={"key": "later", "settings": "other", "curve": "later", "sharpe": 0.4, "search": "search-2"}
    )
    ledger = [*own, later, own[1].model_copy(update={"looks": ("2000-01-03", *own[1].looks)})]
    again = judged_by(stored, ledger)
    assert again == json.loads(json.dumps(findings(here, study_of(here), ASKED, done, ledger, "search-1")))
    assert again["statistics"]["n_ledger"] == 1 and again["statistics"]["sr0"] > told["statistics"]["sr0"]
    assert "Looked at 2 times since 2000-01-03" in again["verdict"]["sentence"]
    assert "with 100,000 USD" in again["verdict"]["sentence"]


def test_the_ledger_counts_each_other_curve_that_shares_a_day_once() -> None:
    entries = [
        entry("d", "2025-03-01", "2025-03-05", "z", 0.4),
        entry("a", "2025-01-01", "2025-02-01", "x"),
        entry("b", "2025-02-01", "2025-03-01", "y", 0.2),
        entry("c", "2025-02-01", "2025-03-01", "y", 0.2),
        entry(PAGE.key(1), "2025-02-02", "2025-02-28", "old"),
    ]
    assert PAGE.others(entries, {"curve of mine"}).tolist() == [0.2, 0.4]
    assert PAGE.others(entries, {"y"}).tolist() == [0.4]
    assert PAGE.others([], set()).shape == (0,)


def test_a_newer_program_with_the_same_settings_tries_nothing_new_but_looks_again() -> None:
    """What the one before made of days within these is the same thing tried; of other days it is another trial."""
    before = [
        entry("a", "2025-02-02", "2025-02-20", "x", settings="s"),
        entry("b", "2025-02-02", "2025-02-28", "y", settings="s"),
        entry("c", "2025-01-20", "2025-02-20", "z", 0.3, settings="s"),
        entry("d", "2025-02-02", "2025-02-20", "w", 0.4),
    ]
    assert PAGE.others(before, set()).tolist() == [0.3, 0.4]
    assert PAGE.looks(before) == ["2025-02-20", "2025-02-28", "2025-03-01"]
    grown = entry(PAGE.key(1), "2025-02-02", "2025-03-01", "v").model_copy(update={"looks": ("2025-02-14",)})
    assert PAGE.looks([*before, grown]) == ["2025-02-14", "2025-02-20", "2025-02-28", "2025-03-01"]
    assert PAGE.looks([]) == ["2025-03-01"]


def test_other_features_are_another_trial_and_a_newer_program_is_not(here: Market, done: Done) -> None:
    study = study_of(here)
    mine = page(study, ASKED, done.windows, "search-1")
    newer = page(study, replace(ASKED, made="made by a newer program"), done.windows, "search-2")
    other = page(study, replace(ASKED, features="more of them"), done.windows, "search-3")
    equity = [1.0] * (1 + len(mine.dates))
    assert newer.key(1) != mine.key(1) and newer.holds(mine.entry(1, equity))
    assert not mine.holds(other.entry(1, equity).model_copy(update={"key": "another"}))


def test_the_page_and_its_tables_tell_the_findings(told: dict[str, Any]) -> None:
    page = render(told)
    assert page.text.index(told["verdict"]["sentence"]) < page.text.index("<h2>")
    assert page.tables["trials"]["mask"] == [trial["mask"] for trial in told["trials"]]
    assert page.tables["baselines"]["name"] == [row["name"] for row in told["baselines"]["rows"]]
    assert len(page.tables["curves"]["equity"]) == len(told["trials"]) * (1 + len(told["dates"]))
