import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.download_cmd import command
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.sessions import market_grid

pytestmark = pytest.mark.ray


def test_the_built_in_exchange_is_started_and_its_bars_arrive_to_the_cent(ray_cluster: int, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(command)
    arguments = ["--data", str(tmp_path), "--symbols", "AAPL,SPY", "--end", "2025-10-08", "--json"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    report = json.loads(result.stdout.splitlines()[-1])
    assert (report["symbols"], report["months_fetched"], report["start"]) == (2, 2, "2025-10-06")
    assert report["rows"] == report["accepted"] > 1000
    panel = ParquetStore(str(tmp_path)).panel(["AAPL", "SPY"])
    config = SandboxConfig()
    market = Market(config, market_grid(config))
    for column, symbol in enumerate(panel.symbols):
        for session in range(3):
            rows = slice(session * 390, session * 390 + 390)
            bars = market.bars(symbol, session)
            np.testing.assert_array_equal(panel.traded[rows, column], bars.traded)
            for name in ("open", "high", "low", "close", "volume", "vwap"):
                ours, theirs = getattr(panel, name)[rows, column], getattr(bars, name)
                np.testing.assert_array_equal(ours[bars.traded], theirs[bars.traded], err_msg=name)
    again = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert json.loads(again.stdout.splitlines()[-1])["months_fetched"] == 0
