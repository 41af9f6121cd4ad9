"""What the Serve application does without a cluster: time limits, shapes, roots, and the HTTP door."""

import asyncio
import warnings

import numpy as np
import pytest
import structlog

from daytrader_ray.domain.errors import BundleError, ConfigError
from daytrader_ray.domain.trading import MEMBERS, WINDOW_ROWS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Serve uses pydantic's old ways while it is imported
    from daytrader_ray.cluster.serving import EnsembleReplica, ServeScorer, ServingConfig, build, read_windows

WINDOWS = np.zeros((3, WINDOW_ROWS, 2), np.float32)


@pytest.fixture(autouse=True)
def _logs_as_they_were():
    yield
    structlog.reset_defaults()


class Answers:
    """A handle whose methods answer, fail or never answer."""

    def __init__(self, answer):
        self.score = self.predict = self
        self.answer = answer

    def remote(self, windows):
        return self.answer(windows)


async def half(windows):
    return np.full(len(windows), 0.5)


async def never(windows):
    await asyncio.sleep(30)


async def dead(windows):
    from ray.exceptions import ActorDiedError

    raise ActorDiedError


class Request:
    """As much of a Starlette request as is read."""

    def __init__(self, method, body=None):
        self.method, self.body = method, body

    async def json(self):
        return self.body


def ensemble(**members):
    config = ServingConfig(root="/nowhere", member_seconds=0.05).model_dump()
    return EnsembleReplica(config, "b1", ["one", "two"], {name: Answers(answer) for name, answer in members.items()})


@pytest.mark.parametrize("answer", [never, dead])
async def test_without_an_ensemble_in_time_nobody_has_a_score(answer):
    scores = await ServeScorer(Answers(answer), 0.05).score(WINDOWS)
    assert scores.shape == (3, len(MEMBERS)) and np.isnan(scores).all()


@pytest.mark.parametrize("answer", [never, dead])
async def test_a_member_that_is_late_or_dead_is_left_out_and_the_others_score(answer):
    scores = await ensemble(lstm=half, xgboost=answer).score(WINDOWS)
    assert (scores[:, MEMBERS.index("lstm")] == 0.5).all()
    assert np.isnan(np.delete(scores, MEMBERS.index("lstm"), axis=1)).all()


async def test_over_http_a_get_describes_the_bundle_and_a_post_gives_scores_with_null_for_missing_members():
    served = ensemble(lstm=half)
    assert b'"bundle":"b1"' in (await served(Request("GET"))).body
    answer = await served(Request("POST", {"windows": WINDOWS[:1].tolist()}))
    assert answer.status_code == 200 and b'"scores":[[0.5,null,null,null,null]]' in answer.body


@pytest.mark.parametrize("body", [{}, [], {"windows": [[1.0]]}, {"windows": "x"}])
async def test_a_request_of_another_shape_is_answered_400(body):
    assert (await ensemble(lstm=half)(Request("POST", body))).status_code == 400


@pytest.mark.parametrize("windows", [[[1.0]], [[[1.0, float("nan")]] * WINDOW_ROWS], [[[1.0]] * WINDOW_ROWS]])
def test_windows_of_another_shape_are_refused_with_the_expected_one(windows):
    with pytest.raises(ValueError, match=rf"expected finite numbers \[n, {WINDOW_ROWS}, 2\]"):
        read_windows({"windows": windows}, 2)


def test_a_relative_data_root_is_refused_with_a_hint(monkeypatch):
    monkeypatch.delenv("DAYTRADER_DATA", raising=False)
    with pytest.raises(ConfigError, match="needs an absolute data root, found 'data'") as failure:
        build(ServingConfig(root="data"))
    assert "DAYTRADER_DATA" in failure.value.hint


def test_a_store_without_a_bundle_is_one_clear_line(tmp_path):
    with pytest.raises(BundleError, match="no bundle under"):
        build(ServingConfig(root=str(tmp_path)))
