"""Whatever a file holds: rows that are accepted or in quarantine, or one named error; nothing half done."""

import datetime as dt
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daytrader_ray.adapters.bar_files import BarFormat, import_files, read_bars
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.errors import ConfigError, DaytraderError

NOW = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
HEADER = "timestamp,open,high,low,close,volume\n"
ROW = "2025-03-03T14:30:00Z,10,11,9,10,5\n"
NEXT = "2025-03-03T14:31:00Z,10,11,9,10,6\n"
NY = BarFormat(zone="America/New_York")
STAMP = dt.datetime(2025, 3, 3, 14, 30, tzinfo=dt.UTC)

ERROR = "one named error"


def imported(folder: Path, name: str, content: bytes, how: BarFormat) -> tuple[int, dict[str, int]] | str:
    """Return how many bars are in the store and the quarantined rows by reason, or that it was one named error."""
    path, root = folder / name, folder / "data"
    path.write_bytes(content)
    store = ParquetStore(str(root))
    try:
        report = import_files(store, [str(path)], how, NOW)
    except DaytraderError as error:
        assert "\n" not in error.message
        assert not list(root.rglob("*.parquet"))
        return ERROR
    bad = [pq.read_table(found)["reason"].to_pylist() for found in root.rglob("quarantine/**/*.parquet")]
    reasons = [reason for rows in bad for reason in rows]
    bars = [bar for symbol in store.symbols() for bar in store.bars(symbol).to_pylist()]
    assert (report.accepted, report.quarantined) == (len(bars), len(reasons))
    for bar in bars:
        prices = [bar[column] for column in ("open", "high", "low", "close")]
        assert np.isfinite([*prices, bar["volume"]]).all()
        assert 0 < bar["low"] <= min(prices) <= max(prices) <= bar["high"]
        assert bar["volume"] >= 0
    return len(bars), {reason: reasons.count(reason) for reason in sorted(set(reasons))}


