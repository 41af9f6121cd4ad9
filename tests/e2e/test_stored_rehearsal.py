"""A session of a store, rehearsed through real sockets on the exchange that reads the same store."""

from daytrader_ray.cli.session_spec import rehearsal_spec
from daytrader_ray.sandbox.process import running


def test_a_recorded_session_is_rehearsed_without_a_difference(profile, day):
    from daytrader_ray.cluster.rehearsal import rehearse

    config = profile.sandbox.model_copy(update={"store": day.root})
    with running(config, profile.costs) as url:
        found = rehearse(rehearsal_spec(profile, day.session, "latest", url))
    assert found.differences == () and found.alarms == ()
    assert found.orders >= 20 and found.flat_at_close
