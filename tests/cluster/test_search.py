import contextlib
import datetime as dt
import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters import ledger_store, run_store
from daytrader_ray.adapters.explain import explain
from daytrader_ray.adapters.score_tables import ScoreTable
from daytrader_ray.cluster.backtest import Span, backtest_bundle, backtest_mask
from daytrader_ray.cluster.fit_jobs import Counts, jobs_of
from daytrader_ray.cluster.fits import run_fits
from daytrader_ray.cluster.kept import load_view
from daytrader_ray.cluster.plan import plan
from daytrader_ray.cluster.search import (
    SearchReport,
    SearchRequest,
    frames_of,
    load_result,
    market_of,
    search,
    study_of,
)
from daytrader_ray.cluster.train import Trained, train
from daytrader_ray.cluster.trials import WindowFiles, read_inputs
from daytrader_ray.domain.content import digest_of_arrays, key_of
from daytrader_ray.domain.errors import BundleError, ConfigError, DataError
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.domain.trading import BASELINES, MASKS, MEMBERS, SCORERS
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.feature_set import FeaturesConfig
from daytrader_ray.models.labels import LabelConfig
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import fit_and_score
from daytrader_ray.walkforward.result import stitch, trial_dict
from daytrader_ray.walkforward.trial import run_trial
from daytrader_ray.walkforward.tuning import with_options
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import WindowSpec, windows
from tests.cluster.sources import PACKAGE
from tests.cluster.stores import SEARCH, SYMBOLS, another_process, fill, in_another_process
from tests.walkforward.markets import market, planted

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("store"))
    fill(folder)
    return folder


@pytest.fixture(scope="module")
def request_(root: str) -> SearchRequest:
    universe = UniverseConfig(sectors={}).replaced_by(SYMBOLS)
    return SearchRequest(root=root, universe=universe, config=SEARCH)


class Interrupt:
    """Presses Ctrl-C after so many fits, or in another stage."""

    def __init__(self, after: int, stage: str = "fits") -> None:
        self.after, self.stage = after, stage
        self.told: list[tuple[str, int, int]] = []

    def __call__(self, stage: str, done: int, of: int) -> None:
        self.told.append((stage, done, of))
        if stage == self.stage and done == self.after:
            raise KeyboardInterrupt


