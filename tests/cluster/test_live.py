"""What the caller of the trading actor sees when it fails, and what the actor's log never shows; no Ray is started."""

import asyncio
import datetime as dt
import json
import traceback
import warnings
from types import SimpleNamespace

import pytest
import structlog
from ray.exceptions import ActorDiedError, GetTimeoutError, RayTaskError

from daytrader_ray.adapters.alpaca_http import BrokerConfig
from daytrader_ray.adapters.live_config import FeedConfig
from daytrader_ray.cluster.spec import SessionSpec
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import BrokerError, FeedError
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.feature_set import FeatureSet
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.universe.config import UniverseConfig

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Serve uses pydantic's old ways while it is imported
    from daytrader_ray.cluster import live

SPEC = SessionSpec(
    root="/nowhere",
    date=dt.date(2025, 12, 2),
    bundle_id="0123456789abcdef",
    universe=UniverseConfig(sectors={"one": ("AAPL",)}),
    features=FeatureSet(),
    kernel=KernelConfig(),
    costs=CostConfig(),
    regime=RegimeConfig(),
    portfolio=PortfolioConfig(),
    feed=FeedConfig(stream_url="ws://127.0.0.1:1/stocks", url="http://127.0.0.1:1", key="key-of-polygon"),
    broker=BrokerConfig(url="http://127.0.0.1:1", stream_url="ws://127.0.0.1:1/s", key="key-of-alpaca", secret="word"),
    journal_root="/nowhere",
)


@pytest.fixture(autouse=True)
def _logs_as_they_were():
    yield
    structlog.reset_defaults()


@pytest.fixture
def actor(monkeypatch):
    """Let `ray.get` raise the given errors, one a call; count what is asked of the actor."""
    asked = []

    def method(name):
        return SimpleNamespace(remote=lambda *_: asked.append(name))

    def answers(*errors):
        waiting = iter(errors)

        def get(_ref, timeout=None):
            raise next(waiting)

        handle = SimpleNamespace(trade=method("trade"), stop=method("stop"))
        remote = SimpleNamespace(remote=lambda: handle)
        monkeypatch.setattr(live.ray, "remote", lambda **_: lambda _: remote)
        monkeypatch.setattr(live.ray, "get", get)
        monkeypatch.setattr(live.ray, "kill", lambda _: asked.append("kill"))
        return asked

    return answers


def task_error(cause):
    return RayTaskError("trade", "in the actor, line 7", cause, "worker", 1, "127.0.0.1").as_instanceof_cause()


def test_an_error_in_the_actor_is_itself_and_keeps_its_traceback(actor):
    actor(task_error(FeedError("the stream broke", "look")))
    with pytest.raises(FeedError, match="the stream broke") as failure:
        live.trade_in_actor(SPEC)
    assert type(failure.value) is FeedError and failure.value.hint == "look"
    assert isinstance(failure.value.__cause__, RayTaskError)
    assert "FeedError" in "".join(traceback.format_exception(failure.value.__cause__))


def test_a_dead_actor_is_an_error_that_tells_to_check_the_account(actor):
    asked = actor(ActorDiedError())
    with pytest.raises(BrokerError, match="process of 2025-12-02 died: positions may be open") as failure:
        live.trade_in_actor(SPEC)
    assert "check the broker's account now" in failure.value.hint
    assert asked == ["trade", "kill"]


def test_ctrl_c_asks_the_session_for_its_last_words(actor):
    asked = actor(KeyboardInterrupt(), task_error(BrokerError("interrupted; open positions: AAPL +54")))
    with pytest.raises(BrokerError, match=r"open positions: AAPL \+54"):
        live.trade_in_actor(SPEC)
    assert asked == ["trade", "stop", "kill"]


def test_ctrl_c_without_anything_open_stays_an_interruption(actor):
    actor(KeyboardInterrupt(), GetTimeoutError())
    with pytest.raises(KeyboardInterrupt):
        live.trade_in_actor(SPEC)


async def test_the_actor_logs_json_without_secrets_and_can_be_stopped(monkeypatch, capsys):
    async def trade(spec, _scorer):
        said = " ".join(spec.secrets)
        structlog.get_logger().warning("refused", answer=f"keys {said}", account=spec.broker.key.get_secret_value())
        await asyncio.sleep(60)

    monkeypatch.setattr(live, "trade", trade)
    monkeypatch.setattr(live.serving, "running_scorer", lambda _: None)
    trader = live.Trader()
    session = asyncio.create_task(trader.trade(SPEC))
    await asyncio.sleep(0.01)
    await trader.stop()
    with pytest.raises(asyncio.CancelledError):
        await session
    line = capsys.readouterr().err
    assert json.loads(line)["event"] == "refused"
    assert not any(secret in line for secret in SPEC.secrets)


def test_the_replicas_log_json(capsys):
    from daytrader_ray.cluster.serving import EnsembleReplica, ServingConfig

    EnsembleReplica(ServingConfig(root="/nowhere").model_dump(), "b1", ["one"], {"lstm": None})
    structlog.get_logger().warning("late", api_key="k")
    assert json.loads(capsys.readouterr().err) | {"timestamp": ""} == {
        "event": "late", "api_key": "**********", "level": "warning", "timestamp": "",
    }  # fmt: skip
