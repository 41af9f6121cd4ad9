"""Ray Serve: one deployment per member, an ensemble that asks them all, and the scorer that the live loop uses.

A member that fails or is late scores NaN; the ensemble gives the others' scores and the engine renormalises.
"""

import asyncio
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import structlog
from pydantic import Field
from ray import serve
from ray.exceptions import RayError
from ray.serve import Application
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from daytrader_ray.adapters import logs, model_store
from daytrader_ray.domain.config import Config
from daytrader_ray.domain.errors import BundleError, ConfigError
from daytrader_ray.domain.trading import MEMBERS, WINDOW_ROWS

SESSION_APP = "daytrader-session"
"""Name of the application that a live session or a rehearsal starts for itself."""

Handle: TypeAlias = DeploymentHandle[Any]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
log = structlog.get_logger(__name__)


class ServingConfig(Config):
    """What `serve_config.yaml` hands to `build`."""

    root: str = Field(default="", description="absolute root of the store; empty: DAYTRADER_DATA")
    bundle: str = Field(default="latest", description="bundle id, or latest")
    one_replica: bool = Field(default=False, description="all members in one process: less memory, fewer hops")
    member_seconds: float = Field(default=2.0, gt=0, description="a member that takes longer is left out")


class MemberReplica:
    """One fitted member in a process of its own."""

    def __init__(self, root: str, bundle_id: str, name: str) -> None:
        logs.configure()
        self._member = model_store.load_member(root, bundle_id, name)

    async def predict(self, windows: Float32) -> Float64:
        """Score `windows` `[n, WINDOW_ROWS, feature]`."""
        return self._member.predict(windows)


class EnsembleReplica:
    """Asks all members at once; without handles it holds them itself. `features` are the inputs' names in order."""

    def __init__(
        self, config: Mapping[str, Any], bundle_id: str, features: Sequence[str], handles: Mapping[str, Handle]
    ) -> None:
        logs.configure()
        self._config = ServingConfig.parse(config, "serving")
        self._bundle_id = bundle_id
        self._features = list(features)
        self._handles = handles
        self._bundle = None if handles else model_store.load(self._config.root, bundle_id)

    async def score(self, windows: Float32) -> Float64:
        """Score scaled windows `[n, WINDOW_ROWS, feature]` to `[n, member]`; NaN for a member without an answer."""
        if self._bundle is not None:
            return self._bundle.score(windows)
        scores = np.full((len(windows), len(MEMBERS)), np.nan)
        answers = await asyncio.gather(*(self._ask(name, windows) for name in self._handles))
        for name, answer in zip(self._handles, answers, strict=True):
            if answer is not None:
                scores[:, MEMBERS.index(name)] = answer
        return scores

    async def _ask(self, name: str, windows: Float32) -> Float64 | None:
        try:
            answer = self._handles[name].predict.remote(windows)
            return await asyncio.wait_for(answer, self._config.member_seconds)
        except (TimeoutError, RayError, RayServeException) as error:
            log.warning("member without an answer", member=name, error=type(error).__name__)
            return None

    async def __call__(self, request: Request) -> Response:
        """Answer over HTTP: GET describes the bundle, POST `{"windows": [[[..]]]}` gives its scores."""
        described = {
            "bundle": self._bundle_id,
            "members": list(MEMBERS),
            "features": self._features,
            "window_rows": WINDOW_ROWS,
        }
        if request.method != "POST":
            return JSONResponse(described)
        try:
            windows = read_windows(await request.json(), len(self._features))
        except (ValueError, TypeError, KeyError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        scores = await self.score(windows)
        rows = [[None if np.isnan(x) else x for x in row] for row in scores.tolist()]
        return JSONResponse(described | {"scores": rows})


MEMBER = serve.deployment(ray_actor_options={"num_cpus": 0.1}, max_ongoing_requests=8)(MemberReplica)
ENSEMBLE = serve.deployment(ray_actor_options={"num_cpus": 0.1}, max_ongoing_requests=8)(EnsembleReplica)


def build(args: ServingConfig) -> Application:
    """Build the application that `serve deploy serve_config.yaml` and the live loop run."""
    config = args.model_copy(update={"root": _absolute(args.root)})
    bundle_id = model_store.latest(config.root) if config.bundle == "latest" else config.bundle
    bundle = model_store.load(config.root, bundle_id)
    if not bundle.members:
        raise BundleError(f"bundle {bundle_id} has no members", "run `daytrader train`")
    handles = {}
    if not config.one_replica:
        for name in bundle.members:
            handles[name] = MEMBER.options(name=name).bind(config.root, bundle_id, name)
    app: Application = ENSEMBLE.options(name="ensemble").bind(config.model_dump(), bundle_id, bundle.features, handles)
    return app


@contextmanager
def serving(config: ServingConfig) -> Iterator[None]:
    """Run a session's own application, without an HTTP door, in the Ray instance that is up; end it afterwards.

    What `serve deploy` has brought up on a cluster is left alone.
    """
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(proxy_location="Disabled")
    try:
        serve.run(build(config), name=SESSION_APP, route_prefix=None)
        yield
    finally:
        serve.delete(SESSION_APP)


class ServeScorer:
    """The scorer port behind an ensemble's handle; if it fails or is late, nobody has a score (NaN)."""

    def __init__(self, handle: Handle, seconds: float) -> None:
        self._handle = handle
        self._seconds = seconds

    async def score(self, windows: Float32) -> Float64:
        """Score scaled windows `[n, WINDOW_ROWS, feature]` to `[n, member]`."""
        try:
            return np.asarray(await asyncio.wait_for(self._handle.score.remote(windows), self._seconds))
        except (TimeoutError, RayError, RayServeException) as error:
            log.warning("no scores", error=type(error).__name__)
            return np.full((len(windows), len(MEMBERS)), np.nan)


def running_scorer(seconds: float) -> ServeScorer:
    """Return the scorer of the session's application in this Ray instance."""
    return ServeScorer(serve.get_app_handle(SESSION_APP), seconds)


def read_windows(body: Any, n_features: int) -> Float32:
    """Return the windows of a request; `ValueError` says which shape was expected."""
    windows = np.asarray(body["windows"], dtype=np.float32)
    expected = (WINDOW_ROWS, n_features)
    if windows.ndim != 3 or windows.shape[1:] != expected or not np.isfinite(windows).all():
        raise ValueError(f"windows: expected finite numbers [n, {expected[0]}, {expected[1]}], found {windows.shape}")
    return windows


def _absolute(root: str) -> str:
    found = root or os.environ.get("DAYTRADER_DATA", "")
    if "://" not in found and not Path(found).is_absolute():
        raise ConfigError(
            f"serving needs an absolute data root, found '{found}'",
            "set DAYTRADER_DATA for the cluster, or root under args in serve_config.yaml",
        )
    return found
