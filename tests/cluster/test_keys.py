"""A change of any source that a result is computed with gives another key, and so another computation."""

import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters import libraries
from daytrader_ray.adapters.score_tables import ScoreTable
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster import features, fit_jobs, regimes, search
from daytrader_ray.cluster.features import FeatureRequest, content_key
from daytrader_ray.cluster.fit_jobs import jobs_of
from daytrader_ray.cluster.fits import save_scores
from daytrader_ray.domain import sources
from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.models.labels import LabelConfig
from daytrader_ray.models.weights.config import EnsembleConfig
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.windows import WindowSpec, windows
from tests.cluster.sources import PACKAGE, imported, libraries_of
from tests.cluster.stores import SYMBOLS, fill
from tests.walkforward.markets import market, planted

BYTES_ONLY = ("adapters/atomic.py", "adapters/libraries.py", "cluster/pipeline.py", "cluster/runtime.py")
"""These carry results and make none."""
APART = ("engine/config.py", "engine/events.py", "universe/criteria.py", "universe/daily.py")
"""Rules for entries: features read the events and the universe's list that these are made of, not the rules."""

SCHEMES = ("models/weights/config.py",)
"""Trials weigh; of it, fits read how many folds they are made for, which is in their key by itself."""
FITTED = ("features/selection.py", "models/calibration.py", "models/registry.py")
"""What trials read of a fit is in the key of the fit, and that in the key of the result."""


def key(store: ParquetStore) -> str:
    universe = UniverseConfig(sectors={"one": ("AAPL", "XOM")}, references=("SPY",))
    return content_key(store, FeatureRequest(root=store.root, symbols=SYMBOLS, universe=universe), SYMBOLS)


