"""From the buffer into the store: versions with their times, judged like any other bars, once."""

import datetime as dt

import pyarrow.compute as pc
import pytest

from daytrader_ray.adapters import bar_buffer
from daytrader_ray.adapters.bar_buffer import BarBuffer, buffer_folder
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.compaction import _table, compact, compact_leftovers
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind

DAY = dt.date(2025, 12, 2)
OPEN = session_grid(DAY, DAY).sessions[0].open_minute
LATE = dt.datetime(2025, 12, 2, 15, 0, tzinfo=dt.UTC)


def row(symbol, slot, close=10.5, offer="new", known_at=None, trades=None, **changes):
    values = {"open": 10.0, "high": max(close, 11.0), "low": 9.5, "close": close, "volume": 1200.0, "vwap": 10.2}
    values |= changes
    stamp = None if known_at is None else int(known_at.timestamp() * 1e6)
    return [symbol, OPEN + slot, *values.values(), trades, stamp, "polygon", offer]


def write(root, *records):
    with BarBuffer(buffer_folder(root, "buffer", DAY)) as buffer:
        for record in records:
            buffer.append(record)


def bars(*rows):
    return {"kind": "bars", "rows": list(rows)}


@pytest.fixture
def store(tmp_path):
    return ParquetStore(str(tmp_path))


def closes(store, symbol, **options):
    table = store.bars(symbol, DAY, DAY, **options)
    return dict(zip((pc.minute(table["timestamp"])).to_pylist(), table["close"].to_pylist(), strict=True))


def test_a_session_is_stored_and_its_buffer_removed(store, tmp_path):
    write(tmp_path, bars(row("AAPL", 0), row("SPY", 0)), bars(row("AAPL", 1, 10.6)))
    assert compact(store, tmp_path, "buffer", DAY) == 3
    assert closes(store, "AAPL") == {30: 10.5, 31: 10.6} and closes(store, "SPY") == {30: 10.5}
    assert bar_buffer.leftovers(tmp_path, "buffer") == []
    assert not store.is_downloaded("AAPL", DAY, DAY)


def test_late_and_revised_bars_keep_the_time_since_when_they_were_known(store, tmp_path):
    first, second = LATE, LATE + dt.timedelta(minutes=5)
    write(
        tmp_path,
        bars(row("AAPL", 0), row("AAPL", 1, 10.6, known_at=first)),
        bars(row("AAPL", 0, 10.7, "revised", second)),
    )
    compact(store, tmp_path, "buffer", DAY)
    assert closes(store, "AAPL") == {30: 10.7, 31: 10.6}
    assert closes(store, "AAPL", known_at=first - dt.timedelta(seconds=1)) == {30: 10.5}
    assert closes(store, "AAPL", known_at=first) == {30: 10.5, 31: 10.6}
    assert closes(store, "AAPL", known_at=second) == {30: 10.7, 31: 10.6}


def test_history_that_repeats_a_bar_brings_its_trades_and_is_no_revision(store, tmp_path):
    write(tmp_path, bars(row("AAPL", 0)), bars(row("AAPL", 0, offer="same", trades=17)))
    compact(store, tmp_path, "buffer", DAY)
    table = store.bars("AAPL", DAY, DAY)
    assert table["trades"].to_pylist() == [17] and not store.is_downloaded("AAPL", DAY, DAY)
    assert not store.find("historical/minute_bars/symbol=AAPL/*.revisions.parquet")


def test_bars_that_cannot_be_are_in_quarantine_with_their_reason(store, tmp_path):
    spike = {"open": 20.0, "high": 21.0, "low": 19.0}
    rows = [row("AAPL", slot) for slot in range(8)]
    rows[4] = row("AAPL", 4, 20.0, **spike)
    write(tmp_path, bars(*rows, row("AAPL", 8, offer="invalid", high=1.0), row("AAPL", 8)))
    assert compact(store, tmp_path, "buffer", DAY) == 8
    (path,) = store.find("quarantine/symbol=AAPL/*.parquet")
    assert sorted(_reasons(store, path)) == ["bad_print", "ohlc_order"]


def _reasons(store, path):
    import io

    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(store.read(path)))["reason"].to_pylist()


def test_ticks_are_stored_beside_the_bars(store, tmp_path):
    columns = {name: [1.0] for name in Kind.QUOTE_BARS.schema.names} | {"timestamp": [OPEN * 60_000_000], "quotes": [3]}
    write(tmp_path, bars(row("SPY", 0)), {"kind": "quote_bars", "symbol": "SPY", "columns": columns})
    compact(store, tmp_path, "buffer", DAY)
    assert store.quote_bars("SPY", DAY, DAY)["quotes"].to_pylist() == [3]


def test_a_crash_in_the_middle_only_repeats_the_work(store, tmp_path, monkeypatch):
    records = [bars(row("AAPL", 0), row("SPY", 0)), bars(row("AAPL", 0, 10.7, "revised", LATE))]
    write(tmp_path, *records)

    def fail(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("daytrader_ray.adapters.compaction.remove", fail)
        with pytest.raises(RuntimeError):
            compact(store, tmp_path, "buffer", DAY)
    before = {path: store.read(path) for path in store.find("historical/*/*/*")}
    assert compact_leftovers(store, tmp_path, "buffer", DAY) == []
    assert compact_leftovers(store, tmp_path, "buffer", DAY + dt.timedelta(days=1)) == [DAY]
    assert {path: store.read(path) for path in store.find("historical/*/*/*")} == before
    assert bar_buffer.leftovers(tmp_path, "buffer") == []


def test_what_was_received_live_never_replaces_a_downloaded_day(store, tmp_path):
    history = _table([row("AAPL", 0, 10.7), row("AAPL", 1, 10.6), row("AAPL", 2, 10.8)]).drop_columns(["known_at"])
    store.write_bars("AAPL", "2025-12", history, (DAY, DAY))
    again = (row("AAPL", 0, 10.5), row("AAPL", 1, 10.6, vwap=None), row("AAPL", 3, 99.0))
    for _ in range(2):
        write(tmp_path, bars(*again))
        compact(store, tmp_path, "buffer", DAY)
        assert closes(store, "AAPL") == {30: 10.7, 31: 10.6, 32: 10.8}
        assert closes(store, "AAPL", known_at=LATE) == {30: 10.5, 31: 10.6, 32: 10.8}
        assert store.bars("AAPL", DAY, DAY, known_at=LATE)["vwap"].to_pylist() == [10.2] * 3


def test_one_bar_of_an_impossible_time_does_not_keep_the_others_from_the_store(store, tmp_path):
    far = row("AAPL", 2**40, offer="invalid", low=-1.0)
    write(tmp_path, bars(row("AAPL", 0), far, row("AAPL", 2**62), row("SPY", 0)))
    assert compact_leftovers(store, tmp_path, "buffer", DAY + dt.timedelta(days=1)) == [DAY]
    assert closes(store, "AAPL") == {30: 10.5} == closes(store, "SPY")
    (path,) = store.find("quarantine/symbol=AAPL/*.parquet")
    assert _reasons(store, path) == ["not_finite", "not_finite"]


def test_what_the_other_source_said_is_no_version_of_a_bar(store, tmp_path):
    write(tmp_path, bars(row("AAPL", 0), row("AAPL", 0, 10.9, offer="other")))
    compact(store, tmp_path, "buffer", DAY)
    assert closes(store, "AAPL") == {30: 10.5}
    assert not store.find("historical/minute_bars/symbol=AAPL/*.revisions.parquet")
