"""`daytrader models list | show | diff`: what there is, what one bundle holds, what is stale, how two differ."""

import dataclasses
import datetime as dt
import json
import math

import numpy as np
import pytest
from typer import BadParameter
from typer.testing import CliRunner

from daytrader_ray.adapters import model_store
from daytrader_ray.cli import main, models_stale
from daytrader_ray.cli.models_view import description
from daytrader_ray.cli.profile import load
from daytrader_ray.domain.errors import BundleError
from daytrader_ray.domain.regime import RegimeModel
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.feature_set import FeaturesConfig, feature_set
from daytrader_ray.models import registry
from daytrader_ray.models.bundle import Bundle, SearchVerdict
from daytrader_ray.models.calibration import calibrate
from daytrader_ray.models.ensemble import Ensemble
from daytrader_ray.models.online import Online
from daytrader_ray.models.scaling import Scaler
from daytrader_ray.walkforward.config import SearchConfig
from tests.models.samples import N_FEATURES, keeping, samples

PROFILE = "universe: {sectors: {one: [AAA, BBB]}}\n"
NAMES = feature_set(FeaturesConfig()).names
KINDS = ("permutation", "permutation_error")
NOBODY = "No search stands behind it."


def regime_model() -> RegimeModel:
    three, one = np.ones((3, 1)), np.ones(1)
    return RegimeModel(
        inputs=("log_rv",),
        left_out=("vix",),
        breadth=("AAA",),
        bar_minutes=1,
        profile=one,
        mean=one,
        std=one,
        start=three[:, 0] / 3,
        transition=np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]),
        means=three,
        variances=three,
        anchors=np.zeros((3, 2)),
        crisis_vix=30.0,
    )


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    fitted = registry.member("xgboost", {"rounds": 5}).fit(samples(100, 1)[0], samples(60, 2)[0], seed=1)
    return Bundle(
        selection=keeping(NAMES, NAMES[:N_FEATURES]),
        symbols=("AAA", "BBB"),
        scaler=Scaler(np.zeros(N_FEATURES), np.ones(N_FEATURES)),
        members={"xgboost": calibrate(fitted, samples(300, 3)[0], "platt")},
        ensemble=Ensemble(
            scheme="skill",
            mask=8,
            weights=np.tile(np.array([0.0, 0, 0, 1, 0]), (4, 1)),
            timeframes=np.array([0.75, 0.25, 0.0]),
            q99=0.05,
            threshold=0.4,
            hours=np.array([0.8, 1.0]),
        ),
        regime=regime_model(),
        left_out=("vix",),
        plan={"kernel": KernelConfig(max_position=0.1).model_dump(mode="json"), "market": "recorded", "data": "ab"},
        seed=1,
        last_training_session=dt.date(2025, 11, 26),
        fingerprint="ab" * 32,
        importances={"xgboost": {kind: dict.fromkeys(NAMES[:N_FEATURES], 0.125) for kind in KINDS}},
    )


@pytest.fixture
def ask(tmp_path):
    (tmp_path / "mine.yaml").write_text(PROFILE)
    options = ["--profile", str(tmp_path / "mine.yaml"), "--data", str(tmp_path)]

    def run(*arguments):
        found = CliRunner().invoke(main.build(), ["models", *arguments, *options], standalone_mode=False)
        if found.exception is not None:
            raise found.exception
        return found.output

    return run


def last(output):
    return json.loads(output.strip().splitlines()[-1])


def words(output):
    return " ".join(output.split())


def test_the_list_has_every_bundle_with_the_latest_named_and_the_refused_one_with_its_reason(
    ask, bundle, tmp_path, monkeypatch
):
    later = model_store.save(dataclasses.replace(bundle, last_training_session=dt.date(2025, 12, 5)), tmp_path)
    early = model_store.save(bundle, tmp_path)
    monkeypatch.setattr(model_store, "SCHEMA", 1)
    old = model_store.save(dataclasses.replace(bundle, seed=2), tmp_path)
    monkeypatch.undo()
    model_store.save(bundle, tmp_path)
    listed = last(ask("list", "--json"))["bundles"]
    assert [(one["id"], one["latest"]) for one in listed] == [(later, False), (early, True), (old, False)]
    assert listed[1]["members"] == ["xgboost"]
    assert (listed[1]["scheme"], listed[1]["features"]) == ("skill", N_FEATURES)
    assert "has schema 1" in listed[2]["refused"]
    assert f"refused: bundle {old} has schema 1" in words(ask("list"))


def test_an_empty_store_has_nothing_to_list_and_nothing_to_show(ask):
    assert "`daytrader train` makes one" in ask("list")
    with pytest.raises(BundleError, match="no bundle under"):
        ask("show")


