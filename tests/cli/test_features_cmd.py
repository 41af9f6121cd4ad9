"""`daytrader features --list` and `--explain`: what the registry says, and what the stored data say."""

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from daytrader_ray.adapters import frames as stored
from daytrader_ray.cli import main
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.features.step import FEATURES

PROFILE = """
universe: {sectors: {one: [AAA, BBB]}}
features: {extra: ["CCI(20)"]}
"""


@pytest.fixture
def ask(tmp_path):
    (tmp_path / "mine.yaml").write_text(PROFILE)
    options = ["--profile", str(tmp_path / "mine.yaml"), "--data", str(tmp_path / "data")]

    def run(*arguments):
        found = CliRunner().invoke(main.build(), ["features", *arguments, *options])
        if found.exception is not None:
            raise found.exception
        return found.output

    return run


@pytest.fixture
def built(monkeypatch):
    sessions = tuple(Session(dt.date(2025, 7, 1) + dt.timedelta(days=i), 29_190_000 + i * 1440, 60) for i in range(3))
    grid, rng = SessionGrid(sessions), np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 1e-3, (180, 2)), axis=0))
    panel = Panel(grid, ("AAA", "BBB"), close, close, close, close, close, close, np.ones(close.shape, dtype=bool))
    values = rng.normal(3.0, 1.0, (180, 2, 2)).astype(np.float32)
    values[:20] = np.nan
    features = FeatureMatrix(("momentum.rsi_14", "extra.cci_20"), values, close, close, close)
    frames = Frames(panel, features, np.ones((3, 2)), np.ones((3, 2)), close)
    monkeypatch.setattr(stored, "load_frames", lambda _root, _symbols: frames)
    return values


def last(output):
    return json.loads(output.strip().splitlines()[-1])


def test_the_list_has_every_feature_of_the_registry_and_every_extra(ask):
    listed = last(ask("--list", "--json"))
    assert list(listed) == [*(feature.name for feature in FEATURES), "extra.cci_20"]
    assert listed["extra.cci_20"]["warm_up"] == 20
    assert listed["extra.cci_20"]["counted_in"] == "bars"
    assert listed["lag.return_30"]["counted_in"] == "minutes"
    assert all(value["formula"] and value["source"] and value["inputs"] for value in listed.values())
    assert f"{len(FEATURES) + 1} features" in ask("--list")


def test_an_explanation_has_the_definition_and_the_statistics_of_the_data(ask, built):
    text = ask("--explain", "extra.cci_20")
    assert all(words in text for words in ("formula", "TA-Lib", "warm-up", "coverage", "in sample"))
    found = last(ask("--explain", "extra.cci_20", "--json"))
    assert found["statistics"]["coverage"] == pytest.approx(160 / 180)
    assert found["statistics"]["mean"] == pytest.approx(np.nanmean(built[:, :, 1]), rel=1e-6)
    assert found["statistics"]["next_return_is"].startswith("in sample")
    assert set(found["statistics"]["quantiles"]) >= {"0.0", "0.5", "1.0"}


def test_a_feature_without_a_value_is_one_line_with_its_rule(ask, built, monkeypatch):
    frames = stored.load_frames("", None)
    features = replace(frames.features, names=("events.minutes_to", "time.weekday"))
    built[:] = np.nan
    monkeypatch.setattr(stored, "load_frames", lambda _root, _symbols: replace(frames, features=features))
    text = " ".join(ask("--explain", "events.minutes_to").split())
    assert "no value no such event is known coverage no value on this data: no such event is known" in text
    assert text.endswith("no such event is known")
    text = " ".join(ask("--explain", "time.weekday").split())
    assert text.endswith("coverage no value on this data") and text.count("no value") == 1 and " nan" not in text


def test_of_a_feature_that_never_varies_no_correlation_is_shown(ask, built):
    built[:, :, 1] = 2.0
    text = " ".join(ask("--explain", "extra.cci_20").split())
    assert "autocorrelation none: constant next return none: constant" in text and "nan" not in text


def test_without_data_the_definition_is_shown_and_what_is_missing_is_said(ask, monkeypatch):
    def empty(*_):
        raise DataError("no features in data", "run `daytrader features` first")

    monkeypatch.setattr(stored, "load_frames", empty)
    assert "no statistics: no features in data; run `daytrader features` first" in ask("--explain", "lag.return_1")
    found = last(ask("--explain", "lag.return_1", "--json"))
    assert found["formula"] and found["statistics"] is None and found["no_statistics"] == "no features in data"


def test_an_extra_that_is_not_built_yet_says_so(ask, built):
    assert "has no values of time.weekday" in " ".join(ask("--explain", "time.weekday").split())


@pytest.mark.parametrize(
    ("name", "hint"),
    [("cci_20", "did you mean extra.cci_20?"), ("momentum.rsi", "did you mean momentum.rsi_14?"), ("?", "--list")],
)
def test_an_unknown_feature_is_refused_with_the_nearest_name(ask, name, hint):
    with pytest.raises(ConfigError, match="no feature") as error:
        ask("--explain", name)
    assert hint in error.value.hint
