import datetime as dt
import itertools
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.adapters import folder
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import UTC, Kind
from daytrader_ray.domain.errors import DataError
from tests.adapters.stored import DAY, files, minute, table

MONTH = "2025-11"
Row = tuple[int, float, int | None]
"""Slot, price, and minutes after the bar's start at which it is known (None: at its end)."""


def versions(rows: list[Row]) -> pa.Table:
    known = [None if late is None else minute(slot) + dt.timedelta(minutes=late) for slot, _, late in rows]
    return table([(minute(slot), price, 1.0) for slot, price, _ in rows]).append_column(
        "known_at", pa.array(known, UTC)
    )


def closes(store: ParquetStore, known_at: dt.datetime | None = None) -> dict[int, float]:
    read = store.bars("AAPL", known_at=known_at)
    slots = [int((stamp - minute(0)).total_seconds() // 60) for stamp in read["timestamp"].to_pylist()]
    return dict(zip(slots, read["close"].to_pylist(), strict=True))


def test_a_bar_is_known_at_its_end_and_not_before(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.0, 1.0), (minute(1), 11.0, 1.0)]), None)
    assert closes(store, minute(1)) == {0: 10.0}
    assert closes(store, minute(1) - dt.timedelta(microseconds=1)) == {}
    assert closes(store, minute(2)) == {0: 10.0, 1: 11.0}
    assert not [name for name in files(tmp_path) if "revisions" in name]


def test_five_minute_bars_are_known_after_five_minutes(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.claim("one", 5)
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.0, 1.0)]), None)
    assert closes(store, minute(4)) == {}
    assert closes(store, minute(5)) == {0: 10.0}


def test_a_revised_bar_keeps_what_was_known_before(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.0, 1.0), (minute(1), 11.0, 1.0)]), (DAY, DAY))
    later = minute(0, day=1)
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.5, 1.0), (minute(1), 11.0, 1.0)]), None, revised_at=later)
    assert closes(store) == {0: 10.5, 1: 11.0}
    assert closes(store, later) == {0: 10.5, 1: 11.0}
    assert closes(store, later - dt.timedelta(seconds=1)) == {0: 10.0, 1: 11.0}
    assert closes(store, minute(1)) == {0: 10.0}
    assert store.tables(Kind.MINUTE, "AAPL") == [MONTH]
    assert store.symbols() == ("AAPL",)


def full(price: float, vwap: float | None, trades: int | None) -> pa.Table:
    bars = table([(minute(0), price, 1.0)]).select(FILE_SCHEMA.names)
    columns = bars.drop_columns(["vwap", "trades"]).append_column("vwap", pa.array([vwap], pa.float64()))
    return columns.append_column("trades", pa.array([trades], pa.int32()))


def test_nothing_takes_the_place_of_a_stored_bar_without_a_time(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.0, 1.0)]), None)
    before = files(tmp_path)
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.7, 1.0)]), None)
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.7, 1.0)]), None, revised_at=minute(0, day=-1))
    assert files(tmp_path) == before


@pytest.mark.parametrize("late", [False, True])
def test_what_one_source_does_not_tell_is_no_revision(tmp_path: Path, late: bool) -> None:
    live = full(10.0, 10.1, None)
    if late:
        live = live.append_column("known_at", pa.array([minute(9)], UTC))
    download = full(10.0, None, 17)
    for name, order in (("a", (live, download)), ("b", (download, live)), ("c", (live, download, live, download))):
        store = ParquetStore(str(tmp_path / name))
        for bars in order:
            store.write_bars("AAPL", MONTH, bars, None, revised_at=minute(0, day=3))
        (bar,) = store.bars("AAPL").to_pylist()
        assert (bar["close"], bar["vwap"], bar["trades"]) == (10.0, 10.1, 17)
        assert closes(store, minute(8)) == ({} if late else {0: 10.0})
    assert files(tmp_path / "a") == files(tmp_path / "b") == files(tmp_path / "c")


def test_a_null_of_another_bar_stays_null(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", MONTH, full(10.0, 10.1, 3), None)
    store.write_bars("AAPL", MONTH, full(10.7, None, 3), None, revised_at=minute(0, day=3))
    assert store.bars("AAPL")["vwap"].to_pylist() == [None]
    assert closes(store, minute(1)) == {0: 10.0}


def test_a_late_bar_is_not_known_until_it_came(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", MONTH, versions([(0, 10.0, None), (1, 11.0, 90)]), None)
    assert closes(store, minute(90)) == {0: 10.0}
    assert closes(store, minute(91)) == closes(store) == {0: 10.0, 1: 11.0}


def test_the_same_download_after_a_late_or_revised_bar_changes_nothing(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", MONTH, versions([(0, 10.0, None), (1, 11.0, 90), (0, 10.5, 30)]), None)
    before = files(tmp_path)
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.5, 1.0), (minute(1), 11.0, 1.0)]), None)
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.5, 1.0)]), None, revised_at=minute(0, day=3))
    assert files(tmp_path) == before


