"""Finished trials as files, and which are run again; no Ray is started here."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.exceptions import OutOfMemoryError, WorkerCrashedError

from daytrader_ray.cluster import trials
from daytrader_ray.cluster.fits import silent
from daytrader_ray.cluster.trials import load_trial, run_trials, save_trial
from daytrader_ray.domain.errors import DataError
from daytrader_ray.walkforward.trial import WindowResult, run_trial
from tests.cluster.test_tasks import raised_in_a_task
from tests.walkforward.markets import market, planted
from tests.walkforward.test_study import inputs_of, study_of


@pytest.fixture(scope="module")
def found() -> list[WindowResult]:
    here = market(planted(strength=0.0003, n_sessions=10))
    return [result for mask in (0, 1) for result in run_trial(mask, study_of(here), inputs_of(here))]


def test_a_trial_comes_back_to_the_bit_with_its_infinities(found: list[WindowResult], tmp_path: Path) -> None:
    path = str(tmp_path / "trial.json")
    save_trial(path, found)
    back = load_trial(path, len(found))
    assert math.isinf(back[0].threshold) and math.isnan(back[0].rank_ic)
    assert [repr(one) for one in map(_sorted, back)] == [repr(one) for one in map(_sorted, found)]
    again = tmp_path / "again.json"
    save_trial(str(again), back)
    assert again.read_bytes() == Path(path).read_bytes()


def _sorted(result: WindowResult) -> object:
    return json.loads(json.dumps(vars(result), sort_keys=True))


@pytest.mark.parametrize(("text", "said"), [('{"windows": [', "damaged"), ('{"windows": [{"index": 1}]}', "no trial")])
def test_a_damaged_trial_is_named_with_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "trial.json"
    path.write_text(text)
    with pytest.raises(DataError, match=f"{path}: {said}") as caught:
        load_trial(str(path), 1)
    assert caught.value.hint == "remove it and search again"


def test_a_trial_of_other_windows_is_refused(found: list[WindowResult], tmp_path: Path) -> None:
    path = str(tmp_path / "trial.json")
    save_trial(path, found[:1])
    with pytest.raises(DataError, match="1 of 2 windows"):
        load_trial(path, 2)


LOST, OWN = WorkerCrashedError(), raised_in_a_task(DataError("no such column", "add it"))
FULL = OutOfMemoryError("Task was killed.")


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ([[]], ""),
        ([[LOST], []], ""),
        ([["a worker could not be made ready"], [LOST], []], ""),
        ([[raised_in_a_task(FULL)], [FULL], []], ""),
        ([[LOST], [LOST], [LOST]], "trials missing: 1; the first error: a worker died, again and again"),
        (
            [[FULL, FULL], [FULL, FULL], [FULL, FULL]],
            "trials missing: 2; the first error: a worker was stopped: the node's",
        ),
        ([["told as text"]] * 3, "trials missing: 1; the first error: told as text"),
        ([[LOST, OWN]], "trials missing: 2; the first error: no such column"),
    ],
)
def test_a_trial_that_was_lost_is_started_three_times_and_one_that_fails_by_itself_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rounds: list[list[Exception | str]], said: str
) -> None:
    left = iter(rounds)

    def tuned(_study: object, _files: object, missing: Mapping[int, str], *_: object) -> list[Exception | str]:
        errors = next(left)
        for path in list(missing.values())[len(errors) :]:
            save_trial(path, [])
        return errors

    monkeypatch.setattr(trials, "_tuned", tuned)
    paths = {mask: str(tmp_path / f"{mask}.json") for mask in range(3)}
    ledger = SimpleNamespace(enter=lambda *_: None)
    if said:
        with pytest.raises(DataError, match=said):
            run_trials(None, [], paths, ledger)  # type: ignore[arg-type] # nothing looks at the study
    else:
        assert run_trials(None, [], paths, ledger) == {0: [], 1: [], 2: []}  # type: ignore[arg-type] # as above
    assert next(left, None) is None


@pytest.mark.parametrize("cause", [FULL, WorkerCrashedError()])
def test_where_tune_ends_itself_its_cause_is_told_and_holds_no_worker(
    monkeypatch: pytest.MonkeyPatch, cause: Exception
) -> None:
    ended_by(monkeypatch, cause)
    assert trials._tuned(None, [], {1: ""}, None, 1, silent) == [cause]  # type: ignore[arg-type] # nothing runs
    assert cause.__traceback__ is None


def test_an_error_of_tune_itself_is_no_lost_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    ended_by(monkeypatch, ValueError("no such option"))
    with pytest.raises(RuntimeError, match="Tune ended"):
        trials._tuned(None, [], {1: ""}, None, 1, silent)  # type: ignore[arg-type] # nothing runs


def ended_by(monkeypatch: pytest.MonkeyPatch, cause: Exception) -> None:
    """Let Tune start nothing, and end as it does where one of its workers cannot be asked."""

    class Ended:
        def __init__(self, *_: object, **__: object) -> None: ...

        def fit(self) -> None:
            try:
                raise cause
            except type(cause) as error:
                raise RuntimeError("Tune ended") from error

    monkeypatch.setattr("ray.tune.Tuner", Ended)
    monkeypatch.setattr("ray.tune.with_parameters", lambda trainable, **_: trainable)