@pytest.mark.parametrize("content", [None, '{"id": "0000000000000000"}', "{}"])
def test_bundles_are_listed_and_shown_though_none_is_the_latest(ask, bundle, tmp_path, content):
    name = model_store.save(bundle, tmp_path)
    latest = tmp_path / model_store.LATEST
    latest.unlink() if content is None else latest.write_text(content)
    assert [one["id"] for one in last(ask("list", "--json"))["bundles"]] == [name]
    assert "none is the latest: models/latest.json names none of them" in words(ask("list"))
    assert f"{name}, trained to 2025-11-26 {NOBODY} stale: it is not the latest bundle" in words(ask("show", name))
    with pytest.raises(BundleError):
        ask("show")


def test_show_tells_what_a_bundle_trades_by_and_was_made_with(ask, bundle, tmp_path):
    name = model_store.save(bundle, tmp_path)
    told = words(ask("show"))
    assert f"{name} (latest), trained to 2025-11-26 {NOBODY} " in told
    assert "xgboost, weighed by scheme 'skill'" in told
    assert "xgboost 100.0% platt (a " in told
    assert "opens at |signal| 0.4, in the first hour times 0.8, in the last 1; signal 1 is a score of 0.05" in told
    assert "score = 0.75 x 1 min + 0.25 x 5 min" in told
    assert "lasts 50 min" in told and "then trending 90.0%" in told
    assert f"{N_FEATURES} of {len(NAMES)} features" in told
    assert f"{NAMES[0]} 10.00 +0.125 ± 0.125" in told
    assert "torch " in told and "abab" in told
    assert "kernel.max_position = 0.1 (default 0.05)" in told
    found = last(ask("show", name, "--json"))
    assert found["weights"] == {"any regime": {"xgboost": 1.0}}
    assert found["timeframes"] == {"1 min": 0.75, "5 min": 0.25, "15 min": 0.0}
    assert found["verdict"]["label"] == "" and found["score_every_minutes"] == 1
    assert found["regime"]["transition"][0] == [0.9, 0.1, 0.0]
    assert set(found["libraries"]) == {"numba", "numpy", "scikit-learn", "torch", "xgboost"}


def test_the_verdict_of_the_search_is_said_first_and_the_label_stands_in_the_list(ask, bundle, tmp_path):
    judged = SearchVerdict("search-1", "too short", "Too short: 20 [days] cannot tell skill from luck.", {"dsr": 0.4})
    coarse = dataclasses.replace(bundle.ensemble, score_every_minutes=5)
    name = model_store.save(dataclasses.replace(bundle, verdict=judged, ensemble=coarse), tmp_path)
    told = words(ask("show"))
    assert f"trained to 2025-11-26 verdict of search-1: {judged.sentence} " in told
    assert "members score every 5 minutes; in between the signal holds, and nothing is opened" in told
    assert last(ask("show", name, "--json"))["verdict"] == dataclasses.asdict(judged)
    assert last(ask("list", "--json"))["bundles"][0]["verdict"]["label"] == "too short"
    assert "too short" in words(ask("list"))
    other = model_store.save(bundle, tmp_path)
    found = last(ask("diff", name, other, "--json"))
    assert [row["key"] for row in found["trades"]] == ["score_every_minutes"]
    assert [row["key"] for row in found["rest"]] == ["verdict.search", "verdict.label"]


def test_weights_that_differ_by_regime_are_shown_by_regime_and_cash_opens_nothing(ask, bundle, tmp_path):
    table = np.zeros((4, 5))
    table[:, 3], table[3, 3], table[3, 2] = 1.0, 0.25, 0.75
    other = dataclasses.replace(bundle.ensemble, scheme="regime", weights=table, mask=12, threshold=np.inf)
    members = dict(bundle.members) | {"random_forest": bundle.members["xgboost"]}
    other = dataclasses.replace(
        other, note="equal: 4 of 12 steps known", online=Online(np.array([0.0, 0, 4.5, 5.5, 0]), 5.0, 10, np.ones(5))
    )
    changed = dataclasses.replace(bundle, ensemble=other, regime=None, members=members)
    found = {"stale": [], **_described(changed, tmp_path)}
    assert found["weights"]["crisis"] == {"random_forest": 0.75, "xgboost": 0.25}
    assert found["weights"]["unknown"] == {"random_forest": 0.0, "xgboost": 1.0}
    bound = pytest.approx(2 * (5 * math.log(2)) ** 0.5 + (math.log(2) / 8) ** 0.5)
    losses = {"random_forest": 0.45, "xgboost": 0.55}
    assert found["online"] == {"rounds": 10, "mean_loss": losses, "regret": 0.5, "regret_bound": bound}
    lines = [line for line in description(found) if isinstance(line, str)]
    assert "random_forest + xgboost, weighed by scheme 'regime' (equal: 4 of 12 steps known)" in lines
    assert "opens nothing: no signal paid its cost on validation" in lines
    assert any("after 10 rounds the mean losses are random_forest 0.4500, xgboost 0.5500" in line for line in lines)
    assert "no regime model: its history was too short" in lines


def _described(bundle, root):
    from daytrader_ray.cli.models_values import Opened, described

    return described(Opened("0" * 16, bundle, True, {}))


