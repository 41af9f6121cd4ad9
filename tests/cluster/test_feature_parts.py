"""The parts of a build join bit for bit, and only what is new is computed; here without Ray, item after item."""

import datetime as dt
import pickle
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters.feature_parts import Layer
from daytrader_ray.adapters.frames import load_frames
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster import features
from daytrader_ray.cluster.features import FeaturesReport, build
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.panel import FeatureMatrix, Frames
from tests.cluster.feature_stores import FIRST, LAST, SYMBOLS, bars, copied, files, fill, in_one_pass, request, write

NEXT = dt.date(2026, 1, 9)


@pytest.fixture(scope="module", autouse=True)
def _item_after_item() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "mapped", lambda items, function: map(function, items))
        patch.setattr(features, "started", lambda **_: nullcontext(1))
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[ParquetStore, FeaturesReport]:
    store = fill(str(tmp_path_factory.mktemp("store")))
    return store, build(request(store, "CCI(20)"))


@pytest.fixture
def store(built: tuple[ParquetStore, FeaturesReport], tmp_path: Path) -> ParquetStore:
    """A copy of the built store, to change."""
    return copied(built[0].root, tmp_path / "copy")


def values(frames: Frames) -> bytes:
    matrix = frames.features.values
    return b"".join(matrix[0 : matrix.shape[0], k].tobytes() for k in range(matrix.shape[1]))


def by_symbol(matrix: FeatureMatrix, start: int = 0) -> bytes:
    array = np.asarray(matrix.values)[start:]
    return b"".join(np.ascontiguousarray(array[:, k]).tobytes() for k in range(array.shape[1]))


def change_december(store: ParquetStore) -> None:
    """Give AAA other bars in its second month."""
    first, last = dt.date(2025, 12, 1), dt.date(2025, 12, 31)
    Path(store.root, "historical/minute_bars/symbol=AAA/2025-12.parquet").unlink()
    write(store, "AAA", first, last, bars("AAA", first, last, present=0.8))


