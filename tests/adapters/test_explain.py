"""Why an order of a stored run was sent."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters import run_store
from daytrader_ray.adapters.explain import explain
from daytrader_ray.analytics.run import Run
from daytrader_ray.domain.budget import ROOMS
from daytrader_ray.domain.errors import DataError
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
    found = run_store.find(root, run.manifest, "decisions", type(run.decisions), client_order_id=name)
    orders = dataclasses.replace(
        run.orders, client_order_id=np.where(run.orders.kind == 3, _entries(run), run.orders.client_order_id)
    )
    again = run_store.save(root, dataclasses.replace(run, orders=orders))
    told = explain(root, name, again.manifest.id)
    assert told["order"]["kind"] == "entry" and told["order"]["reason"] == "signal"
    assert told["decision"]["entry"] == name and told["decision"]["bound"] == ROOMS[0] == "room_sector_usd"
    assert [one["score"] for one in told["decision"]["members"]] == found.scores[0].tolist()
    assert told["decision"]["steps"]["wish_usd"] == found.steps[0, 7]
    trade = told["trade"]
    assert trade["entry_order"] == name
    assert trade["gross_usd"] == trade["pnl_usd"] + trade["fees_usd"] + trade["spread_usd"] + trade["impact_usd"]
    assert sum(fill["fee_usd"] for fill in told["fills"]) == pytest.approx(trade["fees_usd"])
    assert told["bar"] is None and told["features"] == {}


def test_a_stop_shows_the_position_that_it_protected(stored: tuple[str, Run]) -> None:
    root, run = stored
    mine = run.trades
    alone = [
        (mine.session == day) & (mine.symbol == symbol) & ~mine.hedge for day in run.dates for symbol in ("KO", "BAC")
    ]
    trade = mine.where(next(lines for lines in alone if lines.sum() == 1))
    stop = str(trade.entry_order[0]).replace("-entry", "-stop")
    told = explain(root, stop, run.manifest.id)
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


def _entries(run: Run) -> np.ndarray:
    """The ids of the entries as the trades have them, one line for each order."""
    return np.repeat(run.trades.entry_order, 4)