CORPUS: dict[str, tuple[str, bytes, Any]] = {
    "sound": ("A.csv", (HEADER + ROW + NEXT).encode(), (2, {})),
    "crlf": ("A.csv", (HEADER + ROW + NEXT).replace("\n", "\r\n").encode(), (2, {})),
    "byte order mark": ("A.csv", b"\xef\xbb\xbf" + (HEADER + ROW).encode(), (1, {})),
    "utf-16": ("A.csv", (HEADER + ROW).encode("utf-16"), ERROR),
    "latin-1 symbol": ("A.csv", ("symbol," + HEADER + "\xc4," + ROW).encode("latin-1"), ERROR),
    "empty": ("A.csv", b"", ERROR),
    "header only": ("A.csv", HEADER.encode(), (0, {})),
    "no header": ("A.csv", ROW.encode() * 2, ERROR),
    "blank lines": ("A.csv", (HEADER + "\n" + ROW + "\n\n" + NEXT).encode(), (2, {})),
    "semicolons": ("A.csv", (HEADER + ROW).replace(",", ";").encode(), (1, {})),
    "tabs": ("A.csv", (HEADER + ROW).replace(",", "\t").encode(), ERROR),
    "decimal commas": ("A.csv", (HEADER + 'x,"10,5","11,0","9,0","10,0",5\n').encode(), ERROR),
    "nul bytes": ("A.csv", (HEADER + ROW).encode().replace(b"10", b"1\x000"), ERROR),
    "nul file": ("A.csv", bytes(4096), ERROR),
    "noise": ("A.csv", bytes(np.random.default_rng(1).integers(0, 256, 4096, dtype=np.uint8)), ERROR),
    "open quote": ("A.csv", (HEADER + '"' + ROW + NEXT).encode(), ERROR),
    "short row": ("A.csv", (HEADER + ROW + "2025-03-03T14:31:00Z,10,11\n").encode(), ERROR),
    "long row": ("A.csv", (HEADER + ROW.strip() + ",7\n").encode(), ERROR),
    "huge numbers": ("A.csv", (HEADER + ROW.replace(",11,", ",1e999,")).encode(), (0, {"not_finite": 1})),
    "infinite": ("A.csv", (HEADER + ROW.replace(",5", ",inf")).encode(), (0, {"not_finite": 1})),
    "missing price": ("A.csv", (HEADER + ROW.replace(",11,", ",,")).encode(), (0, {"not_finite": 1})),
    "text price": ("A.csv", (HEADER + ROW.replace(",11,", ",n/b,")).encode(), ERROR),
    "true price": ("A.csv", (HEADER + ROW.replace("10", "true")).encode(), ERROR),
    "negative": ("A.csv", (HEADER + ROW.replace(",9,", ",-9,")).encode(), (0, {"non_positive_price": 1})),
    "high and low swapped": ("A.csv", (HEADER + ROW.replace("11,9", "9,11")).encode(), (0, {"ohlc_order": 1})),
    "columns twice": ("A.csv", (HEADER.replace("open", "close") + ROW).encode(), ERROR),
    "vwap twice": ("A.csv", (HEADER.strip() + ",vwap,VWAP\n" + ROW.strip() + ",10,11\n").encode(), ERROR),
    "unknown column twice": ("A.csv", (HEADER.strip() + ",x,x\n" + ROW.strip() + ",1,2\n").encode(), (1, {})),
    "columns in another order": (
        "A.csv", b"volume,close,low,high,open,timestamp\n5,10,9,11,10,2025-03-03T14:30:00Z\n", (1, {}),
    ),
    "same row twice": ("A.csv", (HEADER + ROW + ROW).encode(), (1, {"duplicate_stamp": 1})),
    "mixed zones": ("A.csv", (HEADER + ROW + NEXT.replace("14:31:00Z", "09:31:00-05:00")).encode(), (2, {})),
    "zone on some": ("A.csv", (HEADER + ROW + NEXT.replace("Z", "")).encode(), ERROR),
    "american dates": ("A.csv", (HEADER + ROW.replace("2025-03-03T14:30:00Z", "03/03/2025 14:30")).encode(), ERROR),
    "stamp missing": ("A.csv", (HEADER + "," + ROW.partition(",")[2] + NEXT).encode(), (1, {"not_finite": 1})),
    "seconds off": ("A.csv", (HEADER + ROW.replace("30:00Z", "30:01Z")).encode(), (0, {"off_grid": 1})),
    "nanoseconds off": (
        "A.csv", (HEADER + ROW.replace("30:00Z", "30:00.000000001Z")).encode(), (0, {"off_grid": 1}),
    ),
    "epoch ns off": ("A.csv", (HEADER + "1741012200000000001,10,11,9,10,5\n").encode(), (0, {"off_grid": 1})),
    "two units of epoch": (
        "A.csv", (HEADER + "1741012200,10,11,9,10,5\n1741012200000,10,11,9,10,5\n").encode(),
        (1, {"off_grid": 1}),
    ),
    "epoch too large": ("A.csv", (HEADER + "99999999999999999999,10,11,9,10,5\n").encode(), (0, {"off_grid": 1})),
    "epoch far too large": ("A.csv", (HEADER + "1e40,10,11,9,10,5\n").encode(), ERROR),
    "epoch infinite": ("A.csv", (HEADER + "inf,10,11,9,10,5\n").encode(), ERROR),
    "year 1": ("A.csv", (HEADER + "-62135596800,10,11,9,10,5\n").encode(), (0, {"outside_session": 1})),
    "year 9999": ("A.csv", (HEADER + ROW.replace("2025", "9999")).encode(), (0, {"outside_session": 1})),
    "year 10000": ("A.csv", (HEADER + ROW.replace("2025", "10000")).encode(), ERROR),
    "a day": ("A.csv", (HEADER + ROW.replace("T14:30:00Z", "")).encode(), ERROR),
    "a time of day": ("A.csv", (HEADER + ROW.replace("2025-03-03T14:30:00Z", "14:30:00")).encode(), ERROR),
    "symbol that is a path": ("A.csv", ("symbol," + HEADER + "B," + ROW + "../../B," + ROW).encode(), ERROR),
    "symbol missing": ("A.csv", ("symbol," + HEADER + "B," + ROW + " ," + ROW).encode(), ERROR),
    "symbol NA": ("A.csv", ("symbol," + HEADER + "NA," + ROW).encode(), (1, {})),
    "symbol true": ("A.csv", ("symbol," + HEADER + "TRUE," + ROW).encode(), (1, {})),
    "name that is no symbol": ("my bars.csv", (HEADER + ROW).encode(), ERROR),
    "truncated gzip": ("A.csv.gz", gzip.compress((HEADER + ROW * 500).encode())[:-9], ERROR),
    "gzip with a flipped bit": ("A.csv.gz", gzip.compress((HEADER + ROW).encode())[:-6] + b"\0" * 6, ERROR),
    "no gzip": ("A.csv.gz", (HEADER + ROW).encode(), ERROR),
    "gzip": ("A.csv.gz", gzip.compress((HEADER + ROW).encode()), (1, {})),
    "csv that is a parquet": ("A.parquet", (HEADER + ROW).encode(), ERROR),
    "empty parquet": ("A.parquet", b"", ERROR),
}  # fmt: skip


