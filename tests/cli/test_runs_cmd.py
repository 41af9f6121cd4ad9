"""`daytrader runs list | show | compare`: what ran, on which data, what came of it, and how two differ."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer import BadParameter
from typer.testing import CliRunner

from daytrader_ray.adapters import ledger_store, run_store
from daytrader_ray.cli.main import build
from daytrader_ray.cluster.search import SCHEMA
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.ledger import Entry
from tests.dashboard.results import large_result
from tests.dashboard.runs import made_run

SEARCH = "search-0123456789abcdef"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    root = tmp_path_factory.mktemp("store")
    ids = []
    for kind, size in (("backtest", 0.05), ("live", 0.1)):
        drawn = made_run(30, 10, kind, seed=2)
        config = {"kernel": {"max_position": size}, "universe": {"sectors": {"Technology": ["AAPL", "AMD"]}}}
        ids.append(
            run_store.save(str(root), replace(drawn, manifest=replace(drawn.manifest, config=config))).manifest.id
        )
    found = large_result()
    settings = found["settings"] | {"kernel": {"max_position": 0.05}, "labels": {"horizon_minutes": 30}}
    write(root, SEARCH, found | {"schema": SCHEMA, "settings": settings})
    write(root, "search-old", {"schema": 1})
    return str(root), ids


def write(root: Path, name: str, values: dict[str, Any]) -> None:
    path = root / "reports" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def runs(root: str, *arguments: str) -> tuple[dict[str, Any], str]:
    done = CliRunner().invoke(build(), ["runs", *arguments, "--data", root, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return orjson.loads(done.stdout.splitlines()[-1]), done.stderr


def test_all_searches_and_runs_are_listed_with_data_and_verdict(store: tuple[str, list[str]]) -> None:
    root, ids = store
    told, shown = runs(root, "list")
    lines = {one["id"]: one for one in told["runs"]}
    assert set(lines) == {SEARCH, "search-old", *ids}
    assert lines[SEARCH]["verdict"] == "not significant" and lines[SEARCH]["symbols"] == 10
    assert (lines[SEARCH]["first"], lines[SEARCH]["sessions"]) == ("2024-07-01", 250)
    assert lines[ids[0]]["kind"] == "backtest" and lines[ids[0]]["verdict"] == "too short"
    assert "schema 1" in lines["search-old"]["refused"] and "refused" in shown


def test_one_is_shown_with_its_verdict_first_and_by_the_beginning_of_its_id(store: tuple[str, list[str]]) -> None:
    root, ids = store
    told, shown = runs(root, "show", "search-01")
    assert told["id"] == SEARCH and 0.0 < told["figures"]["dsr"]["value"] < 1.0
    assert shown.index("Not significant") < shown.index(SEARCH) < shown.index("deflated Sharpe ratio")
    told, shown = runs(root, "show", ids[0])
    assert told["data"]["symbols"] == ["AAPL", "AMD"]
    assert told["figures"]["win_rate"]["low"] < told["figures"]["win_rate"]["value"]
    assert f"daytrader report --run {ids[0]}" in shown


def test_a_search_is_judged_by_the_ledger_of_the_day_on_which_it_is_shown(store: tuple[str, list[str]]) -> None:
    root, _ = store
    before, _ = runs(root, "show", SEARCH)
    assert "from earlier searches" not in before["sentence"]
    for entry in others(12):
        ledger_store.enter(root, entry)
    now, _ = runs(root, "show", SEARCH)
    assert "43 different trials (12 of them from earlier searches)" in now["sentence"]
    assert now["figures"]["dsr"]["value"] < before["figures"]["dsr"]["value"]
    assert next(one for one in runs(root, "list")[0]["runs"] if one["id"] == SEARCH)["verdict"] == now["verdict"]


def others(n: int) -> list[Entry]:
    return [
        Entry(key=f"{k}", mask=1, members=("lstm",), search="search-2", configuration="other", settings="other",
              first="2024-08-01", last="2024-12-31", days=100, sharpe=0.02 * k, curve=f"{k}", looks=("2024-12-31",))
        for k in range(n)
    ]  # fmt: skip


def test_two_are_compared_by_what_differs_and_by_their_figures(store: tuple[str, list[str]]) -> None:
    root, ids = store
    told, shown = runs(root, "compare", *ids)
    assert told["settings"] == [{"key": "kernel.max_position", "one": 0.05, "other": 0.1}]
    assert {"key": "kind", "one": "backtest", "other": "live"} in told["what"]
    assert {row["figure"] for row in told["figures"]} >= {"total_return", "sharpe"}
    assert "kernel.max_position" in shown
    mixed, shown = runs(root, "compare", SEARCH, ids[1])
    assert mixed["not_compared"] == ["labels", "search"]
    assert next(row for row in mixed["figures"] if row["figure"] == "dsr")["other"] is None
    assert "settings that only one has: labels, search" in shown


def test_nothing_stored_is_told_and_no_error(tmp_path: Path) -> None:
    told, shown = runs(str(tmp_path), "list")
    assert told == {"runs": []} and "nothing yet" in shown


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["show", "search-9"], DataError, "no search and no run 'search-9'"),
        (["show", "search"], ConfigError, "'search' begins 2 ids: search-0123456789abcdef, search-old"),
        (["compare", SEARCH], BadParameter, "compare takes 2 ids, found 1"),
    ],
)
def test_what_cannot_be_shown_is_named(
    store: tuple[str, list[str]], arguments: list[str], error: type[Exception], message: str
) -> None:
    app = CliRunner()
    if error is BadParameter:
        done = app.invoke(build(), ["runs", *arguments, "--data", store[0]])
        assert done.exit_code == 2 and "takes 2 ids" in done.output
        return
    with pytest.raises(error, match=message):
        app.invoke(build(), ["runs", *arguments, "--data", store[0]], catch_exceptions=False)
