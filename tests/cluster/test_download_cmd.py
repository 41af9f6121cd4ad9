import datetime as dt
import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cli.download_cmd import command
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_grid

pytestmark = pytest.mark.ray


def application() -> typer.Typer:
    app = typer.Typer()
    app.command()(command)
    return app


def test_the_built_in_exchange_is_started_and_its_bars_arrive_to_the_cent(ray_cluster: int, tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path), "--symbols", "AAPL,SPY", "--end", "2025-10-08", "--json"]
    result = CliRunner().invoke(application(), arguments, catch_exceptions=False)
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


def test_a_roll_fetches_only_the_new_month_and_prunes_only_when_told(
    ray_cluster: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(SandboxConfig(), CostConfig()) as url:
        monkeypatch.setenv("DAYTRADER__SANDBOX__URL", url)

        def run(*options: str) -> tuple[dict[str, Any], int]:
            before = bars_asked(url)
            arguments = ["--data", str(tmp_path), "--symbols", "AAPL,SPY", "--json", *options]
            result = CliRunner().invoke(application(), arguments, catch_exceptions=False)
            return json.loads(result.stdout.splitlines()[-1]), bars_asked(url) - before

        first, asked = run("--end", "2025-11-10")
        assert (first["start"], first["end"], first["months_fetched"], asked) == ("2025-10-06", "2025-11-10", 4, 6)
        rolled, asked = run("--roll", "--years", "0.1")
        assert (rolled["start"], rolled["end"], rolled["months_fetched"], asked) == ("2025-11-01", "2025-12-01", 4, 6)
        assert rolled["pruned"] == []
        store = ParquetStore(str(tmp_path))
        assert store.tables(Kind.MINUTE, "SPY") == ["2025-10", "2025-11", "2025-12"]
        whole = {path: path.read_bytes() for path in tmp_path.rglob("2025-1[12].parquet")}
        pruned, asked = run("--roll", "--years", "0.1", "--prune")
        assert (pruned["months_fetched"], asked) == (0, 0)
        assert store.tables(Kind.MINUTE, "SPY") == ["2025-11", "2025-12"]
        assert store.is_downloaded("SPY", dt.date(2025, 11, 1), dt.date(2025, 12, 1))
        assert {path: path.read_bytes() for path in tmp_path.rglob("2025-1[12].parquet")} == whole


def bars_asked(url: str) -> int:
    """Return how many requests for aggregates the exchange has seen; none may come twice."""
    with urllib.request.urlopen(f"{url}/_sandbox/requests", timeout=10) as answer:
        counts = {path: n for path, n in json.loads(answer.read())["paths"].items() if "/aggs/" in path}
    assert set(counts.values()) <= {1}
    return len(counts)
