import io
import json

import pytest
import structlog
from pydantic import SecretStr

from daytrader_ray.adapters import logs


@pytest.fixture
def stream():
    yield io.StringIO()
    structlog.reset_defaults()


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_log_line_is_one_json_object_with_level_time_and_correlation_id(stream):
    logs.configure(stream=stream)
    with structlog.contextvars.bound_contextvars(correlation_id="20251202-007"):
        structlog.get_logger().info("order sent", symbol="AAPL", qty=3)
    (line,) = lines(stream)
    assert line["event"] == "order sent" and line["correlation_id"] == "20251202-007"
    assert line["level"] == "info" and line["timestamp"].endswith("Z") and line["qty"] == 3


def test_secrets_are_masked_by_key_by_value_and_inside_nested_values(stream):
    logs.configure(secrets=["s3cr3t-value"], stream=stream)
    structlog.get_logger().info(
        "sent s3cr3t-value",
        api_key="abc",
        headers={"APCA-API-SECRET-KEY": "def", "x": ["has s3cr3t-value inside"]},
        wrapped=SecretStr("ghi"),
        secret_key=None,
    )
    text = stream.getvalue()
    assert not any(word in text for word in ("s3cr3t-value", "abc", "def", "ghi"))
    (line,) = lines(stream)
    assert line["headers"]["x"] == ["has ********** inside"]
    assert line["secret_key"] is None


def test_a_secret_in_an_exception_is_masked(stream):
    logs.configure(secrets=["s3cr3t-value"], stream=stream)
    try:
        raise ValueError("refused s3cr3t-value")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "s3cr3t-value" not in stream.getvalue()
    assert "refused **********" in lines(stream)[0]["exception"]


def test_events_below_the_level_are_dropped(stream):
    logs.configure(level="warning", stream=stream)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]
