"""`daytrader sandbox` says which market it serves, and refuses one that is not there."""

import datetime as dt

import pytest
import typer
from typer.testing import CliRunner

from daytrader_ray.cli import sandbox_cmd
from daytrader_ray.domain.errors import DataError
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.crises import Crisis


def test_a_market_is_described_in_one_line() -> None:
    crash = Crisis(name="gap_open", session=dt.date(2025, 11, 12))
    made = sandbox_cmd._described(SandboxConfig(crises=(crash,)))
    assert made.startswith("synthetic market, seed 7,") and made.endswith("; gap_open on 2025-11-12")
    assert sandbox_cmd._described(SandboxConfig(store="s3://bucket/data")) == "recorded sessions of s3://bucket/data"


def test_a_store_without_bars_is_refused_before_anything_is_served(tmp_path) -> None:
    with pytest.raises(DataError, match="no bars in"):
        sandbox_cmd.command(port=0, store=str(tmp_path))


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_be_is_wrong_usage(port: str) -> None:
    app = typer.Typer()
    app.command()(sandbox_cmd.command)
    result = CliRunner().invoke(app, ["--port", port])
    assert result.exit_code == 2