@pytest.mark.parametrize("case", CORPUS)
def test_a_broken_file_ends_in_judged_rows_or_one_named_error(case: str, tmp_path: Path) -> None:
    name, content, wanted = CORPUS[case]
    assert imported(tmp_path, name, content, BarFormat()) == wanted


def parquet(folder: Path, **columns: Any) -> bytes:
    """Return a table of one sound bar in which `columns` stand instead of its own; None leaves one out."""
    sound = {"timestamp": pa.array([STAMP], pa.timestamp("us", "UTC"))}
    sound |= dict(
        zip(
            ("open", "high", "low", "close", "volume"), (pa.array([v]) for v in (10.0, 11.0, 9.0, 10.0, 5)), strict=True
        )
    )
    kept = {name: values for name, values in (sound | columns).items() if values is not None}
    pq.write_table(pa.table(kept), folder / "made.parquet")
    return (folder / "made.parquet").read_bytes()


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({}, (1, {})),
        ({"open": pa.array([10], pa.uint64()), "vwap": pa.nulls(1), "trades": pa.array([3.0])}, (1, {})),
        ({"open": pa.array(["10"]).dictionary_encode(), "symbol": pa.array(["b"]).dictionary_encode()}, (1, {})),
        ({"close": None}, ERROR),
        ({"close": pa.array([[10.0]])}, ERROR),
        ({"close": pa.array([{"usd": 10.0}])}, ERROR),
        ({"close": pa.array([True])}, ERROR),
        ({"close": pa.array([b"\xff\xfe"])}, ERROR),
        ({"close": pa.array([dt.date(2025, 1, 1)])}, ERROR),
        ({"close": pa.nulls(1)}, (0, {"not_finite": 1})),
        ({"timestamp": pa.array([[1]])}, ERROR),
        ({"timestamp": pa.array([True])}, ERROR),
        ({"timestamp": pa.nulls(1, pa.timestamp("ns"))}, (0, {"not_finite": 1})),
        ({"timestamp": pa.array([2**62], pa.timestamp("us", "UTC"))}, (0, {"off_grid": 1})),
        ({"timestamp": pa.array([2**62], pa.timestamp("ms", "UTC"))}, ERROR),
        ({"timestamp": pa.array(["2025-03-03T09:30:00-05:00"])}, (1, {})),
        ({"symbol": pa.array([["A"]])}, ERROR),
        ({"symbol": pa.array([b"\xff"])}, ERROR),
        ({"symbol": pa.array([7])}, (1, {})),
        ({"vwap": pa.array([-1.0])}, (0, {"non_positive_price": 1})),
    ],
)
def test_a_parquet_file_of_any_types_does_too(tmp_path: Path, columns: dict[str, Any], wanted: Any) -> None:
    assert imported(tmp_path, "A.parquet", parquet(tmp_path, **columns), BarFormat()) == wanted


@pytest.mark.parametrize("trades", [1e12, -1.0, 2.5, float("nan"), float("inf")])
def test_a_count_of_trades_that_is_none_is_unknown(tmp_path: Path, trades: float) -> None:
    path = tmp_path / "A.parquet"
    path.write_bytes(parquet(tmp_path, trades=pa.array([trades])))
    assert read_bars(str(path), BarFormat())["trades"].to_pylist() == [None]