def fresh(store: ParquetStore, folder: Path, *extra: str) -> dict[str, bytes]:
    """Return what a build makes of the same bars where nothing has been built."""
    other = copied(store.root, folder)
    for path in sorted(Path(other.root, "processed").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    build(request(other, *extra))
    return files(other)


def test_parts_join_bit_for_bit_with_one_pass_over_everything(built: tuple[ParquetStore, FeaturesReport]) -> None:
    store, report = built
    frames, whole = load_frames(store.root), in_one_pass(request(store, "CCI(20)"))
    assert frames.features.names == whole.names and frames.panel.symbols == SYMBOLS
    assert values(frames) == by_symbol(whole)
    for name in ("atr_5", "return_30", "sigma_30"):
        assert getattr(frames.features, name).tobytes() == getattr(whole, name).tobytes(), name
    assert np.isfinite(np.asarray(whole.values)).mean() > 0.5
    n_rows = {symbol: ParquetStore(store.root).panel([symbol]).grid.n_rows for symbol in SYMBOLS}
    assert report.rows == report.computed["kernel"] == report.computed["cross"] == sum(n_rows.values())


def test_a_re_run_computes_nothing(store: ParquetStore) -> None:
    before = files(store)
    assert build(request(store, "CCI(20)")).computed == {}
    assert files(store) == before


def test_a_new_day_computes_a_day(store: ParquetStore, tmp_path: Path) -> None:
    for symbol in SYMBOLS:
        write(store, symbol, NEXT, NEXT)
    report = build(request(store, "CCI(20)"))
    assert report.computed == dict.fromkeys(("kernel", "cross", "extra.cci_20"), 390 * len(SYMBOLS))
    assert files(store) == fresh(store, tmp_path / "fresh", "CCI(20)")


def test_a_changed_month_is_computed_again_and_what_follows(store: ParquetStore, tmp_path: Path) -> None:
    change_december(store)
    report = build(request(store, "CCI(20)"))
    panel = store.panel(SYMBOLS)
    since = panel.grid.n_rows - int(panel.grid.first_row[panel.grid.index_of(dt.date(2025, 12, 1))])
    new = panel.grid.n_rows - int(panel.grid.first_row[panel.grid.index_of(dt.date(2025, 12, 10))])
    assert report.computed == {"kernel": since, "extra.cci_20": since, "cross": 3 * since + new}
    assert files(store) == fresh(store, tmp_path / "fresh", "CCI(20)")


def test_an_interrupted_build_goes_on_where_it_stopped(
    store: ParquetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in SYMBOLS:
        write(store, symbol, NEXT, NEXT)
    true, steps = features.step_alone, list[str]()

    def dies(job: features.Job, symbol: str) -> features.Alone:
        if len(steps) == 2:
            raise KeyboardInterrupt
        steps.append(symbol)
        return true(job, symbol)

    monkeypatch.setattr(features, "step_alone", dies)
    with pytest.raises(KeyboardInterrupt):
        build(request(store, "CCI(20)"))
    monkeypatch.setattr(features, "step_alone", true)
    assert build(request(store, "CCI(20)")).computed["kernel"] == 2 * 390
    assert files(store) == fresh(store, tmp_path / "fresh", "CCI(20)")


def test_a_part_that_was_left_half_written_is_computed_again(store: ParquetStore) -> None:
    whole = files(store)
    (folder,) = Path(store.root, "processed/features").glob("kernel-*/symbol=AAA")
    (folder / "_parts.json").write_text("{}", encoding="utf-8")
    (path,) = folder.glob("2025-12.*.values.npy")
    path.write_bytes(b"half")
    report = build(request(store, "CCI(20)"))
    assert report.computed == {"kernel": store.panel(["AAA"]).grid.n_rows, "extra.cci_20": 0, "cross": 0}
    assert files(store) == whole


def test_a_damaged_snapshot_is_not_gone_on_from(store: ParquetStore, tmp_path: Path) -> None:
    (path,) = Path(store.root, "processed/features").glob("kernel-*/symbol=AAA/2026-01.*.state.npy")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    for symbol in SYMBOLS:
        write(store, symbol, NEXT, NEXT)
    grid = store.panel(["AAA"]).grid
    january = grid.n_rows - int(grid.first_row[grid.index_of(dt.date(2026, 1, 2))])
    assert build(request(store)).computed["kernel"] == january + 3 * 390
    assert values(load_frames(store.root)) == by_symbol(in_one_pass(request(store)))


def test_a_damaged_snapshot_does_not_lose_pruned_history(store: ParquetStore, tmp_path: Path) -> None:
    unpruned = copied(store.root, tmp_path / "unpruned")
    store.prune(dt.date(2025, 12, 1), SYMBOLS)
    build(request(store, "CCI(20)"))
    for pattern in ("kernel*/symbol=AAA/2026-01.*.state.npy", "cross-*/symbol=BBB/2026-01.*.state.npy"):
        (path,) = Path(store.root, "processed/features").glob(pattern)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    for symbol in SYMBOLS:
        write(store, symbol, NEXT, NEXT)
        write(unpruned, symbol, NEXT, NEXT)
    build(request(store, "CCI(20)"))
    frames, whole = load_frames(store.root), in_one_pass(request(unpruned, "CCI(20)"))
    start = np.asarray(whole.values).shape[0] - frames.panel.grid.n_rows
    assert start > 0 and values(frames) == by_symbol(whole, start)


def test_another_extra_computes_itself_alone(store: ParquetStore) -> None:
    report = build(request(store, "CCI(20)", "ADX(14)"))
    assert {name: n for name, n in report.computed.items() if n} == {"extra.adx_14": report.rows}
    assert values(load_frames(store.root)) == by_symbol(in_one_pass(request(store, "CCI(20)", "ADX(14)")))
    assert sum(build(request(store)).computed.values()) == 0


def test_pruned_history_computes_nothing_and_a_day_after_it_goes_on(store: ParquetStore, tmp_path: Path) -> None:
    unpruned = copied(store.root, tmp_path / "unpruned")
    store.prune(dt.date(2025, 12, 1), SYMBOLS)
    assert sum(build(request(store, "CCI(20)")).computed.values()) == 0
    assert not list(Path(store.root, "processed/features").rglob("2025-11.*"))
    for symbol in SYMBOLS:
        write(store, symbol, NEXT, NEXT)
        write(unpruned, symbol, NEXT, NEXT)
    assert build(request(store, "CCI(20)")).computed["kernel"] == 390 * len(SYMBOLS)
    frames, whole = load_frames(store.root), in_one_pass(request(unpruned, "CCI(20)"))
    start = np.asarray(whole.values).shape[0] - frames.panel.grid.n_rows
    assert start > 0 and values(frames) == by_symbol(whole, start)


def test_a_change_where_pruned_history_would_be_needed_starts_afresh(store: ParquetStore) -> None:
    store.prune(dt.date(2025, 12, 1), SYMBOLS)
    change_december(store)
    build(request(store))
    matrix, whole = load_frames(store.root).features.values, in_one_pass(request(store))
    kernels = [k for k, name in enumerate(whole.names) if not name.startswith("cross_section.")]
    expected = np.asarray(whole.values)[:, 0]
    assert matrix[0 : len(expected), 0][:, kernels].tobytes() == expected[:, kernels].tobytes()


def test_the_matrix_is_read_by_rows_and_pickled_by_name(built: tuple[ParquetStore, FeaturesReport]) -> None:
    frames = load_frames(built[0].root)
    matrix, whole = frames.features.values, np.asarray(in_one_pass(request(built[0], "CCI(20)")).values)
    content = pickle.dumps(matrix)
    assert len(content) < 5_000
    part = pickle.loads(content)[1000:9000]
    assert part.shape == (8000, *whole.shape[1:])
    assert part[500:7000, 1].tobytes() == np.ascontiguousarray(whole[1500:8000, 1]).tobytes()
    assert part[9000:10_000, 1].shape == (0, whole.shape[2])
    with pytest.raises(ValueError, match="in a run"):
        matrix[0:100:2]


def test_a_matrix_whose_parts_another_build_replaced_says_so(store: ParquetStore) -> None:
    frames = load_frames(store.root)
    change_december(store)
    build(request(store, "CCI(20)"))
    with pytest.raises(DataError, match=r"2025-12\.\w+\.values\.npy: removed, or replaced by another build"):
        frames.features.values[0 : frames.panel.grid.n_rows, 0]


def test_a_matrix_stays_whole_while_its_last_month_grows(store: ParquetStore) -> None:
    frames = load_frames(store.root)
    before = values(frames)
    for symbol in SYMBOLS:
        write(store, symbol, NEXT, NEXT)
    build(request(store, "CCI(20)"))
    assert values(frames) == before and load_frames(store.root).panel.grid.n_rows == frames.panel.grid.n_rows + 390


def test_every_month_is_a_table_for_people(built: tuple[ParquetStore, FeaturesReport]) -> None:
    store, _ = built
    frames = load_frames(store.root)
    (path,) = Path(store.root, "processed/features").glob("table-*/symbol=AAA/2025-12.*.parquet")
    table = pq.read_table(path, partitioning=None)
    assert tuple(table.column_names) == ("timestamp", *frames.features.names)
    start = frames.panel.grid.index_of(dt.date(2025, 12, 1))
    first = int(frames.panel.grid.first_row[start])
    rows = frames.features.values[first : first + table.num_rows, 0]
    assert np.stack([table[name].to_numpy() for name in frames.features.names], axis=1).tobytes() == rows.tobytes()
    assert table["timestamp"][0].as_py() == dt.datetime(2025, 12, 1, 14, 30, tzinfo=dt.UTC)


def test_features_are_built_and_read_in_any_root(built: tuple[ParquetStore, FeaturesReport]) -> None:
    there = ParquetStore("memory://features-in-memory")
    for path in built[0].find("historical/*/symbol=*/*"):
        there.write(path, built[0].read(path) or b"")
    report = build(request(there, "CCI(20)"))
    assert report.computed == built[1].computed
    assert values(load_frames(there.root)) == values(load_frames(built[0].root))
    assert build(request(there, "CCI(20)")).computed == {}


def test_symbols_outside_the_universe_leave_the_others_as_they_are(store: ParquetStore) -> None:
    before = files(store)
    write(store, "OUT", FIRST, LAST)
    wider = request(store, "CCI(20)").model_copy(update={"symbols": (*SYMBOLS, "OUT")})
    assert build(wider).computed["kernel"] == store.panel(["OUT"]).grid.n_rows
    after = files(store)
    assert {path: after[path] for path in before if "latest" not in path} == {
        path: content for path, content in before.items() if "latest" not in path
    }


def test_a_layer_without_its_file_names_it(store: ParquetStore) -> None:
    with pytest.raises(DataError, match=r"2025-01\.none\.values\.npy: removed"):
        Layer(store, "kernel", "AAA").array("2025-01", "none", 1)
