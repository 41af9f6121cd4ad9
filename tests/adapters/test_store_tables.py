import datetime as dt
import random
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.adapters import folder
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import DAILY, EVENTS, FUNDAMENTALS, QUOTE_BARS, TRADE_BARS, Kind
from daytrader_ray.domain.errors import DataError
from tests.adapters.stored import DAY, HALF_DAY, files, minute, table


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def rows(schema: pa.Schema, *values: dict) -> pa.Table:
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in values], schema=schema)


def splits(*actions: tuple[str, float | None, float | None]) -> pa.Table:
    values = [{"execution_date": day(on), "split_from": old, "split_to": new} for on, old, new in actions]
    return rows(Kind.SPLITS.schema, *values)


def dividends(*actions: tuple[str, float | None, str | None]) -> pa.Table:
    values = [{"ex_date": day(on), "cash_amount": cash, "currency": currency} for on, cash, currency in actions]
    return rows(Kind.DIVIDENDS.schema, *values)


def daily(closes: dict[str, float]) -> pa.Table:
    return rows(DAILY, *({"date": day(on), "open": c, "high": c, "low": c, "close": c} for on, c in closes.items()))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.MINUTE])
def test_every_kind_of_table_is_read_back_and_written_again_without_a_change(tmp_path: Path, kind: Kind) -> None:
    store = ParquetStore(str(tmp_path))
    first = {f.name: value_of(f.type, 1) for f in kind.schema}
    second = {f.name: value_of(f.type, 2) for f in kind.schema}
    both = rows(kind.schema, second, first)
    name = kind.parts(DAY, DAY)[0][0]
    assert store.read_table(kind, "AAPL", name) is None
    store.write_table(kind, "AAPL", name, both)
    read = store.read_table(kind, "AAPL", name)
    assert read is not None
    assert read.to_pylist() == [first, second]
    before = files(tmp_path)
    store.write_table(kind, "AAPL", name, both.take([1, 0]))
    assert files(tmp_path) == before
    assert store.tables(kind, "AAPL") == [name]


def value_of(kind: pa.DataType, number: int) -> object:
    if pa.types.is_date(kind):
        return DAY + dt.timedelta(days=number)
    if pa.types.is_timestamp(kind):
        return minute(number)
    return str(number) if pa.types.is_string(kind) else number


