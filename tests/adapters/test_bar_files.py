import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters.bar_files import BarFormat, import_files, read_bars
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.errors import DataError

NOW = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
HEADER = "timestamp,open,high,low,close,volume\n"
REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "yf_intraday_mit" / "1min"
WANT = [dt.datetime(2025, 3, 3, 14, 30, tzinfo=dt.UTC), dt.datetime(2025, 3, 3, 14, 31, tzinfo=dt.UTC)]


def csv(folder: Path, text: str, name: str = "AAPL.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2025-03-03T14:30:00Z", "2025-03-03T14:31:00Z"),
        ("2025-03-03T09:30:00-05:00", "2025-03-03T09:31:00-05:00"),
        ("1741012200", "1741012260"),
        ("1741012200.0", "1741012260.0"),
        ("1741012200000", "1741012260000"),
        ("1741012200000000", "1741012260000000"),
        ("1741012200000000000", "1741012260000000000"),
    ],
)
def test_stamps_are_read_as_iso_or_epoch(tmp_path: Path, first: str, second: str) -> None:
    table = read_bars(str(csv(tmp_path, f"{HEADER}{first},1,2,1,2,5\n{second},1,2,1,2,5\n")), BarFormat())
    assert table["timestamp"].to_pylist() == WANT
    assert table["symbol"].to_pylist() == ["AAPL", "AAPL"]
    assert table["vwap"].null_count == 2


@pytest.mark.parametrize(
    "text",
    [
        "timestamp;open;high;low;close;volume\n2025-03-03T14:30:00Z;1;2;1;2;5\n",
        "timestamp,open,high,low,close,volume\n03/03/2025 09:30 AM,1,2,1,2,5\n",
        "date,time,open,high,low,close,volume\n03/03/2025,09:30 AM,1,2,1,2,5\n",
        "date,time,open,high,low,close,volume\n2025-03-03,09:30,1,2,1,2,5\n",
        "day;hour;open;high;low;close;volume\n20250303;093000;1;2;1;2;5\n",
    ],
)
def test_common_forms_of_csv_have_a_way_in(tmp_path: Path, text: str) -> None:
    columns = {"date": {"timestamp": "date+time"}, "day;": {"timestamp": "Day + Hour"}}.get(text[:4], {})
    formats = {"03/0": "%m/%d/%Y %I:%M %p", "2025": "%Y%m%d %H%M%S"}
    row = text.split("\n")[1]
    stamp_format = formats.get(row[:4]) if "-" not in row else None
    how = BarFormat(columns, "America/New_York", stamp_format)
    assert read_bars(str(csv(tmp_path, text)), how)["timestamp"].to_pylist() == WANT[:1]


def test_a_stamp_that_is_not_of_its_format_is_named(tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "03/13/2025 09:30,1,2,1,2,5\n03/14/2025 25:30,1,2,1,2,5\n")
    with pytest.raises(DataError, match="03/14/2025 25:30"):
        read_bars(str(path), BarFormat(zone="UTC", stamp_format="%m/%d/%Y %H:%M"))


@pytest.mark.parametrize("kind", ["csv", "text", "parquet"])
def test_times_without_a_zone_need_one(tmp_path: Path, kind: str) -> None:
    path = csv(tmp_path, HEADER + "2025-03-03 09:30,1,2,1,2,5\n")
    if kind == "parquet":
        stamps = pa.array([1740994200], pa.timestamp("s"))
        table = pa.table({name: [1.0] for name in HEADER.strip().split(",")[1:]} | {"timestamp": stamps})
        path = tmp_path / "A.parquet"
        pq.write_table(table, path)
    how = {"stamp_format": "%Y-%m-%d %H:%M"} if kind == "text" else {}
    with pytest.raises(DataError, match="without a time zone") as caught:
        read_bars(str(path), BarFormat(**how))
    assert "--tz America/New_York" in caught.value.hint
    read = read_bars(str(path), BarFormat(zone="America/New_York", **how))
    assert read["timestamp"].to_pylist() == WANT[:1]


def every(minutes: int, n: int, day: int = 3) -> str:
    start = dt.datetime(2025, 3, day, 14, 30, tzinfo=dt.UTC)
    stamps = (start + dt.timedelta(minutes=minutes * k) for k in range(n))
    return "".join(f"{stamp.isoformat()},10,11,9,10,{k}\n" for k, stamp in enumerate(stamps))


