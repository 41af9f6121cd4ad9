"""Fits that go on: again on all of the training span, and from where the window before ended."""

from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.cluster.fit_jobs import CHAIN, Counts, jobs_of
from daytrader_ray.cluster.fits import picked, save_scores
from daytrader_ray.cluster.kept import load_state, packed
from daytrader_ray.domain.trading import MEMBERS, SCORERS
from daytrader_ray.models.labels import LabelConfig
from daytrader_ray.models.members.lstm import LSTM, LSTMConfig
from daytrader_ray.models.members.xgboost import XGBoost, XGBoostConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import fit_and_score, fit_member, samples
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import WindowSpec, windows
from tests.walkforward.markets import market, planted

HERE = market(planted(n_sessions=12, n_symbols=2))
FIRST, SECOND, *_ = FOUND = windows(HERE.frames.panel.grid, WindowSpec.parse("6s", "2s", "2s"))
CONFIG = SearchConfig(importance_samples=0, max_samples=400, members={"xgboost": {"rounds": 12}})
VIEW = view_of(HERE, FIRST, CONFIG)
TRAIN, STOP = (samples(HERE, VIEW, (block,), FIRST.train, CONFIG) for block in (FIRST.fit, FIRST.a))
NEXT, NEXT_STOP = (samples(HERE, VIEW, (block,), SECOND.train, CONFIG) for block in (SECOND.fit, SECOND.a))
QUICK = {"batch_size": 64, "epochs": 2}


def told(**changes: object) -> SearchConfig:
    return CONFIG.model_copy(update=changes)


@pytest.mark.parametrize("member", ["xgboost", "random_forest"])
def test_a_refit_changes_the_scores_of_the_test_and_none_of_a_or_b(member: str) -> None:
    plain, refitted = (
        fit_and_score(HERE, [(FIRST, VIEW)], member, told(refit_on_full_train=again)).scores for again in (False, True)
    )
    n = HERE.rows((FIRST.a[0], FIRST.b[1])).stop - HERE.rows(FIRST.a).start
    assert plain.shape == refitted.shape
    assert plain[:n].tobytes() == refitted[:n].tobytes()
    assert not np.array_equal(plain[n:], refitted[n:], equal_nan=True)


def test_a_refit_lasts_as_long_as_validation_let_the_fit_and_keeps_its_calibration() -> None:
    made = fit_member(HERE, VIEW, FIRST, "xgboost", told(refit_on_full_train=True))
    assert len(made.used.fitted.root) == len(made.judged.fitted.root) < 3 * 12 + 1
    assert made.used.calibration is made.judged.calibration
    lstm = LSTM(LSTMConfig(**QUICK))
    fitted = lstm.fit(TRAIN, STOP, 7)
    assert lstm.as_long_as(fitted, None).config.epochs == fitted.epochs in (1, 2)


def test_trees_that_follow_others_begin_with_what_those_say() -> None:
    xgboost = XGBoost(XGBoostConfig(rounds=5, early_stopping=5))
    first = xgboost.fit(TRAIN, STOP, 7)
    second = xgboost.fit_from(first, NEXT, NEXT_STOP, 7)
    n = len(first.root)
    assert len(second.root) > n and second.value[: len(first.value)].tobytes() == first.value.tobytes()
    inputs = second.inputs
    grown = xgboost.grow(NEXT, NEXT_STOP, inputs, 7, first)
    import xgboost as library

    rows = library.DMatrix(inputs.rows(NEXT.windows), base_margin=first.sums(NEXT.windows))
    shares = grown.predict(rows)
    np.testing.assert_allclose(second.score(NEXT.windows), shares[:, 2] - shares[:, 0], atol=1e-6)
    assert second.gain.sum() == pytest.approx(1.0)
    assert len(xgboost.as_long_as(second, first).fit(NEXT, NEXT.part(np.arange(0)), 7).root) == len(second.root) - n


