import base64
import json
import re
import zlib

import numpy as np
import pytest

from daytrader_ray.dashboard.report import Page, render
from daytrader_ray.dashboard.tables import IN_PAGE, MEANINGS
from tests.dashboard.results import large_result, result


@pytest.fixture(scope="module")
def page() -> Page:
    return render(large_result())


def lines(page: Page, table: str) -> list[dict[str, object]]:
    columns = page.tables[table]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_every_table_has_a_meaning_and_columns_of_one_length(page: Page) -> None:
    assert list(page.tables) == list(MEANINGS)
    for columns in page.tables.values():
        assert columns and len({len(values) for values in columns.values()}) == 1


def test_trials_windows_weights_and_curves_hold_what_the_result_does(page: Page) -> None:
    found = large_result()
    best = next(trial for trial in found["trials"] if trial["mask"] == 9)
    row = next(row for row in lines(page, "trials") if row["mask"] == 9)
    assert row["ensemble"] == "lstm + xgboost" and row["sharpe"] == best["metrics"]["sharpe"]
    assert [row["sharpe_low"], row["sharpe_high"]] == best["intervals"]["sharpe"]
    assert row["total_return_costs_x2"] == best["cost_sweep"][2]["total_return"]
    windows = [row for row in lines(page, "windows") if row["mask"] == 9]
    assert [row["test_total_return"] for row in windows] == [w["test"]["total_return"] for w in best["windows"]]
    assert windows[49]["test_first"] == found["windows"][49]["test"][0]
    weights = [row["weight"] for row in lines(page, "weights") if row["mask"] == 9 and row["model"] == "xgboost"]
    assert weights == [w["weights"][3] for w in best["windows"]]
    curve = [row for row in lines(page, "curves") if row["mask"] == 9]
    assert [row["equity"] for row in curve] == best["equity"]
    assert curve[0]["spread_usd"] is None and curve[1]["spread_usd"] == best["windows"][0]["paid"]["spread_usd"][0]
    inside = [row["return_low"] <= row["equity"] / 1e5 - 1 <= row["return_high"] for row in curve]
    assert np.mean(inside) > 0.9
    assert all(row["return_low"] is None for row in lines(page, "curves") if row["mask"] == 3)


def test_the_statistics_hold_the_verdicts_numbers_with_their_intervals(page: Page) -> None:
    told = {row["statistic"]: row for row in lines(page, "statistics")}
    assert told["verdict.dsr"]["value"] == 0.41 and told["verdict.pbo.value"]["value"] == 0.38
    assert told["verdict.sharpe"] == {"statistic": "verdict.sharpe", "value": 1.21, "low": -0.62, "high": 2.87}
    assert told["verdict.spa_against.SPY"]["value"] == 0.62
    assert told["best.sharpe"]["low"] < told["best.sharpe"]["value"] < told["best.sharpe"]["high"]
    assert told["data.windows_effective"]["value"] == 12.1


def test_the_csv_in_the_page_has_the_same_rows(page: Page) -> None:
    packed = dict(re.findall(r"data-name='(\w+)'><script type='application/json'>(.*?)</script>", page.text))
    assert list(packed) == list(IN_PAGE)
    for name, text in packed.items():
        given = json.loads(text)
        assert given["file"] == f"search-0123456789abcdef-{name}"
        for column in given["columns"]:
            cells = zlib.decompress(base64.b64decode(column["data"])).decode().split("\n")
            assert len(cells) == given["n"] == len(page.tables[name][column["name"]])
    ensembles = next(c for c in json.loads(packed["trials"])["columns"] if c["name"] == "ensemble")
    assert "lstm + xgboost" in zlib.decompress(base64.b64decode(ensembles["data"])).decode().split("\n")


def test_what_a_short_search_cannot_know_is_an_empty_table() -> None:
    found = result()
    found["regime"]["now"] = None
    tables = render(found).tables
    assert tables["logits"] == {}
    assert set(tables["regime_model"]["figure"]) == {"in force in the test"}