@pytest.mark.parametrize(
    ("rows", "bar_minutes", "words"),
    [
        (every(5, 78), 1, "bars 5 minutes apart"),
        (every(60, 7), 1, "bars 60 minutes apart"),
        (every(15, 20), 5, "bars 15 minutes apart"),
        ("".join(every(1, 1, day) for day in (3, 4, 5, 6, 7)), 1, "bars one a day"),
        (every(5, 78), 5, ""),
        (every(5, 5), 1, ""),
        (every(10, 3) + every(60, 2, 4) + every(90, 3, 5), 1, ""),  # a stock that seldom trades
        (every(30, 12) + every(1, 2, 4), 1, ""),
        ("".join(every(1, 1, day) for day in (3, 4, 5)), 1, ""),
    ],
)
def test_bars_of_another_length_are_refused(tmp_path: Path, rows: str, bar_minutes: int, words: str) -> None:
    store, path = ParquetStore(str(tmp_path / "data")), csv(tmp_path, HEADER + rows)
    if not words:
        assert import_files(store, [str(path)], BarFormat(bar_minutes=bar_minutes), NOW).accepted > 0
        return
    with pytest.raises(DataError, match=words):
        import_files(store, [str(path)], BarFormat(bar_minutes=bar_minutes), NOW)
    assert not (tmp_path / "data").exists()


def test_the_vendors_flat_file_columns_are_known(tmp_path: Path) -> None:
    text = "ticker,volume,open,close,high,low,window_start,transactions\nMSFT,7,1,2,3,0.5,1741012200000000000,4\n"
    (row,) = read_bars(str(csv(tmp_path, text)), BarFormat()).to_pylist()
    assert row == {
        "symbol": "MSFT", "timestamp": WANT[0], "open": 1, "high": 3, "low": 0.5, "close": 2, "volume": 7,
        "vwap": None, "trades": 4,
    }  # fmt: skip


def test_good_and_bad_rows_are_counted_and_a_second_import_changes_nothing(tmp_path: Path) -> None:
    rows = "1741012200000,10,11,9,10,5\n1741012260000,10,11,9,,5\n1741012320000,10,11,9,10,0\n1741012200000,9,9,9,9,5\n"
    path = csv(tmp_path, HEADER + rows + "1739804400000,10,11,9,10,5\n1740000000000,1,1,1,1,5\n")
    store = ParquetStore(str(tmp_path / "data"))
    report = import_files(store, [str(path)], BarFormat(), NOW)
    assert (report.files, report.rows, report.accepted, report.quarantined, report.extended_hours) == (1, 6, 2, 3, 1)
    files = {p: p.read_bytes() for p in (tmp_path / "data").rglob("*.parquet")}
    bad = sorted(p for p in files if "quarantine" in str(p))
    reasons = [pq.ParquetFile(p).read()["reason"].to_pylist() for p in bad]
    assert reasons == [["outside_session"], ["not_finite", "duplicate_stamp"]]
    assert import_files(store, [str(path)], BarFormat(), NOW) == report
    assert {p: p.read_bytes() for p in (tmp_path / "data").rglob("*.parquet")} == files
    panel = store.panel(["AAPL"])
    assert np.flatnonzero(panel.traded[:, 0]).tolist() == [0]
    assert np.flatnonzero(~np.isnan(panel.close[:, 0])).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timestamp,open,high,low,volume\n1741012200000,1,2,1,5\n", "no column 'close'; found timestamp, open,"),
        (HEADER + "1741012200000,1,2,1,2,5\n1741012260000,1,2,1,n/b,5\n", "data row 2: column 'close': .* 'n/b'"),
        (HEADER + "yesterday,1,2,1,2,5\n", "column 'timestamp'"),
        (HEADER + "1741012200000,1,2\n", "cannot be read"),
        ("", "cannot be read"),
        (
            "symbol," + HEADER + ",1741012200000,1,2,1,2,5\nAAPL,1741012200000,1,2,1,2,5\n",
            "expected a symbol|no symbol",
        ),
    ],
)
def test_an_unusable_file_is_one_clear_line(tmp_path: Path, text: str, words: str) -> None:
    path = csv(tmp_path, text)
    with pytest.raises(DataError, match=words) as caught:
        import_files(ParquetStore(str(tmp_path / "data")), [str(path)], BarFormat(), NOW)
    assert str(path) in caught.value.message or "no symbol" in caught.value.message
    assert "\n" not in caught.value.message