@pytest.mark.parametrize("cut", [1, 8, 200, 700, -1, -8])
def test_a_truncated_parquet_file_is_one_named_error(tmp_path: Path, cut: int) -> None:
    content = parquet(tmp_path)
    assert imported(tmp_path, "A.parquet", content[:cut], BarFormat()) == ERROR


@pytest.mark.parametrize(
    ("stamp", "wanted"),
    [
        ("2025-11-02 01:30:00", (0, {"not_finite": 1})),  # shown twice
        ("2025-03-09 02:30:00", (0, {"not_finite": 1})),  # skipped
        ("2025-03-07 09:30:00", (1, {})),
        ("2025-03-10 09:30:00", (1, {})),
        ("2025-11-03 15:59:00", (1, {})),
        ("2025-11-03T14:30:00Z", (1, {})),
        ("1741012200", (1, {})),
    ],
)
def test_local_times_around_the_change_of_clocks(tmp_path: Path, stamp: str, wanted: Any) -> None:
    row = ROW.replace("2025-03-03T14:30:00Z", stamp)
    assert imported(tmp_path, "A.csv", (HEADER + row).encode(), NY) == wanted


def test_a_later_file_that_is_broken_leaves_the_earlier_ones_whole(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(HEADER + ROW)
    (tmp_path / "B.csv").write_text(HEADER + "soon,1,2,1,2,5\n")
    store = ParquetStore(str(tmp_path / "data"))
    with pytest.raises(DaytraderError, match=r"B\.csv"):
        import_files(store, [str(tmp_path / "A.csv"), str(tmp_path / "B.csv")], BarFormat(), NOW)
    assert store.bars("A").num_rows == 1


def test_a_store_of_one_length_takes_no_other(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(HEADER + ROW)
    store = ParquetStore(str(tmp_path / "data"))
    import_files(store, [str(tmp_path / "A.csv")], BarFormat(bar_minutes=5), NOW)
    with pytest.raises(DaytraderError, match="5-minute"):
        import_files(store, [str(tmp_path / "A.csv")], BarFormat(), NOW)


def test_a_split_that_nobody_told_of_is_seen_across_files(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    for day, price in (("2025-03-03", 70), ("2025-03-04", 10)):
        rows = "".join(f"{day}T15:0{at}:00Z,{price},{price},{price},{price},{100 + at}\n" for at in range(3))
        (tmp_path / "A.csv").write_text(HEADER + rows)
        report = import_files(store, [str(tmp_path / "A.csv")], BarFormat(), NOW)
    assert (report.accepted, report.quarantined) == (0, 3)


@pytest.mark.parametrize("zone", ["", "Nowhere", "../etc/passwd", "UTC\0"])
def test_a_zone_that_is_none_is_a_named_error(zone: str) -> None:
    with pytest.raises(ConfigError, match="unknown time zone"):
        BarFormat(zone=zone)


cells = st.one_of(
    st.sampled_from(["", "10", "9.5", "11", "-1", "1e999", "nan", "inf", "x", '"', "\0", "é", ","]),
    st.sampled_from(["2025-03-03T14:30:00Z", "2025-03-03 09:30:00", "1741012200"]),
    st.text(max_size=6),
)
lines = st.lists(st.lists(cells, max_size=8).map(",".join), max_size=6)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, st.booleans())
def test_any_text_ends_in_judged_rows_or_one_named_error(tmp_path: Path, drawn: list[str], header: bool) -> None:
    content = (HEADER if header else "") + "\n".join(drawn)
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    imported(folder, "A.csv", content.encode("utf-8", "surrogatepass"), NY)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(["A.csv", "A.csv.gz", "A.parquet"]))
def test_one_changed_byte_is_seen_or_harmless(tmp_path: Path, at: int, byte: int, name: str) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    text = (HEADER + ROW + NEXT).encode()
    sound = {"A.csv": text, "A.csv.gz": gzip.compress(text)}.get(name) or parquet(folder)
    changed = bytearray(sound)
    changed[at % len(sound)] = byte
    imported(folder, name, bytes(changed), BarFormat())
