"""What training takes from the search before it: skills of steps that were over, its verdict; only of the same one."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters import ledger_store
from daytrader_ray.cluster.search import SCHEMA, SearchRequest
from daytrader_ray.cluster.train import (
    _best_of_last_search,
    _search_behind,
    _skills,
    _traded_before,
    as_searched,
    settings_of,
)
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.ledger import Entry
from daytrader_ray.domain.trading import MEMBERS, SCORERS
from daytrader_ray.features.feature_set import FeaturesConfig, feature_set
from daytrader_ray.models.bundle import SearchVerdict
from daytrader_ray.models.labels import LabelConfig
from daytrader_ray.models.weights.config import EnsembleConfig
from daytrader_ray.universe.config import UniverseConfig
from tests.dashboard.results import result as made_result

DATES = ["2025-11-03", "2025-11-04", "2025-11-05", "2025-11-06"]


@pytest.fixture
def request_(tmp_path: Path) -> SearchRequest:
    request = SearchRequest(root=str(tmp_path), universe=UniverseConfig(sectors={"one": ("AAA", "BBB")}))
    ics = [[0.01 * (step + 1) if k == 3 else None for k in range(len(SCORERS))] for step in range(2)]
    curves = {trial["mask"]: trial for trial in made_result()["trials"] if trial["mask"] != 4}
    result = made_result() | {
        "id": "search-1",
        "schema": SCHEMA,
        "settings": {
            "universe": request.universe.model_dump(mode="json"),
            "search": request.config.model_dump(mode="json"),
            "labels": request.labels.model_dump(mode="json"),
        },
        "selection": {"features": list(feature_set(request.features).names)},
        "best": {"mask": 8, "members": ["xgboost"]},
        "dates": DATES,
        "windows": [{"step_sessions": 2}, {"step_sessions": 2}],
        "trials": [*curves.values()],
    }
    curves[8]["windows"] = [{"member_ic": ic} for ic in ics]
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/search-1.json").write_text(json.dumps(result))
    (tmp_path / "reports/latest.json").write_text(json.dumps({"search": "search-1"}))
    return request


def test_only_steps_that_were_over_are_skills(request_: SearchRequest) -> None:
    for last, known in (("2025-11-06", [0.01, 0.02]), ("2025-11-05", [0.01]), ("2025-11-03", [])):
        found = _skills(request_, 8, dt.date.fromisoformat(last))
        assert found.shape == (len(known), len(MEMBERS))
        assert found[:, 3].tolist() == known and np.isnan(found[:, 0]).all()


def test_another_mask_another_search_or_none_gives_no_skills(request_: SearchRequest, tmp_path: Path) -> None:
    last = dt.date(2025, 11, 6)
    assert _skills(request_, 4, last).shape == (0, len(MEMBERS))
    other = request_.model_copy(update={"universe": UniverseConfig(sectors={"one": ("CCC",)})})
    assert _skills(other, 8, last).shape == (0, len(MEMBERS))
    (tmp_path / "reports/latest.json").unlink()
    assert _skills(request_, 8, last).shape == (0, len(MEMBERS))


def test_an_ensemble_chosen_by_other_settings_is_refused_with_their_names(request_: SearchRequest) -> None:
    config = request_.config.model_copy(update={"step": "2w", "importance_samples": 0})
    assert _best_of_last_search(request_.model_copy(update={"config": config})) == 8
    other = {
        "config": config.model_copy(update={"ensemble": EnsembleConfig(scheme="hedge"), "cash": 5_000.0}),
        "labels": LabelConfig(horizon_minutes=45),
        "features": FeaturesConfig(extra=("CCI(20)",)),
    }
    with pytest.raises(DataError) as failure:
        _best_of_last_search(request_.model_copy(update=other))
    for told in (
        "search.ensemble.scheme was skill, is hedge",
        "search.cash was 100000.0, is 5000.0",
        "labels.horizon_minutes was",
        "features: it had other",
    ):
        assert told in str(failure.value)
    assert not any(name in str(failure.value) for name in ("step", "importance"))
    for name, value in other.items():
        assert not len(_skills(request_.model_copy(update={name: value}), 8, dt.date(2025, 11, 6)))


def test_the_verdict_goes_with_the_ensemble_that_the_same_search_chose_and_with_no_other(
    request_: SearchRequest,
) -> None:
    behind = _search_behind(request_, 8)
    assert behind is not None
    found = SearchVerdict.of(behind)
    assert (found.search, found.label, found.statistics["n_ledger"]) == ("search-1", "too short", 0)
    assert found.sentence.startswith("Too short: 4 days") and "xgboost, made" in found.sentence
    changes = {"score_every_minutes": 5}, {"cash": 5_000.0}
    others = [request_.model_copy(update={"config": request_.config.model_copy(update=one)}) for one in changes]
    assert [_search_behind(request_, 4), *(_search_behind(one, 8) for one in others)] == [None] * 3


def test_the_verdict_that_goes_with_a_bundle_counts_what_was_tried_since_the_search(request_: SearchRequest) -> None:
    entry = Entry(
        key="1", mask=1, members=("lstm",), search="search-0", configuration="other", settings="other", first=DATES[1],
        last="2025-12-31", days=30, sharpe=0.1, curve="1", looks=("2025-12-31",),
    )  # fmt: skip
    ledger_store.enter(request_.root, entry)
    behind = _search_behind(request_, 8)
    assert behind is not None and behind["statistics"]["n_ledger"] == 1


def test_a_warm_start_goes_on_from_the_state_of_the_candidate_whose_options_the_member_has(
    request_: SearchRequest, tmp_path: Path
) -> None:
    request = request_.model_copy(update={"config": request_.config.model_copy(update={"warm_start": True})})
    kept = [
        {
            "scores": [f"{k}{name}{k}.scores.parquet" for name in SCORERS],
            "view": "v",
            "options": {"lstm": {"hidden": 8}},
        }
        for k in range(2)
    ]
    kept[0]["after"], kept[1] = (
        {},
        {**kept[1], "options": {"lstm": {"hidden": 16}}, "after": {"lstm": "0lstm1.state.zip"}},
    )
    path = tmp_path / "reports/search-1.json"
    windows = [{"train": ["2025-10-01", day]} for day in ("2025-11-03", "2025-11-04")]
    told = {"search": request.config.model_dump(mode="json")}
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "settings": {**found["settings"], **told}, "windows": windows, "kept": kept}))
    signals = tmp_path / "processed/signals"
    signals.mkdir(parents=True)
    (signals / "1lstm1.state.zip").touch()
    first, itself, later = (_traded_before(request, dt.date(2025, 11, day)) for day in (3, 4, 5))
    assert (first.options, first.view, first.states) == ({"lstm": {"hidden": 8}}, None, {})
    assert itself.options == later.options == {"lstm": {"hidden": 16}}
    assert itself.states == {"lstm": f"{signals}/0lstm1.state.zip"}
    assert later.states == {"lstm": f"{signals}/1lstm1.state.zip"}
    assert itself.view == later.view == f"{signals}/v"


def test_what_options_told_the_search_is_told_to_who_follows_it_unless_that_is_given(
    request_: SearchRequest, tmp_path: Path
) -> None:
    told = {"train": "6s", "test": "2s", "step": "2s", "tune_members": 4}
    fewer = UniverseConfig(sectors={"one": ("AAA",)})
    path = tmp_path / "reports/search-1.json"
    found = json.loads(path.read_text())
    search = request_.config.model_copy(update=told)
    settings = {"universe": fewer.model_dump(mode="json"), "search": search.model_dump(mode="json")}
    path.write_text(json.dumps({**found, "settings": {**found["settings"], **settings}}))
    with pytest.raises(DataError, match=r"universe\.sectors.*search\.tune_members was 4, is 1"):
        _best_of_last_search(request_)
    same, said = as_searched(request_)
    assert (same.universe, same.config) == (fewer, search) == settings_of(json.loads(path.read_text()))
    assert _best_of_last_search(same) == 8 and len(_skills(same, 8, dt.date(2025, 11, 6))) == 2
    assert _search_behind(same, 8) is not None
    assert said.startswith("As search-1 was told, other than the profile: the universe of 5 symbols, search.train 6s")
    assert said.endswith("search.tune_members 4.") and as_searched(same) == (same, "")
    for given in (("universe",), ("train",)):
        assert as_searched(request_, given)[0] == request_  # another search: its other options are nothing to it
    other = request_.model_copy(update={"labels": LabelConfig(horizon_minutes=45)})
    assert as_searched(other) == (other, "") == as_searched(other, search_id="search-2")