def test_paths_that_hold_nothing_are_named(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(DataError, match=str(path)):
            import_files(store, [str(path)], BarFormat(), NOW)
    with pytest.raises(DataError, match="unknown kind"):
        import_files(store, [str(csv(tmp_path, "x", "bars.xlsx"))], BarFormat(), NOW)


def test_a_folder_is_searched_and_a_file_may_hold_many_symbols(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    csv(folder, f"symbol,{HEADER}B,1741012200000,1,2,1,2,5\nA,1741012200000,1,2,1,2,5\n", "many.csv")
    stamp = pa.array([WANT[1]], pa.timestamp("ns", "UTC"))
    table = pa.table({name: [1.0] for name in ("open", "high", "low", "close")} | {"volume": [5]})
    pq.write_table(table.append_column("timestamp", stamp), folder / "C.parquet")
    report = import_files(
        ParquetStore(str(tmp_path / "data")), [str(folder), str(folder / "many.csv")], BarFormat(), NOW
    )
    assert report.symbols == ("A", "B", "C")
    assert (report.files, report.rows) == (2, 3)


def test_symbols_are_upper_case_as_the_options_write_them(tmp_path: Path) -> None:
    row = "1741012200000,1,2,1,2,5\n"
    named = csv(tmp_path, HEADER + row, "aapl.csv")
    column = csv(tmp_path, f"symbol,{HEADER}msft,{row}", "many.csv")
    report = import_files(ParquetStore(str(tmp_path / "data")), [str(named), str(column)], BarFormat(), NOW)
    assert report.symbols == ("AAPL", "MSFT")


def test_only_symbols_with_bars_are_counted(tmp_path: Path) -> None:
    empty = csv(tmp_path, HEADER, "AAPL.csv")
    bad = csv(tmp_path, HEADER + "1741012200000,1,2,1,,5\n", "MSFT.csv")
    report = import_files(ParquetStore(str(tmp_path / "data")), [str(empty), str(bad)], BarFormat(), NOW)
    assert (report.files, report.rows, report.symbols) == (2, 1, ())


def test_hidden_files_of_a_folder_are_not_imported(tmp_path: Path) -> None:
    csv(tmp_path, HEADER + "1741012200000,1,2,1,2,5\n")
    csv(tmp_path, "not bars", "._AAPL.csv")
    assert import_files(ParquetStore(str(tmp_path / "data")), [str(tmp_path)], BarFormat(), NOW).files == 1


def test_own_bars_are_not_mixed_with_downloaded_ones(tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "1741012200000,1,2,1,2,5\n")
    store = ParquetStore(str(tmp_path / "data"))
    import_files(store, [str(path)], BarFormat(), NOW)
    import_files(store, [str(path)], BarFormat(), NOW)
    with pytest.raises(DataError, match=r"imported, not api\.polygon\.io"):
        store.claim("api.polygon.io")
    downloaded = ParquetStore(str(tmp_path / "other"))
    downloaded.claim("api.polygon.io")
    downloaded.write_bars("AAPL", "2025-03", read_bars(str(path), BarFormat()), (WANT[0].date(), WANT[0].date()))
    with pytest.raises(DataError, match=r"api\.polygon\.io, not imported"):
        import_files(downloaded, [str(path)], BarFormat(), NOW)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs the real bars in {REAL}")
def test_real_bars_are_imported_and_partial_sessions_stay_partial(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    report = import_files(store, [str(REAL / "SPY.parquet"), str(REAL / "XLV.parquet")], BarFormat(), NOW)
    assert report.rows == 8360 + 4864
    assert report.symbols == ("SPY", "XLV")
    panel = store.panel(["SPY", "XLV"])
    first_session = np.isnan(panel.close[:390, 0])
    assert first_session[:90].all()
    assert not first_session[90:].any()
    assert not panel.traded[90, 0]
    assert panel.volume[91, 0] == 269778