def test_what_is_stale_is_told_in_sentences(ask, bundle, tmp_path, monkeypatch):
    class Store:
        def __init__(self, root):
            pass

        def span(self):
            return dt.date(2025, 1, 2), dt.date(2025, 12, 2)

    profile = load(str(tmp_path / "mine.yaml"), str(tmp_path))
    universe = profile.universe.model_dump(mode="json")
    plan = {
        **bundle.plan,
        "universe": universe,
        "config": {"train": "6m", "ensemble": {"scheme": "skill"}},
        "chosen_until": "2025-11-21",
    }
    old = model_store.save(dataclasses.replace(bundle, plan=plan), tmp_path)
    model_store.save(dataclasses.replace(bundle, seed=2), tmp_path)
    monkeypatch.setattr("daytrader_ray.adapters.store.ParquetStore", Store)
    result = {
        "id": "search-1",
        "best": {"mask": 1, "members": ["lstm"]},
        "dates": ["2025-11-28"],
        "settings": {"universe": universe, "search": {"train": "6m", "ensemble": {"scheme": "equal"}}},
    }
    monkeypatch.setattr("daytrader_ray.cluster.search.load_result", lambda root: result)
    monkeypatch.setattr(
        "daytrader_ray.adapters.libraries.scoring_libraries", lambda: dict.fromkeys(("numba",), "9.9.9")
    )
    found = last(ask("show", old, "--json"))["stale"]
    assert found[:3] == [
        "it is not the latest bundle",
        "3 sessions came after its training, up to 2025-12-02",
        "the last search (search-1) found lstm best, by scheme 'equal'",
    ]
    assert "kernel.max_position was 0.1, the profile has 0.05: trading refuses it" in found
    assert any(one.startswith("search.") and one.endswith("training now gives another bundle") for one in found)
    assert any(one.startswith("numba was ") and "now 9.9.9" in one for one in found)
    of_others = {"dates": ["2025-11-20"]}, {"settings": {**result["settings"], "search": {"train": "26w"}}}
    for other in of_others:
        monkeypatch.setattr("daytrader_ray.cluster.search.load_result", lambda root, other=other: {**result, **other})
        assert not [one for one in last(ask("show", old, "--json"))["stale"] if "search-1" in one]


def test_a_bundle_of_other_features_says_that_trading_refuses_it(bundle, tmp_path):
    (tmp_path / "mine.yaml").write_text(PROFILE + 'features: {extra: ["CCI(20)"]}\n')
    profile = load(str(tmp_path / "mine.yaml"), str(tmp_path))
    (sentence,) = models_stale._other_features(profile, bundle)
    assert sentence == "the profile has other features (extra.cci_20): trading refuses it"


def test_a_difference_that_changes_trades_stands_before_the_rest(ask, bundle, tmp_path):
    one = model_store.save(bundle, tmp_path)
    ensemble = dataclasses.replace(bundle.ensemble, threshold=np.inf, hours=np.array([0.7, 1.0]))
    selection = keeping(NAMES, NAMES[1 : N_FEATURES + 1])
    other = model_store.save(
        dataclasses.replace(bundle, ensemble=ensemble, seed=3, selection=selection, importances={}), tmp_path
    )
    found = last(ask("diff", one, "--json"))
    assert found["bundles"] == [one, other]
    assert [row["key"] for row in found["trades"]] == ["threshold", "hours.first", "features"]
    assert [(row["key"], row["one"], row["other"]) for row in found["rest"]] == [("seed", 1, 3)]
    told = words(ask("diff", one, other))
    assert told.index("threshold 0.4 none") < told.index("the rest") < told.index("seed 1 3")
    assert f"features only here: {NAMES[0]} only here: {NAMES[N_FEATURES]}" in told
    assert "what changes trades: no difference" in words(ask("diff", one, one))


def test_keys_that_differ_are_those_of_a_profile(ask, bundle, tmp_path):
    search = SearchConfig().model_dump(mode="json")
    plan = {**bundle.plan, "config": {**search, "train": "7w"}}
    one = model_store.save(dataclasses.replace(bundle, plan=plan), tmp_path)
    assert "search.train = 7w (default " in words(ask("show"))
    plan = {**plan, "kernel": KernelConfig(max_position=0.2).model_dump(mode="json"), "config": search}
    other = model_store.save(dataclasses.replace(bundle, plan=plan), tmp_path)
    found = last(ask("diff", one, other, "--json"))
    assert [row["key"] for row in found["trades"]] == ["kernel.max_position"]
    assert [row["key"] for row in found["rest"]] == ["search.train"]


@pytest.mark.parametrize("arguments", [("list", "a"), ("show", "a", "b"), ("diff",), ("diff", "a", "b", "c")])
def test_a_wrong_number_of_bundles_is_wrong_usage(ask, arguments):
    with pytest.raises(BadParameter, match="bundles, found"):
        ask(*arguments)


def test_a_bundle_that_is_not_there_is_refused_by_name(ask, bundle, tmp_path):
    model_store.save(bundle, tmp_path)
    with pytest.raises(BundleError, match=f"no bundle '{'0' * 16}'"):
        ask("show", "0" * 16)
