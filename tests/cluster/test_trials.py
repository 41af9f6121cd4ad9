"""Finished trials as files; no Ray is started here."""

import json
import math
from pathlib import Path

import pytest

from daytrader_ray.cluster.trials import load_trial, save_trial
from daytrader_ray.domain.errors import DataError
from daytrader_ray.walkforward.trial import WindowResult, run_trial
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