def test_a_time_before_the_end_of_the_bar_counts_as_its_end(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", MONTH, versions([(5, 10.0, -30)]), None)
    assert closes(store, minute(5)) == {}
    assert closes(store, minute(6)) == {5: 10.0}


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", MONTH, table([(minute(0), 10.0, 1.0)]), None)
    for ask in (
        lambda: store.bars("AAPL", known_at=dt.datetime(2025, 11, 26)),  # noqa: DTZ001 - what is refused
        lambda: store.write_bars("AAPL", MONTH, table([]), None, revised_at=dt.datetime(2025, 11, 26)),  # noqa: DTZ001
    ):
        with pytest.raises(DataError, match="has no time zone"):
            ask()


def test_a_crash_between_the_two_files_is_healed_by_the_same_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = ParquetStore(str(tmp_path / "whole")), ParquetStore(str(tmp_path / "broken"))
    first, second = table([(minute(0), 10.0, 1.0)]), versions([(0, 10.5, 60), (1, 11.0, None)])
    for store in (whole, broken):
        store.write_bars("AAPL", MONTH, first, None)
    whole.write_bars("AAPL", MONTH, second, None)
    true = folder.atomic_write_bytes

    def crash(path: str, data: bytes) -> None:
        if path.endswith(f"{MONTH}.parquet"):
            raise KeyboardInterrupt
        true(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "atomic_write_bytes", crash)
        with pytest.raises(KeyboardInterrupt):
            broken.write_bars("AAPL", MONTH, second, None)
    assert closes(broken) == {0: 10.0}
    assert closes(broken, minute(59)) == {0: 10.0}
    broken.write_bars("AAPL", MONTH, second, None)
    assert files(tmp_path / "broken") == files(tmp_path / "whole")


prices = st.sampled_from([10.0, 10.5, 11.0])
plain_bars = st.dictionaries(st.integers(0, 40), prices, max_size=12)
some_versions = st.dictionaries(st.tuples(st.integers(0, 5), st.integers(2, 6)), prices, max_size=10)


@settings(max_examples=30, deadline=None)
@given(plain_bars, st.data())
def test_any_order_of_any_portions_of_the_same_bars_gives_the_same_bytes(bars: dict, data: st.DataObject) -> None:
    rows = [(slot, price, None) for slot, price in bars.items()]
    assert_same_bytes(rows, data)


@settings(max_examples=50, deadline=None)
@given(some_versions, st.data())
def test_any_order_of_any_portions_of_the_same_versions_gives_the_same_bytes(found: dict, data: st.DataObject) -> None:
    rows = [(slot, price, late) for (slot, late), price in found.items()]
    assert_same_bytes(rows, data)


@settings(max_examples=50, deadline=None)
@given(some_versions, st.data())
def test_first_versions_may_come_after_later_ones(found: dict, data: st.DataObject) -> None:
    """Plain bars of a price of their own (what a download of the day brings) and versions, in any order."""
    rows: list[Row] = [(slot, price, late) for (slot, late), price in found.items()]
    rows += [(slot, 9.0, None) for slot in range(4)]
    assert_same_bytes(rows, data)


def assert_same_bytes(rows: list[Row], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    with tempfile.TemporaryDirectory() as root:
        one, other = ParquetStore(f"{root}/one"), ParquetStore(f"{root}/other")
        one.write_bars("AAPL", MONTH, versions(rows), None)
        for start, stop in itertools.pairwise([0, *cuts, len(rows)]):
            other.write_bars("AAPL", MONTH, versions(shuffled[start:stop]), None)
        assert files(Path(root, "one")) == files(Path(root, "other"))


@settings(max_examples=30, deadline=None)
@given(some_versions, st.integers(0, 14))
def test_what_was_known_is_the_last_version_until_then(found: dict, at: int) -> None:
    rows = [(slot, price, late) for (slot, late), price in found.items()]
    with tempfile.TemporaryDirectory() as root:
        store = ParquetStore(root)
        store.write_bars("AAPL", MONTH, versions(rows), None)
        got = closes(store, minute(at))
        newest = closes(store)
    in_time = sorted(rows, key=lambda row: row[2])
    assert got == dict(sorted({slot: price for slot, price, late in in_time if slot + late <= at}.items()))
    assert newest == dict(sorted({slot: price for slot, price, _ in in_time}.items()))


def test_a_missing_vwap_has_one_form(tmp_path: Path) -> None:
    bars = table([(minute(0), 10.0, 1.0)]).select(FILE_SCHEMA.names)
    other = bars.set_column(6, "vwap", pa.array([np.nan]))
    for name, rows in (("null", bars), ("nan", other)):
        ParquetStore(str(tmp_path / name)).write_bars("AAPL", MONTH, rows, None)
    assert files(tmp_path / "null") == files(tmp_path / "nan")
