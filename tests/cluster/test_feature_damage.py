"""Builds that are killed, run two at once, or find their files gone: the right rows, or a message, never others."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from daytrader_ray.adapters import frames
from daytrader_ray.adapters.feature_parts import INPUTS, STATE, VALUES, Computed, Layer, Part
from daytrader_ray.adapters.folder import Folder
from daytrader_ray.adapters.frames import find_manifest, load_frames
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import EVENTS, Kind
from daytrader_ray.cluster import features
from daytrader_ray.cluster.feature_alone import Alone, Job
from daytrader_ray.cluster.features import FeatureRequest, FeaturesReport, build
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.panel import Frames
from tests.cluster.feature_stores import SYMBOLS, UNIVERSE, copied, files, fill, in_one_pass, request, write

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
    build(request(store))
    return store


@pytest.fixture
def store(built: ParquetStore, tmp_path: Path) -> ParquetStore:
    """A copy of the built store, to change."""
    return copied(built.root, tmp_path / "copy")


def bits(frames: Frames) -> bytes:
    matrix = frames.features.values
    return b"".join(matrix[0 : matrix.shape[0], k].tobytes() for k in range(matrix.shape[1]))


def true_bits(wanted: FeatureRequest) -> bytes:
    values = np.asarray(in_one_pass(wanted).values)
    return b"".join(np.ascontiguousarray(values[:, k]).tobytes() for k in range(values.shape[1]))


def without_quotes(store: ParquetStore) -> FeatureRequest:
    return request(store).model_copy(update={"quotes": ()})


def announce(store: ParquetStore) -> None:
    """Give AAA an event that is known before it comes."""
    known, day = (dt.datetime(2026, 1, d, 14, 0, tzinfo=dt.UTC) for d in (6, 8))
    event = {"timestamp": [day], "known_at": [known], "kind": ["earnings"], "note": [""], "withdrawn_at": [None]}
    store.write_table(Kind.EVENTS, "AAA", "events", pa.table(event, EVENTS))


def only(store: ParquetStore, pattern: str) -> Path:
    (path,) = Path(store.root, "processed/features").glob(pattern)
    return path


def one(month: str, *keys: str) -> Computed:
    """Return a part whose rows, and state, are told from any other's by its last key."""
    number = float(int(keys[-1]))
    part = Part("root", tuple(f"{month}-{k + 1:02d}" for k in range(len(keys))), keys)
    return Computed(
        month, part, len(keys), {VALUES: np.full((len(keys), 2), number, np.float32), STATE: np.array([number])}
    )


def stored(layer: Layer) -> dict[str, tuple[tuple[str, ...], list[float]]]:
    """Return the keys of each part with what is read of it by them: its values and its state."""
    found = {}
    for month, part in layer.whole().items():
        state = layer.state(month, part.keys[-1])
        assert state is not None
        found[month] = part.keys, [float(layer.array(month, part.keys[-1], 1)[0, 0]), float(state[0])]
    return found


@pytest.mark.parametrize("n_writes", range(6))
def test_a_build_that_is_killed_at_any_write_leaves_what_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_writes: int
) -> None:
    layer = Layer(Folder(str(tmp_path)), "kernel", "AAA")
    layer.save({}, [one("2025-11", "1", "2"), one("2025-12", "3", "4")])
    before, done = stored(layer), list[str]()

    def dying(true: Callable[..., None]) -> Callable[..., None]:
        def write(self: Folder, relative: str, *given: object) -> None:
            if len(done) == n_writes:
                raise KeyboardInterrupt
            done.append(relative)
            true(self, relative, *given)

        return write

    with monkeypatch.context() as patch:
        for name in ("write", "write_json", "remove"):
            patch.setattr(Folder, name, dying(getattr(Folder, name)))
        with pytest.raises(KeyboardInterrupt):
            layer.save({"2025-11": layer.contents()["2025-11"]}, [one("2025-12", "3", "4", "5"), one("2026-01", "6")])
    after = stored(layer)
    declared = n_writes >= 5
    assert after == before if not declared else after["2025-12"] == (("3", "4", "5"), [5.0, 5.0])
    layer.save({"2025-11": layer.contents()["2025-11"]}, [one("2025-12", "3", "4", "5"), one("2026-01", "6")])
    assert set(stored(layer)) == {"2025-11", "2025-12", "2026-01"} and len(list(tmp_path.rglob("*.npy"))) == 6


