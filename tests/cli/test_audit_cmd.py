"""`daytrader audit` on a store of the user's: everything is looked at, and what fails is named with its place."""

import json
import re
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from daytrader_ray.cli import audit_subjects
from daytrader_ray.cli.audit_input import everything, laid, world_of
from daytrader_ray.cli.audit_stored import NOT_BUILT
from daytrader_ray.cli.main import build
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import feature_request
from daytrader_ray.cluster import features
from daytrader_ray.domain.errors import ConfigError, DaytraderError
from daytrader_ray.engine.minutes import LiveMinutes
from daytrader_ray.features.audit import lookahead, parity
from daytrader_ray.features.step import NAMES
from daytrader_ray.universe.criteria import REGISTRY
from tests.cluster.stores import SYMBOLS, fill

BARS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "yf_intraday_mit" / "1min"

OWN = """
import numpy as np

def honest(bars, n=5):
    return np.where(bars.volume > 0, bars.high - bars.low, 0.0) / n

def leaky(bars):
    return bars.close / bars.close.max()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("store")
    fill(str(path))
    (path / "mine.py").write_text(OWN, encoding="utf-8")
    return path


def audit(root, *arguments, code=0):
    done = CliRunner().invoke(build(), ["audit", *arguments, "--data", str(root), "--json"])
    assert (done.exit_code, code) in {(0, 0), (1, 1)}, done.output
    return json.loads(done.stdout.splitlines()[-1]), done


@pytest.mark.parametrize("what", ["lookahead", "warmup", "parity"])
def test_every_quantity_is_audited_and_none_fails(what, root, monkeypatch):
    monkeypatch.setenv("DAYTRADER__FEATURES__EXTRA", "['CCI(20)']")
    found, done = audit(root, what, "--sessions", "5")
    names = {finding["name"] for finding in found["findings"]}
    assert names >= {*NAMES, "extra.cci_20", "atr_5", "return_30", "sigma_30", "regime.in_force"}
    assert names >= {"statistics.adv", "universe.tradable", *(f"universe.{name}" for name in REGISTRY)}
    assert found["passed"]
    assert {finding["result"] for finding in found["findings"]} <= {"ok", "not checked"}
    assert found["unchecked"] == [one["name"] for one in found["findings"] if one["result"] == "not checked"]
    assert (NOT_BUILT in found["unchecked"]) == (what == "parity")
    assert found["symbols"] == list(SYMBOLS)
    assert "momentum.rsi_14" in done.stderr
    assert ("sampled" in done.stderr) == (what == "lookahead")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    path = tmp_path_factory.mktemp("real")
    files = [str(BARS / f"{symbol}.parquet") for symbol in ("SPY", "XLE", "XLK")]
    done = CliRunner().invoke(build(), ["import", *files, "--data", str(path)])
    assert done.exit_code == 0, done.output
    return path


@pytest.mark.skipif(not BARS.is_dir(), reason="the real bars of ../shared/data are not there")
@pytest.mark.parametrize("what", ["lookahead", "warmup", "parity"])
def test_nothing_fails_on_real_bars_with_their_gaps(what, real):
    found, _ = audit(real, what, "--sessions", "4")
    assert found["symbols"] == ["SPY", "XLE", "XLK"]
    assert sum(finding["result"] == "ok" for finding in found["findings"]) > 50


def test_a_leaky_function_of_the_user_is_named_with_the_place(root):
    found, done = audit(root, "lookahead", "--sessions", "3", "--feature", f"{root}/mine.py:leaky", code=1)
    assert [finding["result"] for finding in found["findings"]] == ["fails"]
    assert isinstance(done.exception, DaytraderError)
    place = "knows the future: extra.mine.leaky: [A-Z]+ 2025-11-.* when all changes after 2025-11-"
    assert re.match(place, done.exception.message)


@pytest.mark.parametrize("what", ["lookahead", "warmup", "parity"])
def test_a_clean_function_of_the_user_is_not_accused(what, root):
    found, _ = audit(root, what, "--sessions", "3", "--symbols", "XOM", "--feature", f"{root}/mine.py:honest(4)")
    assert [(finding["name"], finding["result"]) for finding in found["findings"]] == [("extra.mine.honest_4", "ok")]
    assert found["symbols"] == ["SPY", "XOM"]


def test_a_function_that_was_never_checked_does_not_pass(root):
    slow = root / "slow.py"
    slow.write_text("LOOKBACK = {'mine': 5000}\n\ndef mine(bars):\n    return bars.close\n", encoding="utf-8")
    found, done = audit(root, "warmup", "--sessions", "3", "--feature", f"{slow}:mine", code=1)
    assert not found["passed"] and found["unchecked"] == ["extra.slow.mine"]
    assert done.exception.message == "not checked: extra.slow.mine"


@pytest.fixture(scope="module")
def built(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("built") / "store"
    shutil.copytree(root / "historical", path / "historical")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "mapped", lambda items, function: map(function, items))
        patch.setattr(features, "started", lambda **_: nullcontext(1))
        features.build(feature_request(load("sandbox", str(path)), SYMBOLS))
    return path


@pytest.mark.parametrize("sessions", ["9", "4"])
def test_stored_features_are_what_the_bars_give(sessions, built):
    found, _ = audit(built, "parity", "--sessions", sessions)
    checked = {finding["name"]: finding["checked"] for finding in found["findings"]}
    assert checked["stored.trend.ema_20_15m"] > 100  # warm only with bars before four sessions
    assert {f"stored.{name}" for name in (*NAMES, "atr_5", "sigma_30")} <= checked.keys() and NOT_BUILT not in checked
    assert checked["stored.lag.return_1"] > 1000 and checked["stored.cross_section.excess_spy_15"] > 1000


def test_rows_that_were_moved_on_disk_are_named(built, tmp_path):
    shutil.copytree(built, tmp_path / "store")
    for path in (tmp_path / "store").rglob("kernel*/symbol=XOM/*.values.npy"):
        np.save(path, np.roll(np.load(path), 30, axis=0))
    done = CliRunner().invoke(build(), ["audit", "parity", "--sessions", "4", "--data", str(tmp_path / "store")])
    assert isinstance(done.exception, DaytraderError) and done.exit_code == 1
    assert done.exception.message.startswith("differs: stored.") and ": XOM 2025-11-" in done.exception.message
    assert "processed/features/*/symbol=XOM/2025-11.*" in done.exception.message


def test_features_of_another_profile_are_not_built(built, monkeypatch):
    monkeypatch.setenv("DAYTRADER__FEATURES__EXTRA", "['CCI(20)']")
    found, _ = audit(built, "parity", "--sessions", "4")
    assert NOT_BUILT in found["unchecked"]


def test_what_is_no_file_is_refused_as_a_feature_of_the_user(root):
    done = CliRunner().invoke(build(), ["audit", "lookahead", "--feature", "CCI(20)", "--data", str(root)])
    assert isinstance(done.exception, ConfigError)
    assert "expected FILE:FUNCTION" in done.exception.message


@pytest.fixture(scope="module")
def world(root):
    return world_of(load("sandbox", str(root)), SYMBOLS, 9)


@pytest.fixture(scope="module")
def profile(root):
    return load("sandbox", str(root))


def failing(findings):
    return {finding.name for finding in findings if finding.difference}


def test_a_criterion_that_knows_todays_volume_is_named_without_an_edit_of_the_audit(world, profile, monkeypatch):
    peeking = replace(REGISTRY["volume"], values=lambda daily: daily.volume)
    monkeypatch.setattr(audit_subjects, "REGISTRY", {**REGISTRY, "peek": peeking})
    subject = everything(profile, world, 0)
    assert failing(lookahead(world, subject.history, 1, np.random.default_rng(0))) == {"universe.peek"}
    assert failing(parity(world, subject.batch, subject.live, 7)) == {"universe.peek"}


def test_a_regime_that_is_told_one_bar_early_is_named(world, profile, monkeypatch):
    table = audit_subjects.RegimeSubject.table

    def early(self, world, states, first=0):
        return table(self, world, np.append(states[5:], [9] * 5), first)

    subject = everything(profile, world, 0)
    assert failing(lookahead(world, subject.history, 2, np.random.default_rng(0))) == set()
    monkeypatch.setattr(audit_subjects.RegimeSubject, "table", early)
    assert failing(lookahead(world, subject.history, 2, np.random.default_rng(0))) == {"regime.in_force"}


def test_a_live_session_lays_the_stored_bars_out_as_the_panel_does(world, root):
    panel = laid(world, 4, str(root)).panel
    for name in ("open", "high", "low", "close", "volume", "vwap", "traded"):
        assert np.array_equal(getattr(panel, name), getattr(world.panel, name), equal_nan=name != "traded")


def test_a_live_session_that_lays_minutes_out_otherwise_is_named(root, monkeypatch):
    lay = LiveMinutes.lay
    monkeypatch.setattr(LiveMinutes, "lay", lambda self, slot, bars: lay(self, slot, [] if slot % 50 == 7 else bars))
    found, done = audit(root, "parity", "--sessions", "3", code=1)
    failed = {finding["name"] for finding in found["findings"] if finding["result"] == "fails"}
    assert {"lag.return_1", "momentum.rsi_14"} <= failed
    assert done.exception.message.startswith("differs: ")
