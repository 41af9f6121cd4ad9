"""The actor that trades: one asynchronous process from bar to order."""

from typing import Any

import ray
from ray.exceptions import RayTaskError

from daytrader_ray.cluster import serving
from daytrader_ray.cluster.session import SessionSpec, trade
from daytrader_ray.engine.runner import SessionResult


class Trader:
    """Holds the hot path of one session in its process; scores come from the Serve application."""

    async def trade(self, spec: SessionSpec) -> SessionResult:
        """Trade the session of `spec`."""
        return await trade(spec, serving.running_scorer(spec.score_seconds))


def serve_and_trade(spec: SessionSpec, one_replica: bool = False, member_seconds: float = 2.0) -> SessionResult:
    """Bring up the members in Ray Serve, trade the session of `spec`, and take them down again."""
    config = serving.ServingConfig(
        root=spec.root, bundle=spec.bundle_id, one_replica=one_replica, member_seconds=member_seconds
    )
    with serving.serving(config):
        return trade_in_actor(spec)


def trade_in_actor(spec: SessionSpec) -> SessionResult:
    """Trade the session of `spec` in an actor of the Ray instance that is up, with its Serve application."""
    remote: Any = ray.remote(num_cpus=0)(Trader)
    actor = remote.remote()
    try:
        result: SessionResult = ray.get(actor.trade.remote(spec))
    except RayTaskError as error:
        raise error.cause from None
    finally:
        ray.kill(actor)
    return result
