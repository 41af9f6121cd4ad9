"""`daytrader explain`: everything that is known of an order, on one screen."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from daytrader_ray.adapters import run_store
from daytrader_ray.cli.main import build
from daytrader_ray.domain.errors import DataError
from tests.dashboard.runs import made_run


def test_an_entry_is_explained_in_blocks_and_as_json(tmp_path: Path) -> None:
    run = run_store.save(str(tmp_path), made_run(n_sessions=3, a_day=8))
    order = str(run.decisions.client_order_id[1])
    shown = CliRunner().invoke(build(), ["explain", order, "--data", str(tmp_path), "--json"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0, shown.output
    for part in ("order", "decision: regime", "size", "bound by", "fills", "trade", "features: none stored"):
        assert part in shown.stderr
    told = orjson.loads(shown.stdout.splitlines()[-1])
    assert told["order"]["client_order_id"] == order
    assert f"{told['trade']['pnl_usd']:+,.2f}" in shown.stderr


def test_an_order_that_never_was_is_refused(tmp_path: Path) -> None:
    run_store.save(str(tmp_path), made_run(n_sessions=3, a_day=8))
    refused = CliRunner().invoke(build(), ["explain", "bt-20240103-001-ZZZ-entry", "--data", str(tmp_path)])
    assert isinstance(refused.exception, DataError)


@pytest.mark.parametrize("given", [["--bundle", "latest", "--mask", "3"]])
def test_a_backtest_is_of_a_bundle_or_of_a_mask(given: list[str], tmp_path: Path) -> None:
    refused = CliRunner().invoke(build(), ["backtest", *given, "--data", str(tmp_path)])
    assert "both given" in str(refused.exception)