def test_a_new_row_with_the_same_key_wins_and_others_stay(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_table(Kind.DAILY, "AAPL", "2025", daily({"2025-11-26": 10.0, "2025-11-28": 11.0}))
    store.write_table(Kind.DAILY, "AAPL", "2025", daily({"2025-11-28": 12.0}))
    store.write_table(Kind.DAILY, "AAPL", "2024", daily({"2024-12-31": 9.0}))
    assert store.daily("AAPL")["close"].to_pylist() == [9.0, 10.0, 12.0]
    assert store.daily("AAPL", DAY, DAY)["close"].to_pylist() == [10.0]
    assert store.daily("AAPL", HALF_DAY)["close"].to_pylist() == [12.0]
    assert store.daily("AAPL", None, day("2024-12-31"))["close"].to_pylist() == [9.0]
    assert store.daily("MSFT").num_rows == 0


def test_actions_are_replaced_so_that_a_withdrawn_one_is_gone(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_table(Kind.SPLITS, "AAPL", "splits", splits(("2025-11-28", 1, 7), ("2025-12-05", 1, 2)))
    store.write_table(Kind.SPLITS, "AAPL", "splits", splits(("2025-12-08", 1, 2)))
    assert store.splits("AAPL") == ((day("2025-12-08"), 2.0),)
    store.write_table(Kind.SPLITS, "AAPL", "splits", splits())
    assert store.splits("AAPL") == ()


def test_actions_that_make_no_sense_are_left_out(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.write_table(Kind.SPLITS, "AAPL", "splits", splits(("2025-11-28", 0, 7), ("2025-11-29", None, 1)))
    table = dividends(("2025-11-28", None, "USD"), ("2025-11-28", 0.5, "CAD"), ("2025-12-01", 0.25, None))
    store.write_table(Kind.DIVIDENDS, "AAPL", "dividends", table)
    assert store.splits("AAPL") == ()
    assert store.dividends("AAPL") == ((day("2025-12-01"), 0.25),)


def test_another_shape_of_table_is_refused_by_name(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    with pytest.raises(DataError, match=r"daily_bars/symbol=AAPL/2025\.parquet.*volume") as caught:
        store.write_table(Kind.DAILY, "AAPL", "2025", daily({"2025-11-26": 10.0}).drop_columns("volume"))
    assert "expected the columns date, open" in caught.value.hint
    with pytest.raises(DataError, match="splits"):
        store.write_table(
            Kind.SPLITS, "AAPL", "splits", pa.table({"execution_date": ["soon"], "split_from": [1], "split_to": [1]})
        )
    with pytest.raises(DataError, match="is no symbol"):
        store.write_table(Kind.DAILY, "../AAPL", "2025", daily({}))


def test_fundamentals_and_events_are_those_known_at_the_time(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    for name, as_of, cap in (("2025-10", "2025-10-31", 1.0), ("2025-11", "2025-11-28", 2.0)):
        row = {"as_of": day(as_of), "market_cap": cap, "kind": "CS"}
        store.write_table(Kind.FUNDAMENTALS, "AAPL", name, rows(FUNDAMENTALS, row))
    assert store.fundamentals("AAPL", day("2025-10-30")) is None
    assert store.fundamentals("AAPL", day("2025-11-27"))["market_cap"] == 1.0
    assert store.fundamentals("AAPL", day("2025-11-28"))["market_cap"] == 2.0
    events = [
        {"timestamp": minute(0, 9), "known_at": minute(0), "kind": "earnings"},
        {"timestamp": minute(0, 1), "known_at": None, "kind": "halt"},
    ]
    store.write_table(Kind.EVENTS, "AAPL", "events", rows(EVENTS, *events))
    assert store.events("AAPL", minute(0))["kind"].to_pylist() == ["earnings"]
    assert sorted(store.events("AAPL", minute(0, 1))["kind"].to_pylist()) == ["earnings", "halt"]
    assert store.events("AAPL", minute(-1)).num_rows == 0


def test_a_withdrawn_event_is_gone_from_then_on_and_nobody_knows_before(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    row = {"timestamp": minute(0, 9), "known_at": minute(0), "kind": "earnings"}
    for withdrawn_at in (None, minute(0, 5)):
        store.write_table(Kind.EVENTS, "AAPL", "events", rows(EVENTS, {**row, "withdrawn_at": withdrawn_at}))
    assert store.events("AAPL")["withdrawn_at"].to_pylist() == [minute(0, 5)]
    before = store.events("AAPL", minute(0, 4))
    assert before["kind"].to_pylist() == ["earnings"] and "withdrawn_at" not in before.column_names
    assert store.events("AAPL", minute(0, 5)).num_rows == 0


def test_events_of_a_store_from_before_there_was_withdrawn_at_still_read(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    old = rows(EVENTS, {"timestamp": minute(0, 9), "known_at": minute(0), "kind": "earnings"})
    path = store.place(Kind.EVENTS, "AAPL", "events.parquet")
    store.write_parquet(path, old.drop_columns("withdrawn_at"))
    assert store.events("AAPL").equals(old)
    store.write_table(Kind.EVENTS, "AAPL", "events", old)
    assert store.events("AAPL").num_rows == 1
    store.write_parquet(path, old.drop_columns("note"))
    with pytest.raises(DataError, match="not a bar file"):
        store.events("AAPL")


def test_quote_and_trade_bars_are_cut_to_the_days_asked_for(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    stamps = [{"timestamp": minute(0)}, {"timestamp": minute(5, 2)}]
    store.write_table(Kind.QUOTE_BARS, "SPY", "2025-11", rows(QUOTE_BARS, *stamps))
    store.write_table(Kind.TRADE_BARS, "SPY", "2025-11", rows(TRADE_BARS, *stamps))
    for read in (store.quote_bars, store.trade_bars):
        assert read("SPY").num_rows == 2
        assert read("SPY", HALF_DAY)["timestamp"].to_pylist() == [minute(5, 2)]
        assert read("SPY", DAY, DAY)["timestamp"].to_pylist() == [minute(0)]


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_marked_is_downloaded_for_every_kind(tmp_path: Path, kind: Kind) -> None:
    store = ParquetStore(str(tmp_path))
    first, last = day("2024-11-15"), day("2025-02-03")
    assert not store.is_downloaded("AAPL", first, last, kind)
    store.mark(kind, "AAPL", first, day("2025-01-20"))
    assert store.is_downloaded("AAPL", day("2024-12-01"), day("2025-01-20"), kind)
    assert not store.is_downloaded("AAPL", first, last, kind)
    store.mark(kind, "AAPL", day("2025-01-21"), last)
    assert store.is_downloaded("AAPL", first, last, kind)
    assert not store.is_downloaded("AAPL", first - dt.timedelta(days=1), last, kind)
    assert not store.is_downloaded("MSFT", first, last, kind)
    others = [other for other in Kind if other is not kind]
    assert not any(store.is_downloaded("AAPL", first, last, other) for other in others)


def test_counts_are_of_the_days_downloaded_last(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    first, middle, last = day("2025-11-03"), day("2025-11-14"), day("2025-11-28")
    bars = table([(minute(0), 10.0, 1.0)])
    store.write_bars("AAPL", "2025-11", bars, (first, middle), counts={"accepted": 5, "extended_hours": 2})
    store.write_bars("AAPL", "2025-11", bars, (day("2025-11-15"), last), counts={"accepted": 7, "ohlc_order": 1})
    assert store.counts("AAPL", "2025-11") == {"accepted": 12, "extended_hours": 2, "ohlc_order": 1}
    store.write_bars("AAPL", "2025-11", bars, (first, last), counts={"accepted": 13})
    assert store.counts("AAPL", "2025-11") == {"accepted": 13}
    assert store.counts("AAPL", "2025-10") == {}


def test_quarantine_is_kept_by_symbol_and_month_and_replaced_by_its_source(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))

    def bad(*found: tuple[str | None, dt.datetime | None]) -> pa.Table:
        symbols, stamps = [symbol for symbol, _ in found], [stamp for _, stamp in found]
        stamps_us = pa.array(stamps, pa.timestamp("us", "UTC"))
        return pa.table(
            {"symbol": pa.array(symbols, pa.string()), "timestamp": stamps_us, "reason": ["off_grid"] * len(found)}
        )

    store.quarantine(
        "import/a", bad(("AAPL", minute(0)), ("AAPL", minute(0, 9)), ("MSFT", None), ("../x", minute(0)), (None, None))
    )
    store.quarantine("import/b", bad(("AAPL", minute(0))))
    assert list(files(tmp_path)) == [
        "quarantine/symbol=AAPL/2025-11.import-a.parquet",
        "quarantine/symbol=AAPL/2025-11.import-b.parquet",
        "quarantine/symbol=AAPL/2025-12.import-a.parquet",
        "quarantine/symbol=MSFT/unknown.import-a.parquet",
        "quarantine/symbol=unknown/2025-11.import-a.parquet",
        "quarantine/symbol=unknown/unknown.import-a.parquet",
    ]
    store.quarantine("import/a", bad(("AAPL", minute(3))), symbol="AAPL")
    assert "quarantine/symbol=AAPL/2025-12.import-a.parquet" not in files(tmp_path)
    assert "quarantine/symbol=MSFT/unknown.import-a.parquet" in files(tmp_path)
    store.quarantine("import/a", bad())
    assert list(files(tmp_path)) == ["quarantine/symbol=AAPL/2025-11.import-b.parquet"]


def filled(root: Path) -> ParquetStore:
    """Bars of three months with a revision, ticks, quarantine, and everything that is never pruned."""
    store = ParquetStore(str(root))
    for month, later in (("2025-10", -30), ("2025-11", 0), ("2025-12", 10)):
        bars = table([(minute(0, later), 10.0, 1.0)])
        span = (minute(0, later).date(), minute(0, later).date())
        store.write_bars("AAPL", month, bars, span)
        store.write_bars("AAPL", month, table([(minute(0, later), 11.0, 1.0)]), None, revised_at=minute(0, 20))
        store.write_table(Kind.QUOTE_BARS, "AAPL", month, rows(QUOTE_BARS, {"timestamp": minute(0, later)}))
        store.mark(Kind.QUOTE_BARS, "AAPL", *span)
        store.write_table(Kind.TRADE_BARS, "AAPL", month, rows(TRADE_BARS, {"timestamp": minute(0, later)}))
        store.write_table(Kind.FUNDAMENTALS, "AAPL", month, rows(FUNDAMENTALS, {"as_of": span[0]}))
        store.quarantine(f"download/{month}", bars.append_column("reason", pa.array(["off_grid"])))
    store.write_table(Kind.SPLITS, "AAPL", "splits", splits(("2020-08-31", 1, 4)))
    store.write_table(Kind.DAILY, "AAPL", "2020", daily({"2020-08-28": 500.0}))
    return store


def test_pruning_drops_whole_months_of_bars_and_nothing_else(tmp_path: Path) -> None:
    store = filled(tmp_path)
    before = files(tmp_path)
    gone = store.prune(day("2025-12-15"), ["AAPL"])
    assert sorted(gone) == sorted(before.keys() - files(tmp_path).keys())
    assert {path.split("/")[1] for path in gone} == {"minute_bars", "quote_bars", "trade_bars", "symbol=AAPL"}
    assert all(any(month in path for month in ("2025-10", "2025-11")) for path in gone)
    assert len(gone) == 2 * (3 + 2 + 1 + 1)
    left = files(tmp_path)
    assert "historical/minute_bars/symbol=AAPL/2025-12.revisions.parquet" in left
    assert not [path for path in left if "2025-1" in path and "-12" not in path and "fundamentals" not in path]
    assert store.prune(day("2025-12-31"), ["AAPL"]) == []
    assert store.splits("AAPL")
    assert store.daily("AAPL").num_rows == 1


def test_a_crash_while_pruning_leaves_nothing_called_complete_without_its_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path)
    true, left = folder.Folder.remove, random.Random(1).randrange(2, 6)

    def crash(self: folder.Folder, relative: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        true(self, relative)

    with monkeypatch.context() as patch:
        patch.setattr(folder.Folder, "remove", crash)
        with pytest.raises(KeyboardInterrupt):
            store.prune(day("2025-12-15"), ["AAPL"])
    for month, on in (("2025-10", minute(0, -30).date()), ("2025-11", DAY)):
        if store.is_downloaded("AAPL", on, on):
            assert store.minutes("AAPL", month).num_rows
    store.prune(day("2025-12-15"), ["AAPL"])
    assert store.tables(Kind.MINUTE, "AAPL") == ["2025-12"]


months = st.lists(st.integers(0, 35), unique=True, max_size=6)


@settings(max_examples=25, deadline=None)
@given(months, st.integers(0, 36), st.integers(1, 28))
def test_pruning_removes_exactly_the_months_wholly_before(found: list[int], month: int, on: int) -> None:
    def named(number: int) -> str:
        return f"{2023 + number // 12}-{number % 12 + 1:02d}"

    with tempfile.TemporaryDirectory() as root:
        store = ParquetStore(root)
        for number in found:
            store.write_table(Kind.QUOTE_BARS, "SPY", named(number), rows(QUOTE_BARS, {"timestamp": minute(number)}))
        before = files(Path(root))
        gone = store.prune(day(f"{named(month)}-{on:02d}"), ["SPY"])
        left = files(Path(root))
    assert [name.rpartition("/")[2] for name in left] == sorted(f"{named(n)}.parquet" for n in found if n >= month)
    assert left.items() <= before.items()
    assert sorted(gone) == sorted(before.keys() - left.keys())


def test_a_manifest_that_is_no_manifest_is_named(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    store.mark(Kind.DAILY, "AAPL", DAY, DAY)
    path = tmp_path / "historical/daily_bars/symbol=AAPL/_2025.json"
    for broken in (b"[]", b"{", b"\xff"):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"_2025\.json: not a JSON object"):
            store.is_downloaded("AAPL", DAY, DAY, Kind.DAILY)
    for broken in (
        b'{"downloaded": 5}',
        b'{"downloaded": [["2025-02-30", "2025-03-01"]]}',
        b'{"downloaded": [[1, 2]]}',
    ):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"_2025\.json: 'downloaded' is no list"):
            store.mark(Kind.DAILY, "AAPL", DAY, DAY)
    store.write_json("historical/minute_bars/symbol=AAPL/_2025-11.json", {"counts": [{"rows": 5}]})
    with pytest.raises(DataError, match=r"_2025-11\.json: 'counts' is no list"):
        store.counts("AAPL", "2025-11")
