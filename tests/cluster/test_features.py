import dataclasses
import datetime as dt
import shutil

import numpy as np
import pyarrow as pa
import pytest

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.frames import load_frames
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster import features
from daytrader_ray.cluster.features import FeatureRequest, build
from daytrader_ray.cluster.search import SearchRequest, frames_of
from daytrader_ray.domain.content import digest_of_panel
from daytrader_ray.domain.errors import DataError
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.universe.config import UniverseConfig
from tests.cluster.feature_stores import copied, files, in_one_pass

pytestmark = pytest.mark.ray
SPANS = {"AAA": (0, 5), "BBB": (1, 6), "SPY": (0, 6)}


def write_bars(store, symbol, minutes, seed, volumes=(1, 900)):
    rng = np.random.default_rng(seed)
    close = np.round(50 * np.exp(np.cumsum(rng.normal(0, 1e-3, len(minutes)))), 2)
    columns = {
        "timestamp": pa.array(minutes * 60_000_000, pa.timestamp("us", "UTC")),
        "open": close,
        "high": close + 0.03,
        "low": close - 0.02,
        "close": close,
        "volume": rng.integers(*volumes, len(minutes)).astype(float),
        "vwap": close,
        "trades": pa.nulls(len(minutes), pa.int32()),
    }
    store.write_bars(symbol, "2025-03", pa.table(columns).cast(FILE_SCHEMA), downloaded=None)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = ParquetStore(str(tmp_path_factory.mktemp("store")))
    grid = session_grid(dt.date(2025, 3, 3), dt.date(2025, 3, 10))
    for seed, (symbol, (start, stop)) in enumerate(SPANS.items()):
        minutes = grid.minute_of_row[grid.first_row[start] : grid.first_row[stop]]
        write_bars(store, symbol, np.delete(minutes, [5, 6, 400]), seed)
    return store


def request(store, symbols=("SPY", "AAA", "BBB")):
    universe = UniverseConfig(sectors={"one": ("AAA", "BBB")}, references=("SPY",))
    return FeatureRequest(root=store.root, symbols=symbols, universe=universe)


@pytest.fixture(scope="module")
def report(store, ray_cluster):
    return build(request(store))


def test_workers_make_the_files_that_one_process_makes(store, report, monkeypatch, tmp_path):
    other = copied(store.root, tmp_path)
    shutil.rmtree(tmp_path / "processed")
    monkeypatch.setattr(features, "mapped", lambda items, function: map(function, items))
    assert dataclasses.asdict(build(request(other))) == dataclasses.asdict(report)
    assert files(other) == files(store)


def test_the_frames_are_the_bars_and_what_is_known_before_each_session(store, report):
    panel = store.panel(("AAA", "BBB", "SPY"))
    adv, sigma_day, expected_volume = session_statistics(panel)
    frames = load_frames(store.root)
    assert frames.panel.symbols == ("AAA", "BBB", "SPY") and frames.panel.grid == panel.grid
    for field in dataclasses.fields(panel)[2:]:
        assert getattr(frames.panel, field.name).tobytes() == getattr(panel, field.name).tobytes()
    assert frames.adv.tobytes() == adv.tobytes()
    assert frames.sigma_day.tobytes() == sigma_day.tobytes()
    assert frames.expected_volume.tobytes() == expected_volume.tobytes()


def test_the_report_counts_what_was_built(report):
    assert (report.symbols, report.sessions, report.rows) == (3, 6, (5 + 5 + 6) * 390)
    assert report.computed == {"kernel": report.rows, "cross": report.rows}


def test_chosen_symbols_come_with_the_sessions_they_share(store, report):
    frames = load_frames(store.root, ["BBB", "AAA"])
    assert frames.panel.symbols == ("AAA", "BBB")
    assert [str(s.date) for s in frames.panel.grid.sessions] == ["2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07"]
    rows = slice(390, 5 * 390)
    every = load_frames(store.root).features.values
    for column in (0, 1):
        assert frames.features.values[0 : 4 * 390, column].tobytes() == every[rows, column].tobytes()


def test_a_symbol_that_lists_late_or_has_delisted_takes_no_session_from_the_others(store, report):
    chosen, every = load_frames(store.root, ["AAA", "BBB", "SPY"]), load_frames(store.root)
    assert chosen.panel.grid == every.panel.grid
    assert np.isnan(chosen.panel.close[:390, 1]).all() and np.isnan(chosen.panel.close[-390:, 0]).all()


def test_what_is_not_there_is_named(store, report, tmp_path):
    with pytest.raises(DataError, match="no features of ZZZ"):
        load_frames(store.root, ["ZZZ"])
    with pytest.raises(DataError, match="no features in") as caught:
        load_frames(str(tmp_path))
    assert "daytrader features" in caught.value.hint


def test_an_index_comes_with_the_others_and_neither_its_absence_nor_a_short_history_takes_sessions(
    tmp_path, ray_cluster
):
    store, grid = ParquetStore(str(tmp_path)), session_grid(dt.date(2025, 3, 3), dt.date(2025, 3, 10))
    for seed, symbol in enumerate(("AAA", "SPY")):
        write_bars(store, symbol, grid.minute_of_row, seed)
    write_bars(store, "I:VIX", grid.minute_of_row[-390:], 5, volumes=(0, 1))
    universe = UniverseConfig(sectors={"one": ("AAA",)}, references=("I:VIX", "I:VIX3M", "SPY"))
    frames = frames_of(SearchRequest(root=store.root, universe=universe))
    assert frames.panel.symbols == ("AAA", "I:VIX", "SPY")
    assert len(frames.panel.grid.sessions) == len(grid.sessions)
    vix = frames.panel.close[:, 1]
    assert np.flatnonzero(np.isfinite(vix)).tolist() == list(range(grid.n_rows - 390, grid.n_rows))


def test_a_store_of_five_minute_bars_gives_five_minute_features(tmp_path, ray_cluster):
    store, grid = ParquetStore(str(tmp_path)), session_grid(dt.date(2025, 3, 3), dt.date(2025, 3, 10), 5)
    store.claim("imported", bar_minutes=5)
    for seed, symbol in enumerate(("AAA", "SPY")):
        write_bars(store, symbol, grid.minute_of_row, seed)
    wanted = request(store, ("AAA", "SPY"))
    frames, whole = load_frames(store.root, name=build(wanted).name), in_one_pass(wanted)
    assert frames.panel.grid.bar_minutes == 5 and frames.panel.grid.bars_per_session.tolist() == [78] * 6
    for column in (0, 1):
        values = frames.features.values[0 : frames.panel.grid.n_rows, column]
        assert values.tobytes() == np.ascontiguousarray(whole.values[:, column]).tobytes()


def test_a_split_is_in_the_frames_and_computes_what_follows_it(store, report, ray_cluster):
    before = load_frames(store.root)
    assert (before.panel.price_factor == 1.0).all()
    row = {"execution_date": [dt.date(2025, 3, 6)], "split_from": [1.0], "split_to": [3.0]}
    store.write_table(Kind.SPLITS, "AAA", "splits", pa.table(row, Kind.SPLITS.schema))
    assert build(request(store)).computed["kernel"] == 5 * 390
    after = load_frames(store.root)
    assert after.panel.share_factor[:, 0].tolist() == [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]
    assert after.panel.price_factor.tobytes() == after.panel.share_factor.tobytes()
    assert after.adv[-1, 0] != before.adv[-1, 0] and after.adv[-1, 1:].tolist() == before.adv[-1, 1:].tolist()
    assert digest_of_panel(after.panel) != digest_of_panel(before.panel)
