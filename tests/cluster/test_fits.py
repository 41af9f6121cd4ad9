"""What fits are given, and what a search says that it would do; no Ray is started here."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.cli.plan_view import lines
from daytrader_ray.cluster.fit_jobs import Counts, jobs_of
from daytrader_ray.cluster.fits import for_fits
from daytrader_ray.cluster.kept import keep_seconds, known_seconds
from daytrader_ray.cluster.plan import Plan, Work
from daytrader_ray.cluster.watch import Watch
from daytrader_ray.domain.trading import BASELINES, MEMBERS
from daytrader_ray.models.labels import LabelConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.fit import bytes_of_fit, fit_and_score
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import WindowSpec, windows
from tests.walkforward.markets import market, planted

SPEC, CONFIG = WindowSpec.parse("6s", "2s", "2s"), SearchConfig(importance_samples=0)
HERE = market(planted(n_sessions=10, n_symbols=2))
WINDOWS = windows(HERE.frames.panel.grid, SPEC)


class Stored:
    """A matrix that says where it lies and reads when it is asked, as the stored ones."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path, self.shape = path, shape

    def __getitem__(self, key: tuple[slice, int]) -> np.ndarray:
        return np.load(self.path, mmap_mode="r")[key]


def test_a_fit_is_given_labels_and_where_the_features_lie_and_makes_the_same_scores(tmp_path: Path) -> None:
    values = HERE.frames.features.values
    np.save(tmp_path / "features.npy", values)
    stored = Stored(tmp_path / "features.npy", values.shape)
    frames = replace(HERE.frames, features=replace(HERE.frames.features, values=stored))
    given = for_fits(replace(HERE, frames=frames))
    view = view_of(HERE, WINDOWS[0], CONFIG)
    assert view_of(given, WINDOWS[0], CONFIG).as_dict() == view.as_dict()
    whole, lean = (fit_and_score(one, [(WINDOWS[0], view)], "logistic", CONFIG) for one in (HERE, given))
    assert lean.scores.tobytes() == whole.scores.tobytes()
    sent = list[pickle.PickleBuffer]()
    pickle.dumps(given, protocol=5, buffer_callback=sent.append)
    labels = given.labels
    taught = labels.label.nbytes + labels.span_end.nbytes + labels.weight.nbytes
    assert sum(buffer.raw().nbytes for buffer in sent) < taught + 24 * given.frames.panel.grid.n_rows


def test_the_next_week_adds_one_window_of_five_members_and_two_baselines_and_changes_no_other() -> None:
    before = replace(HERE, frames=cut(HERE.frames, (0, 8)), labels=market(cut(HERE.frames, (0, 8))).labels)
    then, now = (
        jobs_of(one, windows(one.frames.panel.grid, SPEC), SearchConfig(), LabelConfig(), "root")
        for one in (before, HERE)
    )
    kept = {job.path for job in then}
    assert kept < {job.path for job in now}
    assert Counts.of(job for job in now if job.path not in kept) == Counts(len(MEMBERS), len(BASELINES)) == Counts(5, 2)


def test_memory_of_a_fit_grows_with_its_samples_up_to_the_cap() -> None:
    few, many = (bytes_of_fit(HERE, WINDOWS[0], SearchConfig(max_samples=n)) for n in (100, 50_000))
    assert 0 < few < many < 2**30
    assert many == bytes_of_fit(HERE, WINDOWS[0], SearchConfig(max_samples=500_000))


def planned(seconds: dict[str, float], free: int = 2**33) -> Plan:
    work = Work(Counts(5, 2), {"lstm": 2, "trial": 30}, held=2**30, a_fit=2**30)
    return Plan(str(SPEC), HERE.frames.panel.grid, WINDOWS, Counts(10, 4), work, seconds, cpus=4, free=free)


def test_the_time_to_expect_is_that_of_such_work_before_by_what_runs_at_once() -> None:
    known = planned({"lstm": 60.0, "trial": 4.0, "cnn": 9.0})
    assert (known.at_once, known.minutes, known.untimed) == (4, 1.0, [])
    assert planned({"lstm": 60.0}).untimed == ["trial"] and planned({"lstm": 60.0}).minutes is None
    tight = planned({"lstm": 60.0, "trial": 4.0}, free=3 * 2**30)
    assert (tight.at_once, tight.minutes) == (2, 2.0)
    assert planned({}, free=0).at_once == 1
    told = known.as_dict()
    assert (told["fits"], told["fits_cached"], told["baseline_fits"], told["gib"]) == (10, 5, 4, 6.0)
    assert told["windows"][0]["test"] == ["2025-11-11", "2025-11-12"]


def test_seconds_are_kept_by_name(tmp_path: Path) -> None:
    assert known_seconds(str(tmp_path)) == {}
    keep_seconds(str(tmp_path), {"lstm": 2.0})
    keep_seconds(str(tmp_path), {"cnn": 1.0})
    assert known_seconds(str(tmp_path)) == {"lstm": 2.0, "cnn": 1.0}


def test_a_stage_lasts_until_the_next_one_reports() -> None:
    told, clock = list[str](), iter([0.0, 1.0, 4.0, 9.0, 11.0])
    watch = Watch(lambda stage, *_: told.append(stage), lambda: next(clock))
    for stage in ("fits", "fits", "trials", "fits"):
        watch(stage, 1, 2)
    assert told == ["fits", "fits", "trials", "fits"] and watch.done == {"fits": 3, "trials": 1}
    assert watch.seconds() == pytest.approx({"start": 1.0, "fits": 3.0 + 2.0, "trials": 5.0})


def test_a_dry_run_is_told_in_sentences() -> None:
    told = list(lines(planned({"lstm": 60.0, "trial": 4.0})))
    assert told[1:] == [
        "Fits: 10 of members and 4 of baselines, of which 5 and 2 are kept; 7 to make, 4 at once.",
        "Time: about 1.0 minutes on 4 CPUs, as the last such work here took.",
        "Memory: about 6.0 GiB.",
    ]
    assert "one of each: lstm, trial" in list(lines(planned({})))[2]
    blind = replace(planned({}), work=None)
    assert list(lines(blind))[1].startswith("Fits: 10 of members and 4 of baselines. Which of them are kept")
    assert blind.as_dict()["fits"] == 10 and blind.as_dict()["fits_cached"] is None
