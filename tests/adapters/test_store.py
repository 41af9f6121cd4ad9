import datetime as dt
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.adapters import atomic
from daytrader_ray.adapters.store import BAR_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.errors import DataError
from tests.adapters.stored import DAY, HALF_DAY, files, minute, table


def test_the_folders_are_part_of_the_product(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", "2025-11", table([(minute(0), 10.0, 5.0)]), (DAY, DAY))
    store.quarantine("import/x", table([(minute(0), 10.0, 5.0)]))
    assert list(files(tmp_path)) == [
        "historical/minute_bars/symbol=AAPL/2025-11.parquet",
        "historical/minute_bars/symbol=AAPL/_2025-11.json",
        "quarantine/symbol=AAPL/2025-11.import-x.parquet",
    ]
    store.quarantine("import/x", BAR_SCHEMA.empty_table())
    assert len(files(tmp_path)) == 2


def test_a_store_keeps_to_the_market_of_its_first_bars(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.claim("one")
    store.claim("two")  # nothing was stored of the first
    store.write_bars("AAPL", "2025-11", table([(minute(0), 10.0, 5.0)]), (DAY, DAY))
    store.claim("two")
    assert store.market() == "two"
    with pytest.raises(DataError, match="another market: two, not three") as caught:
        store.claim("three")
    assert "--data" in caught.value.hint
    assert store.market() == "two"


def test_a_store_keeps_to_the_market_of_whatever_it_holds(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.claim("one")
    store.mark(Kind.SPLITS, "AAPL", DAY, DAY)
    with pytest.raises(DataError, match="another market: one, not two"):
        store.claim("two")


def test_bars_that_nobody_spoke_for_are_of_an_unknown_market(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", "2025-11", table([(minute(0), 10.0, 5.0)]), (DAY, DAY))
    assert store.market() == "unknown"
    with pytest.raises(DataError, match="another market: unknown"):
        store.claim("one")


def test_writing_again_changes_no_byte(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    bars = table([(minute(slot), 10.0 + slot, 5.0) for slot in range(9)])
    store.write_bars("AAPL", "2025-11", bars, (DAY, DAY))
    before = files(tmp_path)
    store.write_bars("AAPL", "2025-11", bars.take(pa.array([3, 1, 7])), (DAY, DAY))
    assert files(tmp_path) == before


def test_a_new_row_of_the_same_minute_wins(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", "2025-11", table([(minute(1), 10.0, 5.0), (minute(0), 9.0, 5.0)]), None)
    store.write_bars("AAPL", "2025-11", table([(minute(1), 11.0, 6.0)]), None, revised_at=minute(9))
    read = store.bars("AAPL")
    assert read.schema == BAR_SCHEMA
    assert read["close"].to_pylist() == [9.0, 11.0]


def test_an_interrupted_write_keeps_the_old_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", "2025-11", table([(minute(0), 10.0, 5.0)]), None)
    before = files(tmp_path)

    def fail(handle: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(DataError, match=r"2025-11\.parquet: cannot be written: disk full"):
        store.write_bars("AAPL", "2025-11", table([(minute(1), 11.0, 6.0)]), (DAY, DAY))
    assert files(tmp_path) == before
    assert not store.is_downloaded("AAPL", DAY, DAY)


WRITER = """
import sys
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from tests.adapters.stored import DAY, minute, table
store, first = ParquetStore(sys.argv[1]), int(sys.argv[2])
for slot in range(first, first + 25):
    day = minute(0, slot).date()
    store.write_bars("AAPL", "2025-11", table([(minute(slot), 10.0, 5.0)]), None)
    store.mark(Kind.SPLITS, "AAPL", day, day)
"""


def test_two_writers_of_one_month_lose_nothing(tmp_path: Path) -> None:
    repository = Path(__file__).resolve().parents[2]
    commands = [[sys.executable, "-c", WRITER, str(tmp_path), str(first)] for first in (0, 25)]
    writers = [subprocess.Popen(command, cwd=repository) for command in commands]
    assert [writer.wait() for writer in writers] == [0, 0]
    store = ParquetStore(str(tmp_path))
    assert store.bars("AAPL")["timestamp"].to_pylist() == [minute(slot) for slot in range(50)]
    assert store.downloaded(Kind.SPLITS, "AAPL", "splits") == [(DAY, minute(0, 49).date())]


stamps = st.integers(0, 20_000).map(lambda k: dt.datetime(2025, 11, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=k))
prices = st.floats(0.01, 1e6, allow_nan=False)
some_bars = st.lists(st.tuples(stamps, prices, prices), max_size=30)


@settings(max_examples=25, deadline=None)
@given(some_bars, some_bars)
def test_what_is_written_is_read_back_sorted_with_the_last_row_of_each_minute(old: list, new: list) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetStore(folder)
        store.write_bars("AAPL", "2025-11", table(old), None)
        store.write_bars("AAPL", "2025-11", table(new), None, revised_at=minute(0, 90))
        read = store.bars("AAPL")
    want = {start: (price, volume) for start, price, volume in [*old, *new]}
    got = zip(read["timestamp"].to_pylist(), read["close"].to_pylist(), read["volume"].to_pylist(), strict=True)
    assert [(start, (price, volume)) for start, price, volume in got] == sorted(want.items())


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "a[b] *?"))
    store.write_bars("AAPL", "2025-11", table([(minute(0), 1.0, 1.0)]), None)
    assert (store.symbols(), store.tables(Kind.MINUTE, "AAPL")) == (("AAPL",), ["2025-11"])
    with pytest.raises(DataError, match="another market"):
        store.claim("one")


def test_what_the_storage_refuses_is_one_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = ParquetStore(str(tmp_path / "file"))
    for ask, words in (
        (lambda: store.tables(Kind.MINUTE, "AAPL"), "listed"),
        (lambda: store.read_json("x/y.json"), "read"),
        (lambda: store.write_json("x/y.json", {}), "written"),
        (lambda: store.mark(Kind.DAILY, "AAPL", DAY, DAY), "locked"),
    ):
        with pytest.raises(DataError, match=f"file/.*: cannot be {words}: .*irectory|not a dir"):
            ask()


def test_bars_are_cut_to_the_days_asked_for(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", "2025-11", table([(minute(0), 1.0, 1.0), (minute(0, 2), 2.0, 1.0)]), None)
    store.write_bars("AAPL", "2025-12", table([(minute(0, 5), 3.0, 1.0)]), None)
    assert store.bars("AAPL", HALF_DAY)["close"].to_pylist() == [2.0, 3.0]
    assert store.bars("AAPL", None, HALF_DAY)["close"].to_pylist() == [1.0, 2.0]
    assert store.bars("NONE").num_rows == 0
    assert store.span() == (DAY, dt.date(2025, 12, 1))
    assert store.symbols() == ("AAPL",)


def test_a_download_is_complete_for_the_days_it_covered(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    days = [dt.date(2025, 11, day) for day in (3, 7, 10, 11, 20)]
    store.write_bars("AAPL", "2025-11", BAR_SCHEMA.empty_table(), (days[0], days[1]))
    assert store.is_downloaded("AAPL", days[0], days[1])
    assert not store.is_downloaded("AAPL", days[0], days[2])
    store.write_bars("AAPL", "2025-11", BAR_SCHEMA.empty_table(), (dt.date(2025, 11, 8), days[3]))
    assert store.is_downloaded("AAPL", days[0], days[3])
    assert not store.is_downloaded("AAPL", days[0], days[4])
    assert not store.is_downloaded("MSFT", days[0], days[1])


def test_the_panel_carries_downloaded_sessions_and_not_imported_ones(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    rows = [(minute(2), 10.0, 5.0), (minute(1, 2), 20.0, 5.0)]
    store.write_bars("AAPL", "2025-11", table(rows), (HALF_DAY, HALF_DAY))
    panel = store.panel(["AAPL"])
    assert [s.date for s in panel.grid.sessions] == [DAY, HALF_DAY]
    assert panel.grid.n_rows == 390 + 210
    assert np.flatnonzero(~np.isnan(panel.close[:, 0])).tolist() == [2, *range(391, 600)]
    assert panel.close[599, 0] == 20.0


def test_the_panel_of_longer_bars_has_fewer_rows(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", "2025-11", table([(minute(7), 10.0, 5.0), (minute(9), 12.0, 5.0)]), None)
    panel = store.panel(["AAPL"], bar_minutes=5)
    assert panel.grid.n_rows == 78
    assert panel.close[1, 0] == 12.0
    assert panel.volume[1, 0] == 10.0


def test_missing_symbols_and_an_empty_store_say_what_to_do(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    with pytest.raises(DataError, match="no bars of MSFT") as caught:
        store.panel(["MSFT"])
    assert "daytrader download" in caught.value.hint
    with pytest.raises(DataError, match="no bars in"):
        store.span()


def test_a_broken_file_and_a_bad_symbol_are_named(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", "2025-11", table([(minute(0), 10.0, 5.0)]), None)
    path = tmp_path / "historical/minute_bars/symbol=AAPL/2025-11.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"2025-11\.parquet: not a bar file"):
        store.bars("AAPL")
    with pytest.raises(DataError, match=r"'\.\./x' is no symbol"):
        store.bars("../x")


def test_any_fsspec_url_is_a_root() -> None:
    store = ParquetStore("memory://store")
    store.claim("one")
    assert store.market() == "one"
    store.write_bars("AAPL", "2025-11", table([(minute(0), 10.0, 5.0)]), (DAY, DAY))
    assert ParquetStore("memory://store").symbols() == ("AAPL",)
    assert store.panel(["AAPL"]).close[389, 0] == 10.0
    assert store.path("reports", "x") == "memory://store/reports/x"
