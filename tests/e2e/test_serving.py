"""The actor and Ray Serve trade the same day as the backtest."""

import numpy as np
import pytest

from daytrader_ray.domain.trading import WINDOW_ROWS

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]  # Serve's own libraries warn in many ways


@pytest.fixture(scope="module")
def ray_up():
    from daytrader_ray.cluster.runtime import started

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.delenv("RAY_ADDRESS", raising=False)
        with started(cpus=2):
            yield


@pytest.fixture(scope="module")
def served(ray_up, day):
    from daytrader_ray.cluster.serving import ServingConfig, serving

    with serving(ServingConfig(root=day.root, bundle=day.bundle_id, member_seconds=15.0)):
        yield


def test_members_behind_handles_score_exactly_like_the_bundle(served, day):
    from ray import serve

    from daytrader_ray.adapters import model_store
    from daytrader_ray.cluster.serving import SESSION_APP

    bundle = model_store.load(day.root, day.bundle_id)
    windows = np.random.default_rng(7).normal(size=(70, WINDOW_ROWS, len(bundle.features))).astype(np.float32)
    scores = serve.get_app_handle(SESSION_APP).score.remote(windows).result()
    np.testing.assert_array_equal(scores, bundle.score(windows))


def test_a_session_in_the_actor_with_serve_has_no_difference_from_the_backtest(served, profile, exchange, day):
    from daytrader_ray.cli.session_spec import rehearsal_spec
    from daytrader_ray.cluster.before import load_bundle
    from daytrader_ray.cluster.live import trade_in_actor
    from daytrader_ray.cluster.rehearsal import compare
    from daytrader_ray.cluster.replay import replay
    from daytrader_ray.engine.market import Start

    spec = rehearsal_spec(profile, day.session, "latest", exchange)
    result = trade_in_actor(spec)
    rehearsal = compare(spec, result, replay(spec, load_bundle(spec), Start(spec.cash)).result)
    assert rehearsal.differences == () and rehearsal.alarms == ()
    assert rehearsal.fills >= 20 and rehearsal.flat_at_close


def test_a_named_error_in_the_actor_reaches_the_caller_as_itself(served, profile, day):
    from daytrader_ray.cli.session_spec import rehearsal_spec
    from daytrader_ray.cluster.live import trade_in_actor
    from daytrader_ray.domain.errors import BrokerError

    with pytest.raises(BrokerError, match=r"http://127.0.0.1:9 cannot be reached"):
        trade_in_actor(rehearsal_spec(profile, day.session, "latest", "http://127.0.0.1:9"))