@pytest.fixture(scope="module")
def here() -> Market:
    return market(planted(n_sessions=8, n_symbols=2))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources that the keys are made of, to edit."""
    copy = tmp_path / "daytrader_ray"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "PACKAGE", copy)
    return copy


def edited(package: Path, name: str) -> None:
    path = package / name
    path.write_text(path.read_text(encoding="utf-8") + "\n# another line\n", encoding="utf-8")


def keys(here: Market) -> dict[str, str]:
    spec = WindowSpec.parse("6s", "2s", "2s")
    found = windows(here.frames.panel.grid, spec)
    return {job.member: job.path for job in jobs_of(here, found, SearchConfig(), LabelConfig(), "root")}


@pytest.mark.parametrize("member", SCORERS)
def test_every_source_that_a_fit_imports_is_in_its_key(here: Market, package: Path, member: str) -> None:
    read = imported(["walkforward/fit.py", "features/compute.py", f"models/members/{member}.py"], SCHEMES)
    assert {"domain/trading.py", "domain/panel.py", "models/dataset.py"} <= read
    for name in sorted(read):
        before = keys(here)[member]
        edited(package, name)
        assert keys(here)[member] != before, name


def test_every_source_that_chooses_features_is_in_the_key_of_the_choice(here: Market, package: Path) -> None:
    def view() -> str:
        found = windows(here.frames.panel.grid, WindowSpec.parse("6s", "2s", "2s"))
        return jobs_of(here, found, SearchConfig(), LabelConfig(), "root")[0].view

    read = imported(["walkforward/view.py"], SCHEMES)
    assert {"features/selection.py", "models/judge.py", "domain/folds.py"} <= read
    for name in sorted(read):
        before = view()
        edited(package, name)
        assert view() != before, name


def test_what_the_networks_share_is_in_their_keys(here: Market, package: Path) -> None:
    before = keys(here)
    edited(package, "models/members/network.py")
    assert all(keys(here)[name] != before[name] for name in ("lstm", "cnn", "transformer"))


@pytest.mark.parametrize("member", SCORERS)
def test_a_change_in_one_member_fits_that_member_alone_again(here: Market, package: Path, member: str) -> None:
    before = keys(here)
    edited(package, f"models/members/{member}.py")
    after = keys(here)
    assert [name for name in SCORERS if after[name] != before[name]] == [member]


def test_another_cadence_of_scores_scores_again_and_keeps_what_the_window_chose(here: Market) -> None:
    found = windows(here.frames.panel.grid, WindowSpec.parse("6s", "2s", "2s"))
    cadences = (SearchConfig(), SearchConfig(score_every_minutes=5))
    fine, coarse = (jobs_of(here, found, config, LabelConfig(), "root") for config in cadences)
    assert not {job.path for job in fine} & {job.path for job in coarse}
    assert [job.view for job in fine] == [job.view for job in coarse]


def test_networks_that_a_gpu_trained_are_not_taken_for_those_of_the_cpu(here: Market) -> None:
    found = windows(here.frames.panel.grid, WindowSpec.parse("6s", "2s", "2s"))
    cpu, gpu = (jobs_of(here, found, SearchConfig(num_gpus=share), LabelConfig(), "root") for share in (0, 0.5))
    differ = {one.member for one, other in zip(cpu, gpu, strict=True) if one.path != other.path}
    assert differ == {"lstm", "cnn", "transformer"}


def test_folds_have_views_of_their_own_and_their_scores_lie_before_the_others(here: Market, tmp_path: Path) -> None:
    found = windows(here.frames.panel.grid, WindowSpec.parse("6s", "2s", "2s"))
    folded = SearchConfig(ensemble=EnsembleConfig(scheme="stacking", stacking_folds=2))
    plain, jobs = (jobs_of(here, found, config, LabelConfig(), str(tmp_path)) for config in (SearchConfig(), folded))
    assert [job.view for job in jobs] == [job.view for job in plain]
    assert len({view for job in jobs for _, view in job.sights}) == 1 + 2
    assert not {job.path for job in jobs} & {job.path for job in plain}
    rows = here.rows((found[0].train[0], found[0].test[1]))
    scores = np.random.default_rng(2).normal(size=(rows.stop - rows.start, len(here.columns)))
    save_scores(here, jobs[0], scores)
    table = ScoreTable.read(jobs[0].path)
    np.testing.assert_array_equal(table.part("fit"), scores[: here.rows(found[0].fit).stop])
    assert list(dict.fromkeys(table.block)) == ["fit", "a", "b", "test"]
    np.testing.assert_array_equal(table.minute, here.frames.panel.grid.minute_of_row[rows])


def test_every_source_that_makes_regimes_is_in_their_key(package: Path) -> None:
    for name in imported(["walkforward/regimes.py"]):
        before = sources.digest_of_sources(regimes.REGIME_SOURCES)
        edited(package, name)
        assert sources.digest_of_sources(regimes.REGIME_SOURCES) != before, name


def test_every_source_and_library_that_trials_compute_with_is_in_the_key_of_the_result(package: Path) -> None:
    read = imported(["walkforward/trial.py", "walkforward/result.py", "walkforward/baselines.py"], FITTED)
    assert {"models/weights/stacking.py", "models/weights/bayesian.py", "engine/kernel.py"} <= read
    for name in sorted(read):
        before = sources.digest_of_sources(search.STUDY_SOURCES)
        edited(package, name)
        assert sources.digest_of_sources(search.STUDY_SOURCES) != before, name
    computing = libraries_of(read) - {"pydantic", "pydantic_core"}
    assert computing == set(search.STUDY_LIBRARIES)


def test_a_trial_that_other_code_or_features_made_is_another_one_of_the_ledger(
    here: Market, package: Path, tmp_path: Path
) -> None:
    request = search.SearchRequest(root=str(tmp_path), universe=UniverseConfig(sectors={"one": ("S00", "S01")}))
    seen = {search.asked_of(request, here.frames).made}
    for name in ("walkforward/trial.py", "models/members/lstm.py", "regime/fit.py", "features/step.py"):
        edited(package, name)
        seen.add(search.asked_of(request, here.frames).made)
    features = replace(here.frames.features, names=("plant.drift", "plant.other"))
    seen.add(search.asked_of(request, replace(here.frames, features=features)).made)
    assert len(seen) == 1 + 4 + 1


def test_every_source_that_makes_features_is_in_their_key(tmp_path: Path, package: Path) -> None:
    fill(str(tmp_path / "data"))
    store = ParquetStore(str(tmp_path / "data"))
    read = imported(["cluster/features.py"], (*BYTES_ONLY, *APART))
    assert {"adapters/store.py", "adapters/calendar.py", "domain/sessions.py", "market_data/panel.py"} <= read
    for name in sorted(read):
        before = key(store)
        edited(package, name)
        assert key(store) != before, name


def test_another_calendar_gives_other_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ParquetStore(str(tmp_path))
    before = key(store)
    true = libraries.version
    monkeypatch.setattr(libraries, "version", lambda name: "9.9" if name == "exchange_calendars" else true(name))
    assert key(store) != before


def test_the_lists_name_files_that_exist() -> None:
    for name in (*fit_jobs.FIT_SOURCES, *fit_jobs.MEMBER_SOURCES.values(), *regimes.REGIME_SOURCES, *features.SOURCES):
        assert (PACKAGE / name).exists(), name
    assert all((PACKAGE / name).exists() for name in search.STUDY_SOURCES)


def test_hidden_files_and_leftovers_are_no_bars(tmp_path: Path) -> None:
    fill(str(tmp_path))
    store = ParquetStore(str(tmp_path))
    before = key(store), store.span(["AAPL"])
    folder = tmp_path / "historical/minute_bars/symbol=AAPL"
    for name in (".2025-11.parquet.x1.aside", "._2025-11.parquet", ".DS_Store"):
        (folder / name).write_bytes(b"left by a crash")
    assert (key(store), store.span(["AAPL"])) == before


class Seen:
    """A matrix that counts how many of the arrays that it has given are alive at once."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape = values, values.shape
        self.alive: weakref.WeakSet[Kept] = weakref.WeakSet()
        self.most = 0

    def __getitem__(self, key: tuple[slice, int]) -> np.ndarray:
        given = self.values[key].copy().view(Kept)
        self.alive.add(given)
        self.most = max(self.most, len(self.alive))
        return given


class Kept(np.ndarray):
    """An array that can be in a set."""

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def test_a_window_is_hashed_without_all_its_symbols_in_memory() -> None:
    full = market(planted(n_sessions=8, n_symbols=6))
    seen = Seen(np.asarray(full.frames.features.values))
    frames = replace(full.frames, features=replace(full.frames.features, values=seen))
    assert keys(replace(full, frames=frames)) == keys(full)
    assert 0 < seen.most <= 2
