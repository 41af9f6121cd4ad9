"""`daytrader report` on stored runs: the page, the days that are asked for, and what is refused."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from daytrader_ray.adapters import run_store
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.analytics.run import Run
from daytrader_ray.analytics.verdict import market_notice
from daytrader_ray.cli.main import build
from daytrader_ray.cluster.search import SCHEMA
from daytrader_ray.dashboard.tables import MEANINGS
from daytrader_ray.domain.errors import ConfigError, DataError
from tests.dashboard.results import result
from tests.dashboard.runs import made_run

DAY = dt.date(2024, 1, 3)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run]:
    root = str(tmp_path_factory.mktemp("store"))
    run_store.save(root, made_run(12, 10, "live", seed=2))
    drawn = made_run(12, 10)
    notice = market_notice("sandbox seed 7 strength 1 first 2024-01-03")
    run = run_store.save(root, replace(drawn, manifest=replace(drawn.manifest, notices=(notice,))))
    store = ParquetStore(root)
    minutes = session_grid(DAY, DAY).minute_of_row
    n = len(minutes)
    bar = {name: pa.array([50.0] * n) for name in ("open", "high", "low", "close", "volume", "vwap")}
    columns = {
        "timestamp": pa.array(minutes * 60_000_000, pa.timestamp("us", "UTC")),
        **bar,
        "trades": pa.array([1] * n),
    }
    table = pa.table(columns).select(FILE_SCHEMA.names).cast(FILE_SCHEMA)
    store.write_bars("AAPL", "2024-01", table, None)
    return root, run


def report(root: str, *arguments: str) -> dict[str, str]:
    done = CliRunner().invoke(build(), ["report", "--data", root, "--json", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return dict(orjson.loads(done.stdout.splitlines()[-1]))


def test_a_stored_run_has_its_page_beside_its_tables(stored: tuple[str, Run]) -> None:
    root, run = stored
    told = report(root, "--run", "latest")
    assert list(told) == ["verdict", "sentence", "report"] and told["verdict"] == "too short"
    assert told["report"] == f"{root}/runs/{run.manifest.id}/report.html"
    page = Path(told["report"]).read_text(encoding="utf-8")
    assert run.manifest.id in page and "<h2>Equity</h2>" in page
    assert page.index("Synthetic market (sandbox seed 7 strength 1") < page.index("<h2>Equity</h2>")


def test_bars_of_an_asked_day_are_in_the_page(stored: tuple[str, Run]) -> None:
    root, run = stored
    page = Path(report(root, "--run", run.manifest.id, "--bars", f"aapl:{DAY}")["report"]).read_text(encoding="utf-8")
    assert f"<option value='0'>AAPL {DAY}" in page
    assert "The store has no bars of these trades" not in page


def test_a_day_without_bars_is_told_and_no_error(stored: tuple[str, Run]) -> None:
    page = Path(report(stored[0], "--run", "latest", "--bars", "MSFT:2024-01-01")["report"]).read_text(encoding="utf-8")
    assert "The store has no bars of these trades" in page


def test_a_live_run_stands_beside_its_backtest(stored: tuple[str, Run]) -> None:
    root, run = stored
    live = next(path.name for path in (Path(root) / "runs").iterdir() if path.name.startswith("live"))
    page = Path(report(root, "--run", run.manifest.id, "--run", live)["report"]).read_text(encoding="utf-8")
    assert "<th scope='col'>Backtest</th><th scope='col'>Live</th>" in page


def test_a_search_has_its_page_its_tables_and_the_way_to_its_backtests(tmp_path: Path) -> None:
    found, root = result() | {"schema": SCHEMA}, str(tmp_path)
    drawn = made_run(3, 5)
    for mask in (9, 12):
        manifest = replace(drawn.manifest, subject=f"mask {mask} of {found['id']}")
        run_store.save(root, replace(drawn, manifest=manifest))
    linked = report(root, "--run", "latest")["report"]
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / f"{found['id']}.json").write_bytes(orjson.dumps(found))
    (folder / "latest.json").write_bytes(orjson.dumps({"search": found["id"]}))
    told = report(root)
    assert list(told) == ["verdict", "sentence", "report", "tables"]
    assert (told["verdict"], told["report"]) == ("too short", f"{folder}/{found['id']}.html")
    page = Path(told["report"]).read_text(encoding="utf-8")
    assert f"<a href='../runs/{Path(linked).parent.name}/report.html'>" in page
    assert page.count("daytrader report --run backtest-") == 1
    trials = pq.read_table(folder / found["id"] / "trials.parquet")
    assert trials.column("mask").to_pylist() == [trial["mask"] for trial in found["trials"]]
    assert trials.schema.field("ensemble").type == pa.string() and trials.schema.field("sharpe").type == pa.float64()
    written = {path.stem for path in (folder / found["id"]).iterdir()}
    assert written == {name for name in MEANINGS if name != "logits"}  # a table without rows is no file


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--run", "x", "--search", "y"], ConfigError, "--run and --search are both given"),
        (["--bars", "AAPL:2024-01-03"], ConfigError, "--bars is of a run"),
        (["--run", "latest", "--bars", "AAPL"], ConfigError, "is not a symbol and a day"),
        (["--run", "a", "--run", "b", "--run", "c"], ConfigError, "3 runs are given"),
        (["--run", "nothing"], DataError, "no run 'nothing'"),
    ],
)
def test_what_cannot_be_reported_is_named(
    stored: tuple[str, Run], arguments: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        report(stored[0], *arguments)