def test_a_network_begins_with_the_weights_that_it_is_given() -> None:
    start = LSTM(LSTMConfig(**QUICK)).fit(TRAIN, STOP, 7)
    still = LSTM(LSTMConfig(**QUICK, learning_rate=1e-12)).fit_from(start, NEXT, NEXT_STOP, 8)
    np.testing.assert_allclose(still.score(NEXT.windows[:64]), start.score(NEXT.windows[:64]), atol=1e-5)


def test_a_state_comes_back_as_it_was_and_equal_ones_are_equal_bytes(tmp_path: Path) -> None:
    xgboost = XGBoost(XGBoostConfig(rounds=3))
    fitted = xgboost.fit(TRAIN, STOP, 7)
    content = packed(fitted)
    (tmp_path / "one.state.zip").write_bytes(content)
    back = load_state(str(tmp_path / "one.state.zip"), XGBoost.load)
    assert packed(back) == content == packed(xgboost.fit(TRAIN, STOP, 7))
    assert back.score(NEXT.windows).tobytes() == fitted.score(NEXT.windows).tobytes()


def test_with_a_warm_start_fits_are_a_chain_on_the_features_of_its_first_window() -> None:
    cold, warm = (jobs_of(HERE, FOUND, told(warm_start=yes), LabelConfig(), "root") for yes in (False, True))
    assert 1 < len(FOUND) <= CHAIN
    assert len({job.view for job in warm}) == 1 < len({job.view for job in cold})
    chains = {
        name: [job for job in warm if job.member == name] for name in ("lstm", "xgboost", "random_forest", "boosting")
    }
    for name in ("lstm", "xgboost"):
        assert [job.after for job in chains[name]] == [None, *(job.state for job in chains[name][:-1])]
    assert not any(job.after or job.state for name in ("random_forest", "boosting") for job in chains[name])
    firsts = [job.path for job in cold if job.window is FOUND[0]]
    assert firsts == [job.path for job in warm if job.window is FOUND[0]]
    assert not {job.path for job in cold[len(firsts) :]} & {job.path for job in warm}


def test_candidates_are_fits_of_their_own_and_the_first_is_the_one_of_a_search_without_any() -> None:
    plain, tuned = (jobs_of(HERE, FOUND[:1], told(tune_members=n), LabelConfig(), "root") for n in (1, 3))
    assert (Counts.of(plain), Counts.of(tuned)) == (Counts(5, 2), Counts(15, 2))
    assert Counts.asked(FOUND[:1], told(tune_members=3)) == Counts(15, 2)
    assert [job.path for job in plain] == [job.path for job in tuned if job.candidate == 0]
    assert len({job.path for job in tuned}) == 17 and len({job.view for job in tuned}) == 1


def test_each_window_trades_the_candidates_that_b_has_chosen_so_far(tmp_path: Path) -> None:
    jobs = jobs_of(HERE, FOUND, told(tune_members=2), LabelConfig(), str(tmp_path))
    for job in jobs:
        rows = HERE.rows((job.window.a[0], job.window.test[1]))
        scores = HERE.labels.forward_return[rows][:, HERE.columns]
        better = job.candidate if job.window.index else 1 - job.candidate  # the first wins the first window alone
        save_scores(HERE, job, scores * (2.0 * better - 1.0) * (1 + job.window.index))
    first, second, *_ = picked(HERE, jobs)
    assert {job.candidate for name, job in first.items() if name in MEMBERS} == {0}
    assert list(first) == list(SCORERS) and all(job.window is FOUND[1] for job in second.values())


def test_a_refit_is_counted_as_the_fit_it_is_and_has_a_key_of_its_own() -> None:
    once, twice = (
        jobs_of(HERE, FOUND[:1], told(refit_on_full_train=again), LabelConfig(), "root") for again in (False, True)
    )
    assert (Counts.of(once), Counts.of(twice)) == (Counts(5, 2), Counts(10, 4))
    assert Counts.asked(FOUND[:1], told(refit_on_full_train=True)) == Counts(10, 4)
    assert not {job.path for job in once} & {job.path for job in twice}
