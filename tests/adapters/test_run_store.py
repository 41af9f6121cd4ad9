"""Runs on disk: what is read is what was stored, and damage has a name."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters import run_store
from daytrader_ray.analytics.run import Orders, Run, Trades
from daytrader_ray.domain.errors import DataError
from tests.dashboard.runs import made_run


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run]:
    root = str(tmp_path_factory.mktemp("store"))
    return root, run_store.save(root, made_run(n_sessions=5))


def test_a_run_is_read_as_it_was_stored(stored: tuple[str, Run]) -> None:
    root, run = stored
    again = run_store.load(root, run.manifest.id)
    assert again.manifest == run.manifest and run.manifest.id.startswith("backtest-")
    for name in ("dates", "session_equity", "spy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(run, name))
    for name in run_store.TABLES:
        for column, values in vars(getattr(run, name)).items():
            read = getattr(getattr(again, name), column)
            assert read.dtype.kind == values.dtype.kind, column
            np.testing.assert_array_equal(read, values)
    assert again.decay is not None and run.decay is not None
    assert again.decay.as_dict() == run.decay.as_dict()


def test_the_same_run_has_the_same_id_and_the_last_one_is_the_default(tmp_path: Path) -> None:
    run, other = made_run(n_sessions=3), made_run(n_sessions=3, seed=2)
    first = run_store.save(str(tmp_path), run).manifest.id
    second = run_store.save(str(tmp_path), other).manifest.id
    assert run_store.manifest_of(str(tmp_path)).id == second != first
    assert run_store.save(str(tmp_path), run).manifest.id == first == run_store.manifest_of(str(tmp_path)).id


def test_a_run_without_an_order_is_stored_too(tmp_path: Path) -> None:
    run = made_run(n_sessions=2)
    nothing = {name: getattr(run, name).where(np.empty(0, dtype=np.int64)) for name in run_store.TABLES}
    read = run_store.load(str(tmp_path), run_store.save(str(tmp_path), dataclasses.replace(run, **nothing)).manifest.id)
    assert len(read.orders) == 0 and read.decisions.steps.shape == (0, 15)


def test_lines_are_found_by_their_columns(stored: tuple[str, Run]) -> None:
    root, run = stored
    session = run.dates[2].astype(object)
    found = run_store.find(root, run.manifest, "orders", Orders, session=session, symbol="AAPL")
    mine = (run.orders.session == run.dates[2]) & (run.orders.symbol == "AAPL")
    np.testing.assert_array_equal(found.client_order_id, run.orders.client_order_id[mine])
    assert len(run_store.find(root, run.manifest, "trades", Trades, carried=True)) == 0


def test_what_is_not_there_or_damaged_is_named(stored: tuple[str, Run], tmp_path: Path) -> None:
    root, run = stored
    with pytest.raises(DataError, match="no run in"):
        run_store.load(str(tmp_path))
    with pytest.raises(DataError, match="no run 'backtest-0'"):
        run_store.load(root, "backtest-0")
    path = Path(root, "runs", run.manifest.id, "fills.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"fills\.parquet: damaged"):
        run_store.load(root)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        run_store.load(root)
    path.write_bytes(whole)


def test_a_run_of_another_version_is_refused(stored: tuple[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_store, "SCHEMA", 2)
    with pytest.raises(DataError, match="has schema 1, this program reads 2"):
        run_store.load(*stored[:1])