class Kill:
    """Kills one worker by its pid in the middle of a fit, after so many fits."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.pid: int | None = None

    def __call__(self, stage: str, done: int, of: int) -> None:
        if stage == "fits" and done == self.after and self.pid is None:
            fitting = [one for one in psutil.Process().children(recursive=True) if one.name().startswith("ray::_timed")]
            if fitting:
                self.pid = fitting[0].pid
                fitting[0].kill()


@pytest.fixture(scope="module")
def report(ray_cluster: int, request_: SearchRequest) -> SearchReport:
    """The search, interrupted once after two fits and then asked again, when a worker is killed after two more."""
    with pytest.raises(KeyboardInterrupt):
        search(request_, Interrupt(after=2))
    kill = Kill(after=4)
    found = search(request_, kill)
    assert kill.pid is not None
    return found


def test_an_interrupted_search_resumes_and_fits_nothing_twice(report: SearchReport) -> None:
    assert report.fits == Counts(len(MEMBERS), len(BASELINES))
    assert report.fits_run.all == len(SCORERS) - 2
    assert report.result["ensembles"] == 2 ** len(MEMBERS)
    assert report.result["verdict"]["label"] == "too short"


def test_no_half_written_file_is_left(report: SearchReport, root: str) -> None:
    assert [path for path in Path(root).rglob("*") if ".aside" in path.name] == []


def test_the_same_search_again_fits_nothing_and_writes_the_same_bytes(
    report: SearchReport, request_: SearchRequest
) -> None:
    before = Path(report.path).read_bytes()
    again = search(request_)
    assert again.fits_run == Counts(0, 0)
    assert again.path == report.path
    assert Path(again.path).read_bytes() == before
    assert load_result(request_.root) == again.result


def test_a_trial_that_is_gone_runs_again_alone_and_its_curve_is_in_the_ledger_once(
    report: SearchReport, request_: SearchRequest
) -> None:
    before = Path(report.path).read_bytes()
    kept = sorted(Path(request_.root, "processed/trials").iterdir())
    whole = kept[3].read_bytes()
    kept[3].unlink()
    shutil.rmtree(Path(request_.root, ledger_store.LEDGER))
    told = Interrupt(after=0, stage="verdict")
    with pytest.raises(KeyboardInterrupt):
        search(request_, told)
    assert len(ledger_store.read(request_.root)) == 2 ** len(MEMBERS) - 1, "who never saw the verdict saw the figures"
    again = search(request_)
    assert len(kept) == len(MASKS)
    assert [done for stage, done, _ in told.told if stage == "trials"] == [len(MASKS) - 1, len(MASKS)]
    assert kept[3].read_bytes() == whole and Path(again.path).read_bytes() == before
    entries = ledger_store.read(request_.root)
    assert sorted(entry.mask for entry in entries) == list(range(1, 2 ** len(MEMBERS)))
    assert {entry.search for entry in entries} == {report.result["id"]}
    assert (again.result["statistics"]["n_ledger"], again.result["statistics"]["looks"]) == (0, 1)


def test_a_dry_run_says_what_is_kept_and_what_is_not(report: SearchReport, request_: SearchRequest) -> None:
    told = plan(request_, cpus=2)
    assert told.work is not None and told.fits == told.work.cached == report.fits
    assert (told.work.to_do, told.minutes, told.untimed) == ({}, 0.0, [])
    tuned = request_.model_copy(update={"config": request_.config.model_copy(update={"tune_members": 2})})
    more = plan(tuned, cpus=2)
    assert more.work is not None and more.fits == Counts(10, 2) and more.work.cached == Counts(5, 2)
    assert more.work.to_do == {"trial": len(MASKS), **dict.fromkeys(MEMBERS, 1)}
    assert more.minutes is not None and more.minutes > 0.0 and more.gib is not None
    other = request_.model_copy(update={"features": FeaturesConfig(extra=("CCI(20)",))})
    assert plan(other).work is None and plan(other).fits == report.fits and len(plan(other).windows) == 1


def test_workers_change_nothing_one_process_gives_the_same_bits(report: SearchReport, request_: SearchRequest) -> None:
    frames = frames_of(request_)
    market = market_of(request_, frames)
    found = windows(frames.panel.grid, request_.spec)
    jobs = jobs_of(market, found, request_.config, request_.labels, request_.root)
    job = jobs[MEMBERS.index("xgboost")]
    view = view_of(market, job.window, request_.config)
    assert view.as_dict() == load_view(job.view).as_dict()
    alone = fit_and_score(market, [(job.window, view)], job.member, request_.config)
    assert alone.scores.tobytes() == ScoreTable.read(job.path).values.tobytes()
    regimes = list(Path(request_.root, "processed/signals").glob("*.npy"))
    file = WindowFiles(found[0], tuple(job.path for job in jobs), str(regimes[0]))
    results = list(run_trial(31, study_of(request_, market), [read_inputs(file, 31)]))
    trial = stitch(31, results)
    expected = report.result["trials"][31]
    assert list(trial.equity) == expected["equity"]
    assert trial.performance.as_dict() == {k: v for k, v in expected["metrics"].items() if k != "intraday_drawdown"}
    assert trial_dict(trial, request_.config.seed)["windows"] == expected["windows"]


class Killer:
    """Kills all workers that run trials, twice, each time when another trial has told of a window."""

    def __init__(self) -> None:
        self.killed = 0

    def __call__(self, stage: str, done: int, of: int) -> None:
        """Take one report of a search."""
        del of
        if stage == "trials" and done and self.killed < 2:
            family = psutil.Process().children(recursive=True)
            hit = 0
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.name().startswith("ray::ImplicitFunc"):
                        process.kill()
                        hit += 1
            self.killed += hit > 0


def test_trials_whose_workers_are_killed_run_again_and_leave_the_same_bytes(
    report: SearchReport, request_: SearchRequest, tmp_path: Path
) -> None:
    root = shutil.copytree(request_.root, tmp_path / "root")
    shutil.rmtree(root / "processed/trials")
    shutil.rmtree(root / "reports")
    killer = Killer()
    again = search(request_.model_copy(update={"root": str(root)}), killer)
    assert killer.killed == 2 and again.fits_run.members == 0
    assert Path(again.path).read_bytes() == Path(report.path).read_bytes()


@pytest.mark.slow
def test_one_worker_or_two_or_four_of_a_killed_driver_leave_the_same_bytes(
    report: SearchReport, tmp_path: Path
) -> None:
    with another_process(PACKAGE.parent, str(tmp_path), "4") as killed:
        deadline = time.monotonic() + 250
        while not list(tmp_path.glob("processed/signals/*.scores.parquet")) and time.monotonic() < deadline:
            time.sleep(0.05)
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("processed/signals/*.scores.parquet")}
    told = in_another_process(PACKAGE.parent, str(tmp_path), "1")
    assert kept and all(path.stat().st_mtime_ns == then for path, then in kept.items())
    assert told["id"] == report.result["id"]
    assert_same_files(report, tmp_path)


@pytest.mark.slow
def test_a_fit_that_is_lost_with_its_node_is_made_on_another_and_leaves_the_same_bytes(
    report: SearchReport, tmp_path: Path
) -> None:
    told = in_another_process(PACKAGE.parent, str(tmp_path), program="two_nodes")
    assert told == {"id": report.result["id"], "cpus": 2, "lost": ["127.0.0.3"], "left": ["127.0.0.2"]}
    assert_same_files(report, tmp_path)


def assert_same_files(report: SearchReport, root: Path) -> None:
    """Hold the fits and the result under `root` to those of `report`."""
    mine, other = (Path(root) / "processed/signals" for root in (Path(report.path).parents[1], root))
    files = sorted(path.name for path in other.iterdir())
    assert len([name for name in files if name.endswith(".parquet")]) == len(SCORERS)
    assert files == sorted(path.name for path in mine.iterdir())
    assert [name for name in files if (mine / name).read_bytes() != (other / name).read_bytes()] == []
    assert Path(report.path).read_bytes() == Path(root, "reports", Path(report.path).name).read_bytes()


def test_fits_of_a_chain_begin_where_the_one_before_ended_on_whatever_worker(ray_cluster: int, tmp_path: Path) -> None:
    config = SearchConfig(
        warm_start=True, tune_members=2, refit_on_full_train=True, importance_samples=0, max_samples=400
    )
    here = market(planted(n_sessions=10, n_symbols=2))
    found = windows(here.frames.panel.grid, WindowSpec.parse("6s", "2s", "2s"))
    jobs = [job for job in jobs_of(here, found, config, LabelConfig(), str(tmp_path)) if job.member == "xgboost"]
    assert len(run_fits(here, jobs, config, str(tmp_path))) == len(jobs) == 2 * len(found)
    assert run_fits(here, jobs, config, str(tmp_path)) == []
    start, view = None, view_of(here, found[0], config)
    for job in (job for job in jobs if job.candidate == 1):
        own = with_options(config, job.member, job.options)
        alone = fit_and_score(here, [(job.window, view)], job.member, own, start)
        assert alone.scores.tobytes() == ScoreTable.read(job.path).values.tobytes()
        start = alone.state


def test_baselines_are_trials_of_their_own_and_never_the_best(report: SearchReport) -> None:
    rows = [trial for trial in report.result["trials"] if trial["baseline"]]
    assert [trial["name"] for trial in rows] == [*BASELINES, "equal"]
    assert all(trial["dsr"] is None and len(trial["equity"]) == 3 for trial in rows)
    assert report.result["best"]["mask"] < 2 ** len(MEMBERS) == rows[0]["mask"]
    assert report.summary()["baselines"]["sentence"].startswith("Net of cost the best of 31")
    assert report.result["labels"]["samples"] > 1000
    assert report.summary()["scheme"] == "skill"


def test_importances_are_in_the_result_for_every_window_and_fit(report: SearchReport) -> None:
    (told,) = report.result["importances"]
    assert set(told) == set(SCORERS)
    kept = report.result["selection"]["windows"][0]["dropped"].count("")
    assert all(len(kinds["permutation"]) == kept for kinds in told.values())
    assert {name for name, kinds in told.items() if "gain" in kinds} == {"random_forest", "xgboost", "boosting"}


def test_scores_say_to_anybody_which_fit_they_are(report: SearchReport, request_: SearchRequest) -> None:
    market = market_of(request_, frames_of(request_))
    found = windows(market.frames.panel.grid, request_.spec)
    job = jobs_of(market, found, request_.config, request_.labels, request_.root)[0]
    told = json.loads(pq.read_schema(job.path).metadata[b"daytrader"])
    assert (told["member"], told["spans"]["test"]) == ("lstm", "2025-11-11 to 2025-11-12")
    assert told["key"]["member_config"]["epochs"] >= 1 and told["key"]["views"][0]["fit"]["seed"] == 7
    assert request_.root not in json.dumps(told)
    assert set(pd.read_parquet(job.path).block) == {"a", "b", "test"}


def test_the_result_says_what_each_window_kept(report: SearchReport) -> None:
    selection = report.result["selection"]
    assert len(selection["windows"]) == report.result["windows_used"] == 1
    assert selection["of"] == len(selection["features"]) == len(selection["windows"][0]["dropped"])
    assert 0 < selection["kept"] == selection["windows"][0]["dropped"].count("") <= 30
    assert report.summary()["features"] == {"of": selection["of"], "kept": selection["kept"], "stability": None}


def test_features_are_chosen_once_and_read_again_when_a_member_is_fitted_anew(
    report: SearchReport, request_: SearchRequest
) -> None:
    market = market_of(request_, frames_of(request_))
    jobs = jobs_of(
        market, windows(market.frames.panel.grid, request_.spec), request_.config, request_.labels, request_.root
    )
    assert len({job.view for job in jobs}) == 1
    stamp = Path(jobs[0].view).stat().st_mtime_ns
    Path(jobs[0].path).unlink()
    Path(jobs[1].beside).unlink()
    (regime,) = Path(jobs[0].path).parent.glob("*.regime.json")
    regime.unlink()
    assert search(request_).fits_run == Counts(2, 0)
    assert Path(jobs[1].beside).exists() and regime.exists()
    assert Path(jobs[0].view).stat().st_mtime_ns == stamp


@pytest.mark.parametrize("kind", ["regime.npy", "scores.parquet"])
def test_a_damaged_file_of_a_search_is_named_before_any_trial(
    report: SearchReport, request_: SearchRequest, kind: str
) -> None:
    path = next(Path(request_.root, "processed/signals").glob(f"*.{kind}"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    shutil.rmtree(Path(request_.root, "processed/trials"), ignore_errors=True)
    told = Interrupt(after=-1)
    with pytest.raises(DataError, match=rf"^{path}: ") as caught:
        search(request_, told)
    path.write_bytes(whole)
    assert caught.value.hint == "remove it and search again"
    assert "trials" not in {stage for stage, _, _ in told.told}


def test_a_result_of_another_version_is_refused_with_a_hint(report: SearchReport, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "search-1.json").write_text('{"schema": 1}')
    with pytest.raises(DataError, match="search-1' has schema 1, this program reads 5") as caught:
        load_result(str(tmp_path), "search-1")
    assert "daytrader search" in caught.value.hint


def test_regime_inputs_that_are_absent_are_named(report: SearchReport) -> None:
    assert report.result["left_out"] == ["corr_gld", "corr_qqq", "corr_tlt", "vix", "vix_term"]


def test_a_history_too_short_is_refused_with_the_arithmetic(ray_cluster: int, request_: SearchRequest) -> None:
    longer = request_.model_copy(update={"config": SearchConfig(train="30s", test="2s", step="2s", min_windows=1)})
    with pytest.raises(DataError, match=r"30 sessions of training \+ 2 sessions of test = 32 .* found 9"):
        search(longer)


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_computed(
    ray_cluster: int, request_: SearchRequest, tmp_path: Path
) -> None:
    market, config = market_of(request_, frames_of(request_)), request_.config.model_copy(update={"num_gpus": 0.5})
    jobs = jobs_of(market, windows(market.frames.panel.grid, request_.spec), config, request_.labels, str(tmp_path))
    with pytest.raises(ConfigError, match=r"num_gpus is 0\.5, but Ray has 0 GPUs"):
        run_fits(market, jobs, config, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_a_worker_keeps_its_name_and_words(ray_cluster: int, request_: SearchRequest) -> None:
    options = {"xgboost": {"rouns": 5}}
    wrong = request_.model_copy(update={"config": request_.config.model_copy(update={"members": options})})
    with pytest.raises(ConfigError, match="rouns"):
        search(wrong)


@pytest.fixture(scope="module")
def trained(report: SearchReport, request_: SearchRequest) -> Trained:
    return train(request_, mask=8, until=dt.date(2025, 11, 12))


def test_training_publishes_a_bundle_of_the_ensemble_s_own_members(trained: Trained) -> None:
    assert set(trained.bundle.members) == {"xgboost"}
    assert trained.bundle.last_training_session == dt.date(2025, 11, 11)
    assert (trained.first, trained.last) == (dt.date(2025, 11, 4), dt.date(2025, 11, 11))
    np.testing.assert_array_equal(trained.bundle.ensemble.weights[0] > 0, [False, False, False, True, False])
    assert (trained.summary()["members"], trained.summary()["scheme"]) == (["xgboost"], "skill")
    assert set(trained.bundle.importances["xgboost"]["permutation"]) == set(trained.bundle.features)
    assert trained.bundle.ensemble.score_every_minutes == trained.summary()["score_every_minutes"] == 5


def test_a_bundle_has_the_verdict_of_the_search_inside_where_that_chose_its_ensemble(
    trained: Trained, report: SearchReport
) -> None:
    best, judged = report.result["best"]["mask"] == 8, report.result["verdict"]
    assert trained.bundle.verdict.search == (report.result["id"] if best else "")
    assert trained.bundle.verdict.label == (judged["label"] if best else "")
    assert trained.bundle.plan["chosen_until"] == (report.result["dates"][-1] if best else None)


def test_training_again_gives_the_same_bundle(trained: Trained, request_: SearchRequest) -> None:
    assert train(request_, mask=8, until=dt.date(2025, 11, 12)).bundle_id == trained.bundle_id


def test_the_bundle_says_which_market_its_bars_come_from(trained: Trained) -> None:
    assert trained.bundle.plan["market"] == "unknown"


def test_the_best_of_a_search_on_other_symbols_or_spans_is_not_trained(
    report: SearchReport, request_: SearchRequest
) -> None:
    fewer = request_.model_copy(update={"universe": UniverseConfig(sectors={}).replaced_by(("AAPL", "XOM"))})
    longer = request_.model_copy(update={"config": SearchConfig(train="7s", test="2s", step="2s", min_windows=1)})
    for other, differs in ((fewer, r"universe\.sectors"), (longer, "search.train was 6s, is 7s")):
        with pytest.raises(DataError, match=rf"{report.result['id']}.*{differs}") as caught:
            train(other)
        assert "--mask" in caught.value.hint


def test_a_bundle_trades_the_sessions_after_its_training_and_no_earlier_one(
    trained: Trained, request_: SearchRequest
) -> None:
    later = request_.universe.model_copy(update={"chosen_on": dt.date(2025, 11, 13)})
    done = backtest_bundle(request_.model_copy(update={"universe": later}), trained.bundle_id)
    assert [str(date) for date in done.run.dates] == ["2025-11-12", "2025-11-13"]
    assert done.summary()["sessions"] == ["2025-11-12", "2025-11-13"]
    assert run_store.load(request_.root).manifest == done.run.manifest
    assert (
        "The symbols were chosen on 2025-11-13, after 1 of the 2 days: that flatters every figure."
        in done.run.manifest.notices
    )
    with pytest.raises(BundleError, match="it has seen 2025-11-11"):
        backtest_bundle(request_, trained.bundle_id, Span(dt.date(2025, 11, 11)))
    with pytest.raises(DataError, match="no stored session from 2025-11-20"):
        backtest_bundle(request_, trained.bundle_id, Span(dt.date(2025, 11, 20)))


def test_an_ensemble_of_the_search_trades_its_steps_again_to_the_cent(
    report: SearchReport, request_: SearchRequest
) -> None:
    done = backtest_mask(request_, 31)
    assert done.run.session_equity.tolist() == report.result["trials"][31]["equity"]
    assert done.run.manifest.subject == f"mask 31 of {report.result['id']}"
    entry = str(done.run.decisions.client_order_id[-1])
    told = explain(request_.root, entry, done.run.manifest.id)
    assert told["bar"]["close"] == told["order"]["price"] and told["decision"]["entry"] == entry
    assert len(told["features"]) == report.result["selection"]["of"]
    assert [one["name"] for one in told["decision"]["members"]] == list(MEMBERS)
    equal = backtest_mask(request_, MASKS[-1]).run
    assert equal.session_equity.tolist() == report.result["trials"][-1]["equity"] and equal.manifest.members == MEMBERS
    again = backtest_mask(request_, 31, Span(first=dt.date(2025, 11, 12), cash=50_000.0))
    assert (len(again.run.dates), again.run.session_equity[0]) == (1, 50_000.0)
    with pytest.raises(ConfigError, match="mask 200"):
        backtest_mask(request_, 200)
    with pytest.raises(DataError, match=r"was another: kernel\.max_position was 0\.05, is 0\.04"):
        backtest_mask(request_.model_copy(update={"kernel": KernelConfig(max_position=0.04)}), 31)


def test_keys_change_with_bytes_types_shapes_and_sources() -> None:
    ones = np.ones(4)
    keys = {
        digest_of_arrays([ones]),
        digest_of_arrays([ones.astype(np.float32)]),
        digest_of_arrays([ones.reshape(2, 2)]),
        digest_of_arrays([ones, ones]),
        digest_of_arrays([ones * 2]),
    }
    assert len(keys) == 5
    assert digest_of_sources(["features"]) != digest_of_sources(["models/labels.py"])
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
