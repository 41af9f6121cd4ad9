"""Why an order of a stored run was sent."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters import run_store
from daytrader_ray.adapters.explain import explain
from daytrader_ray.analytics.run import Run
from daytrader_ray.domain.budget import ROOMS
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.trading import OrderKind
from tests.adapters.built import N_FEATURES, stored_month
from tests.dashboard.runs import made_run


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run]:
    """A run whose third decision was bound by the sector, and all others by nothing."""
    root, run = str(tmp_path_factory.mktemp("store")), made_run(n_sessions=5, a_day=12)
    steps = run.decisions.steps.copy()
    steps[:, -1], steps[2, -1] = -1.0, 0.0
    return root, run_store.save(
        root, dataclasses.replace(run, decisions=dataclasses.replace(run.decisions, steps=steps))
    )


def test_an_entry_has_its_members_its_size_and_what_bound_it(stored: tuple[str, Run]) -> None:
    root, run = stored
    name = str(run.decisions.client_order_id[2])
    told = explain(root, name, run.manifest.id)
    assert told["order"]["kind"] == "entry" and told["order"]["reason"] == "signal"
    decision = told["decision"]
    assert decision["entry"] == name and decision["bound"] == ROOMS[0] == "room_sector_usd"
    assert [one["score"] for one in decision["members"]] == run.decisions.scores[2].tolist()
    assert decision["steps"]["wish_usd"] == run.decisions.steps[2, 7]
    trade = told["trade"]
    assert trade["entry_order"] == name
    assert trade["gross_usd"] == trade["pnl_usd"] + trade["fees_usd"] + trade["spread_usd"] + trade["impact_usd"]
    assert [fill["client_order_id"] for fill in told["fills"]] == [name]
    assert told["bar"] is None and told["features"] == {} and told["features_of"] is None


def test_a_stop_shows_the_position_that_it_protected(stored: tuple[str, Run]) -> None:
    root, run = stored
    mine, days, names = run.trades, run.dates, ("KO", "BAC", "XOM", "JPM", "WMT")
    alone = [(mine.session == day) & (mine.symbol == name) & ~mine.hedge for day in days for name in names]
    trade = mine.where(next(lines for lines in alone if lines.sum() == 1))
    sent = run.orders
    of_it = (sent.session == trade.session[0]) & (sent.symbol == trade.symbol[0]) & (sent.kind == int(OrderKind.STOP))
    told = explain(root, str(sent.client_order_id[of_it][0]), run.manifest.id)
    assert told["trade"]["entry_order"] == trade.entry_order[0] == told["decision"]["entry"]
    assert told["order"]["kind"] == "stop" and told["order"]["price"] is not None


def test_an_order_that_is_not_there_is_named_with_those_that_are(stored: tuple[str, Run], tmp_path: Path) -> None:
    root, _ = stored
    with pytest.raises(DataError, match="has no order bt-20240103-001-ZZZ-entry") as caught:
        explain(root, "bt-20240103-001-ZZZ-entry")
    assert caught.value.hint == "of ZZZ on 2024-01-03 it has: none"
    with pytest.raises(DataError, match="'nonsense' is no id of an order"):
        explain(root, "nonsense")
    with pytest.raises(DataError, match="no run in"):
        explain(str(tmp_path), "bt-20240103-001-AAPL-entry")


@pytest.mark.parametrize(("content", "whose"), [("c0ffee", "the run"), ("decaf", "another build")])
def test_features_say_whether_they_are_those_of_the_run(tmp_path: Path, content: str, whose: str) -> None:
    made = made_run(n_sessions=2, a_day=4)
    run = run_store.save(
        str(tmp_path), dataclasses.replace(made, manifest=dataclasses.replace(made.manifest, features="made/c0ffee"))
    )
    order = run.orders.where(np.array([0]))
    stored_month(str(tmp_path), order.symbol[0], order.session[0].item(), content)
    told = explain(str(tmp_path), str(order.client_order_id[0]))
    assert told["features_of"] == whose and len(told["features"]) == N_FEATURES
    assert told["bar"]["close"] == pytest.approx(
        50.0 + 0.001 * (390 * (order.session[0].item().day == 3) + order.slot[0])
    )


def test_nothing_heavy_is_imported_to_explain_an_order(tmp_path: Path) -> None:
    order = run_store.save(str(tmp_path), made_run(n_sessions=2, a_day=4)).orders.client_order_id[0]
    code = (
        "import sys; from daytrader_ray.cli.main import build; from typer.testing import CliRunner;"
        f"done = CliRunner().invoke(build(), ['explain', '{order}', '--data', '{tmp_path}']);"
        "assert done.exit_code == 0, done.output;"
        "sys.exit(', '.join({'numba', 'scipy', 'exchange_calendars', 'ray', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
