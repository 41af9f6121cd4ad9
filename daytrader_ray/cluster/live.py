"""The actor that trades: one asynchronous process from bar to order."""

import asyncio
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError, TaskCancelledError

from daytrader_ray.adapters import logs
from daytrader_ray.cluster import serving
from daytrader_ray.cluster.session import trade
from daytrader_ray.cluster.spec import SessionSpec
from daytrader_ray.domain.errors import BrokerError
from daytrader_ray.engine.runner import OPEN_HINT, SessionResult

LAST_WORDS_SECONDS = 20.0
"""How long an interrupted session has to close its positions, to note what is open and to end its connections."""


class Trader:
    """Holds the hot path of one session in its process; scores come from the Serve application."""

    def __init__(self) -> None:
        self._session: asyncio.Task[SessionResult] | None = None

    async def trade(self, spec: SessionSpec) -> SessionResult:
        """Trade the session of `spec`."""
        logs.configure(secrets=spec.secrets)
        self._session = asyncio.create_task(trade(spec, serving.running_scorer(spec.score_seconds)))
        return await self._session

    async def stop(self) -> None:
        """End the session early: `trade` then raises what is open."""
        if self._session is not None:
            self._session.cancel()


def serve_and_trade(spec: SessionSpec, one_replica: bool = False, member_seconds: float = 1.0) -> SessionResult:
    """Bring up the members in Ray Serve, trade the session of `spec`, and take them down again."""
    config = serving.ServingConfig(
        root=spec.root, bundle=spec.bundle_id, one_replica=one_replica, member_seconds=member_seconds
    )
    with serving.serving(config):
        return trade_in_actor(spec)


def trade_in_actor(spec: SessionSpec) -> SessionResult:
    """Trade the session of `spec` in an actor of the Ray instance that is up, with its Serve application.

    Interrupted with positions open, it raises the `BrokerError` that names them; flat, the interruption goes on.
    """
    remote: Any = ray.remote(num_cpus=0)(Trader)
    actor = remote.remote()
    traded = actor.trade.remote(spec)
    try:
        try:
            result: SessionResult = ray.get(traded)
        except KeyboardInterrupt:
            actor.stop.remote()
            with suppress(GetTimeoutError, TaskCancelledError):
                ray.get(traded, timeout=LAST_WORDS_SECONDS)
            raise
    except RayTaskError as error:
        raise error.cause from error
    except RayActorError as error:
        raise BrokerError(f"the trading process of {spec.date} died: positions may be open", OPEN_HINT) from error
    finally:
        ray.kill(actor)
    return result