@pytest.mark.parametrize("damage", [lambda content: content[:-1] + b"?", lambda content: b"?" * len(content)])
def test_a_state_that_is_not_what_was_written_is_none(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    layer = Layer(Folder(str(tmp_path)), "kernel", "AAA")
    layer.save({}, [one("2025-11", "1", "2")])
    assert layer.state("2025-11", "2") is not None and layer.state("2025-11", "1") is None
    (path,) = tmp_path.rglob("*.state.npy")
    path.write_bytes(damage(path.read_bytes()))
    assert layer.state("2025-11", "2") is None


def test_a_second_build_waits_until_the_first_one_is_done(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for symbol in SYMBOLS:
        write(store, symbol, NEXT, NEXT)
    true = features.step_alone

    with ThreadPoolExecutor(1) as pool:
        later: list[Future[FeaturesReport]] = []

        def slow(job: Job, symbol: str) -> Alone:
            one = true(job, symbol)
            if not later:
                waiting = threading.Event()
                monkeypatch.setattr(features.log, "info", lambda *_, **__: waiting.set())
                later.append(pool.submit(build, request(store)))
                assert waiting.wait(60)
            return one

        monkeypatch.setattr(features, "step_alone", slow)
        assert build(request(store)).computed["kernel"] == 390 * len(SYMBOLS)
        assert later[0].result().computed == {}
    assert bits(load_frames(store.root)) == true_bits(request(store))


def test_a_store_that_cannot_be_locked_is_named(tmp_path: Path) -> None:
    (tmp_path / ".locks").write_text("no folder", encoding="utf-8")
    with pytest.raises(DataError, match=r"\.locks/features: cannot be locked"):
        build(FeatureRequest(root=str(tmp_path), symbols=("AAA",), universe=UNIVERSE))


def test_a_part_is_read_up_to_the_session_that_is_asked_for_and_no_shorter(tmp_path: Path) -> None:
    layer = Layer(Folder(str(tmp_path)), "kernel", "AAA")
    layer.save({}, [one("2025-11", "1", "2", "3")])
    assert len(layer.array("2025-11", "2", 2)) == 2
    with pytest.raises(DataError, match=r"2025-11\.3\.values\.npy: 3 rows instead of 4"):
        layer.array("2025-11", "3", 4)


def test_a_part_with_other_rows_than_its_sessions_is_not_written(tmp_path: Path) -> None:
    layer = Layer(Folder(str(tmp_path)), "kernel", "AAA")
    with pytest.raises(DataError, match="2025-11: 2 rows of values for 3 minutes"):
        layer.save({}, [one("2025-11", "1", "2")._replace(rows=3)])
    with pytest.raises(DataError, match="2025-11: 1 rows of table for 2 minutes"):
        layer.save({}, [one("2025-11", "1", "2")._replace(table=pa.table({"a": [1]}))])
    assert layer.contents() == {} and not list(tmp_path.rglob("*.npy"))


def test_profiles_that_follow_other_ticks_leave_each_other_alone(store: ParquetStore) -> None:
    small = FeatureRequest(root=store.root, symbols=("AAA", "SPY"), universe=UNIVERSE)
    first = features_of(store)
    assert build(small).computed["kernel"] > 0 and build(without_quotes(store)).computed["kernel"] > 0
    assert bits(load_frames(store.root, name=first)) == true_bits(request(store))
    assert build(request(store)).computed == build(small).computed == build(without_quotes(store)).computed == {}


def test_another_function_of_the_same_name_leaves_the_first_one_readable(
    store: ParquetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = request(store, "mine.py:last(2)")
    found = []
    for field in ("close", "open"):
        Path("mine.py").write_text(f"def last(bars, n):\n    return bars.{field} * n\n", encoding="utf-8")
        assert build(wanted).computed["extra.mine.last_2"] > 0
        found.append(load_frames(store.root))
    assert bits(found[0]) != bits(found[1]) == true_bits(wanted)


def features_of(store: ParquetStore) -> str:
    """Return the name of the set of all symbols."""
    names = [path.stem for path in Path(store.root, "processed/features/sets").iterdir()]
    (name,) = (n for n in names if (found := find_manifest(store, n)) and set(found.parts) == set(SYMBOLS))
    return name


@pytest.mark.parametrize("name", ["kernel-*/symbol=AAA/2025-12.*.values.npy", "cross-*/symbol=BBB/2025-12.*.state.npy"])
def test_a_part_that_is_gone_is_computed_again(store: ParquetStore, name: str) -> None:
    before = files(store)
    only(store, name).unlink()
    assert sum(build(request(store)).computed.values()) > 0
    assert files(store) == before


def test_a_part_that_is_cut_is_named_and_computed_again(store: ParquetStore) -> None:
    before, path = files(store), only(store, "kernel-*/symbol=AAA/2025-12.*.values.npy")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"2025-12\.\w+\.values\.npy: no feature file"):
        bits(load_frames(store.root))
    build(request(store))
    assert files(store) == before


@pytest.mark.parametrize("name", ["kernel-*/symbol=AAA/_parts.json", "sets/*.json", "latest.json"])
@pytest.mark.parametrize("content", ['{"2025-', '{"2025-12": {"before": "root"}}'])
def test_a_damaged_declaration_is_made_again(store: ParquetStore, name: str, content: str) -> None:
    before = files(store)
    only(store, name).write_text(content, encoding="utf-8")
    build(request(store))
    assert files(store) == before


def test_ranges_are_read_by_their_key_as_values_are(store: ParquetStore) -> None:
    found = load_frames(store.root)
    announce(store)
    build(request(store))
    with pytest.raises(DataError, match=rf"\.{INPUTS}\.npy: removed, or replaced by another build"):
        found.features.values.ranges()


def test_rules_that_no_feature_reads_leave_nothing_to_do(store: ParquetStore) -> None:
    pinned = UNIVERSE.model_copy(update={"pinned": ("AAA",), "max_symbols": 2})
    assert build(request(store).model_copy(update={"universe": pinned})).computed == {}


def test_symbols_without_any_bars_are_named(store: ParquetStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no bars of I:VIX in"):
        build(FeatureRequest(root=store.root, symbols=("I:VIX",), universe=UNIVERSE))
    with pytest.raises(DataError, match="no bars of any symbol in") as caught:
        build(FeatureRequest(root=str(tmp_path / "empty"), symbols=(), universe=UNIVERSE))
    assert "daytrader download" in caught.value.hint


def test_a_quote_of_one_symbol_leaves_the_cross_section_as_it_is(store: ParquetStore) -> None:
    computed = build(without_quotes(store)).computed
    assert computed["kernel"] > 0 and computed["cross"] == 0
    assert bits(load_frames(store.root)) == true_bits(without_quotes(store))


def test_the_first_event_of_a_symbol_computes_what_follows_it(store: ParquetStore) -> None:
    announce(store)
    computed = build(request(store)).computed
    assert computed == {"kernel": 5 * 390, "cross": 0}
    assert bits(load_frames(store.root)) == true_bits(request(store))


def test_sets_that_enough_others_followed_go_with_what_only_they_name(
    store: ParquetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "KEPT_SETS", 4)
    root = Path(store.root, "processed/features")
    old = root / "0123456789abcdef"
    old.mkdir()
    (old / "manifest.json").write_text("{}", encoding="utf-8")
    (root / "sets" / "unlisted.json").write_text("{}", encoding="utf-8")
    first = {path.name for path in root.glob("cross-*")} | {path.name for path in root.glob("table-*")}
    for symbols in (("AAA", "SPY"), ("BBB", "SPY"), ("NEW", "SPY"), ("AAA", "NEW", "SPY")):
        assert first <= {path.name for path in root.iterdir()}
        build(request(store).model_copy(update={"symbols": symbols}))
    there = {path.name for path in root.iterdir()}
    assert not first & there and old.name not in there
    assert len(list(root.glob("sets/*"))) == len([name for name in there if name.startswith("table-")]) == 4
    assert any(name.startswith("kernel-") for name in there) and load_frames(store.root).features.names
