"""A session goes on from what builds have left, with the bits of one pass over everything."""

import datetime as dt
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daytrader_ray.adapters.feature_inputs import event_panel, tick_panel
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster import feature_state, features
from daytrader_ray.cluster.feature_alone import Job
from daytrader_ray.cluster.feature_state import warmed
from daytrader_ray.cluster.features import FeatureRequest, build, made_by
from daytrader_ray.domain.panel import FeatureMatrix, Matrix
from daytrader_ray.features.compute import compute_from, crowd_of
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.features.live import Warmed
from daytrader_ray.features.step import initial_state
from daytrader_ray.features.trailing import initial_tails
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.universe.peers import peers_of
from tests.cluster.feature_stores import SYMBOLS, copied, fill, request, write

EXTRA = "CCI(20)"
MID_MONTH = dt.date(2025, 12, 18)
LAST = dt.date(2026, 1, 8)
NEXT = dt.date(2026, 1, 9)


@pytest.fixture(scope="module", autouse=True)
def _item_after_item() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "mapped", lambda items, function: map(function, items))
        patch.setattr(features, "started", lambda **_: nullcontext(1))
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ParquetStore:
    store = fill(str(tmp_path_factory.mktemp("store")))
    build(request(store, EXTRA))
    return store


def inputs_until(store: ParquetStore, day: dt.date, wanted: FeatureRequest) -> tuple:
    panel = store.panel(SYMBOLS, end=day)
    dates = [session.date for session in panel.grid.sessions]
    ticks = tick_panel(store, SYMBOLS, panel.grid, wanted.quotes, wanted.trades)
    return (
        panel,
        session_statistics(panel)[2],
        peers_of(wanted.universe, SYMBOLS, dates),
        ticks,
        event_panel(store, SYMBOLS, panel.grid),
    )


def gone_on(store: ParquetStore, day: dt.date, *extra: str) -> Warmed | None:
    wanted = request(store, *extra)
    job = Job(store.root, made_by(), wanted.universe, feature_set(wanted.features), wanted.quotes, wanted.trades)
    return warmed(job, *inputs_until(store, day, wanted))


def in_one_pass(store: ParquetStore, day: dt.date) -> tuple[FeatureMatrix, np.ndarray, np.ndarray]:
    wanted = request(store, EXTRA)
    panel, expected, peers, ticks, events = inputs_until(store, day, wanted)
    extras = feature_set(wanted.features).extras
    state, tails = initial_state(len(SYMBOLS)), initial_tails(extras, len(SYMBOLS))
    crowd = crowd_of(len(SYMBOLS), len(panel.grid.sessions), peers)
    return compute_from(state, panel, expected, crowd, ticks, events, extras, tails), state, tails


def read(matrix: Matrix, start: int = 0) -> list[bytes]:
    rows = slice(start, matrix.shape[0])
    return [np.ascontiguousarray(matrix[rows, column]).tobytes() for column in range(len(SYMBOLS))]


@pytest.mark.parametrize("day", [MID_MONTH, LAST])
def test_what_is_stored_goes_on_with_the_bits_of_one_pass(built: ParquetStore, day: dt.date) -> None:
    found = gone_on(built, day, EXTRA)
    assert found is not None
    whole, state, tails = in_one_pass(built, day)
    assert found.features.names == whole.names and found.features.values.shape == whole.values.shape
    assert read(found.features.values) == read(whole.values)
    assert read(found.features.values[1000:9000]) == read(whole.values[1000:9000])
    assert found.state.tobytes() == state.tobytes() and found.tails.tobytes() == tails.tobytes()
    for name in ("atr_5", "return_30", "sigma_30"):
        assert getattr(found.features, name).tobytes() == getattr(whole, name).tobytes()


def test_pruned_bars_are_in_the_state_all_the_same(built: ParquetStore, tmp_path: Path) -> None:
    store = copied(built.root, tmp_path)
    whole, state, _ = in_one_pass(store, LAST)
    store.prune(dt.date(2025, 12, 1), SYMBOLS)
    found = gone_on(store, LAST, EXTRA)
    assert found is not None
    assert read(found.features.values) == read(whole.values, whole.values.shape[0] - found.features.values.shape[0])
    assert found.state.tobytes() == state.tobytes()


def test_nothing_is_gone_on_from_that_was_built_otherwise_or_is_damaged(built: ParquetStore, tmp_path: Path) -> None:
    assert gone_on(built, LAST, "ADX(14)") is None
    assert gone_on(fill(str(tmp_path / "new")), LAST, EXTRA) is None
    store = copied(built.root, tmp_path / "copy")
    for path in Path(store.root).rglob("cross-*/symbol=AAA/*.state.npy"):
        path.write_bytes(b"damaged")
    assert gone_on(store, LAST, EXTRA) is None


def test_bars_after_the_last_build_join_what_is_stored_of_their_month(built: ParquetStore, tmp_path: Path) -> None:
    store = copied(built.root, tmp_path)
    for symbol in SYMBOLS:
        write(store, symbol, NEXT, NEXT)
    found, (whole, state, _) = gone_on(store, NEXT, EXTRA), in_one_pass(store, NEXT)
    assert found is not None and found.state.tobytes() == state.tobytes()
    assert read(found.features.values) == read(whole.values)


def test_a_session_that_starts_while_a_build_runs_goes_on_from_its_own_day(
    built: ParquetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, true = copied(built.root, tmp_path), feature_state._states
    whole, state, _ = in_one_pass(store, LAST)

    def late(*given: Any) -> Any:
        monkeypatch.setattr(feature_state, "_states", true)
        for symbol in SYMBOLS:
            write(store, symbol, NEXT, NEXT)
        build(request(store, EXTRA))
        return true(*given)

    monkeypatch.setattr(feature_state, "_states", late)
    found = gone_on(store, LAST, EXTRA)
    assert found is not None and found.state.tobytes() == state.tobytes()
    assert read(found.features.values) == read(whole.values)
