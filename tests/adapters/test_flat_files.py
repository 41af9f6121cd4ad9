import datetime as dt
import gzip
import itertools
import re
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from daytrader_ray.adapters.event_files import import_events
from daytrader_ray.adapters.flat_files import import_flat_files
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.errors import DataError
from tests.adapters.stored import files

HEADER = "ticker,volume,open,close,high,low,window_start,transactions\n"
MARKET = "api.polygon.io"
DAYS = [dt.date(2025, 2, 28), dt.date(2025, 3, 3), dt.date(2025, 3, 4), dt.date(2025, 3, 6)]
NOW = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
UNIVERSE = ("AAPL", "I:VIX", "MSFT", "NA")


def rows(day: dt.date, symbols: tuple[str, ...] = ("A", "AAPL", "MSFT", "NA", "ZZZZ"), n: int = 3) -> str:
    """Three minutes from the open and one before it of each symbol, as the vendor writes them."""
    opens = int(dt.datetime.combine(day, dt.time(14, 30), dt.UTC).timestamp()) * 10**9
    starts = [opens - 60 * 10**9, *(opens + minute * 60 * 10**9 for minute in range(n))]
    return "".join(
        f"{symbol},{100 + at},10,10.5,11,9.5,{start},3\n" for symbol in symbols for at, start in enumerate(starts)
    )


def write(root: str | Path, day: dt.date, text: str) -> None:
    with fsspec.open(f"{root}/{day:%Y/%m}/{day}.csv.gz", "wb", auto_mkdir=True) as file:
        file.write(gzip.compress(text.encode()))


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    for day in DAYS:
        write(tmp_path / "flat", day, HEADER + rows(day))
    return tmp_path / "flat"


def test_a_day_of_the_whole_market_becomes_complete_days_of_the_universe(flat: Path, tmp_path: Path) -> None:
    store, seen = ParquetStore(str(tmp_path / "data")), []
    report = import_flat_files(store, [str(flat)], UNIVERSE, MARKET, NOW, lambda *done: seen.append(done))
    assert (report.files, report.rows, report.accepted, report.quarantined, report.extended_hours) == (4, 48, 36, 0, 12)
    assert report.symbols == store.symbols() == ("AAPL", "MSFT", "NA")
    assert seen == [(done, 4) for done in (1, 2, 3, 4)]
    assert [store.is_downloaded("AAPL", day, day) for day in [*DAYS, dt.date(2025, 3, 5)]] == [True] * 4 + [False]
    assert store.counts("AAPL", "2025-03") == {"accepted": 9, "extended_hours": 3}
    (bar, *_) = store.bars("AAPL").to_pylist()
    assert (bar["open"], bar["close"], bar["high"], bar["low"], bar["volume"], bar["trades"]) == (
        10,
        10.5,
        11,
        9.5,
        101,
        3,
    )
    assert bar["vwap"] is None
    panel = store.panel(["AAPL"], dt.date(2025, 3, 3), dt.date(2025, 3, 3))
    assert (panel.close[389, 0], int(panel.traded.sum())) == (10.5, 3)


def test_days_that_are_there_are_not_read_again(flat: Path, tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    import_flat_files(store, [str(flat)], UNIVERSE, MARKET, NOW)
    before = files(tmp_path / "data")
    for path in flat.rglob("*.gz"):
        path.write_bytes(b"")
    again = import_flat_files(store, [str(flat)], UNIVERSE, MARKET, NOW)
    assert (again.files, again.complete) == (0, 4)
    assert files(tmp_path / "data") == before
    write(flat, dt.date(2025, 3, 5), HEADER + rows(dt.date(2025, 3, 5)))
    report = import_flat_files(store, [str(flat)], UNIVERSE, MARKET, NOW)
    assert (report.files, report.accepted) == (1, 9)


def test_interrupted_and_resumed_it_is_the_same_store(flat: Path, tmp_path: Path) -> None:
    whole, parts = ParquetStore(str(tmp_path / "whole")), ParquetStore(str(tmp_path / "parts"))
    import_flat_files(whole, [str(flat)], UNIVERSE, MARKET, NOW)
    good = (flat / "2025/03/2025-03-04.csv.gz").read_bytes()
    (flat / "2025/03/2025-03-04.csv.gz").write_bytes(good[:-12])
    with pytest.raises(DataError, match=r"2025-03-04\.csv\.gz: cannot be read"):
        import_flat_files(parts, [str(flat)], UNIVERSE, MARKET, NOW)
    assert parts.is_downloaded("AAPL", DAYS[0], DAYS[0])
    assert not parts.is_downloaded("AAPL", DAYS[1], DAYS[1])
    assert parts.bars("AAPL", DAYS[1]).num_rows == 0
    (flat / "2025/03/2025-03-04.csv.gz").write_bytes(good)
    import_flat_files(parts, [str(flat)], UNIVERSE, MARKET, NOW)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_a_new_symbol_of_the_universe_is_read_from_the_same_files(flat: Path, tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    import_flat_files(store, [str(flat)], ("AAPL",), MARKET, NOW)
    report = import_flat_files(store, [str(flat)], ("AAPL", "MSFT"), MARKET, NOW)
    assert (report.files, report.symbols) == (4, ("MSFT",))


def test_a_stock_without_a_row_had_no_trade(flat: Path, tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    import_flat_files(store, [str(flat)], ("AAPL", "QQQQ"), MARKET, NOW)
    assert (store.symbols(), store.is_downloaded("QQQQ", DAYS[1], DAYS[2])) == (("AAPL",), True)


@pytest.mark.parametrize("universe", [("QQQQ",), ("I:VIX",)])
def test_files_without_any_symbol_of_the_universe_are_an_error(
    flat: Path, tmp_path: Path, universe: tuple[str, ...]
) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    with pytest.raises(DataError, match="no symbol of the universe in these files"):
        import_flat_files(store, [str(flat)], universe, MARKET, NOW)
    assert not store.is_downloaded("QQQQ", DAYS[1], DAYS[1])


def test_only_what_a_symbol_lacks_is_imported_and_no_vwap_is_lost(flat: Path, tmp_path: Path) -> None:
    whole, store = ParquetStore(str(tmp_path / "whole")), ParquetStore(str(tmp_path / "data"))
    store.claim(MARKET)
    import_flat_files(whole, [str(flat)], UNIVERSE, MARKET, NOW)
    bars = whole.bars("AAPL", DAYS[1], DAYS[1])
    better = bars.set_column(7, "vwap", pa.array([10.25] * bars.num_rows))
    store.write_bars("AAPL", "2025-03", better, (DAYS[1], DAYS[1]), counts={"accepted": 77})
    store.write_bars("MSFT", "2025-03", better.slice(0, 1), None)
    import_flat_files(store, [str(flat)], UNIVERSE, MARKET, NOW)
    for symbol, first in (("AAPL", DAYS[1]), ("MSFT", DAYS[1])):
        assert store.bars(symbol, first, first)["vwap"][0].as_py() == 10.25
    assert store.bars("AAPL").drop_columns("vwap").equals(whole.bars("AAPL").drop_columns("vwap"))
    assert store.counts("AAPL", "2025-03")["accepted"] == 77 + 6
    assert not list((tmp_path / "data").rglob("*.revisions.parquet"))


def test_a_split_that_is_known_late_brings_its_sessions_with_the_same_command(tmp_path: Path) -> None:
    for day in DAYS[:3]:
        text = rows(day, ("AAPL", "MSFT"))
        write(
            tmp_path / "flat",
            day,
            HEADER + (text.replace("10,10.5,11,9.5", "1.05,1.05,1.05,1.05") if day == DAYS[2] else text),
        )
    store = ParquetStore(str(tmp_path / "data"))
    report = import_flat_files(store, [str(tmp_path / "flat")], ("AAPL", "MSFT"), MARKET, NOW)
    assert report.reasons == {"unexplained_split": 6}
    assert [store.is_downloaded("AAPL", day, day) for day in DAYS[:3]] == [True, True, False]
    splits = pa.table([[DAYS[2]], [1.0], [10.0]], schema=Kind.SPLITS.schema)
    store.write_table(Kind.SPLITS, "AAPL", Kind.SPLITS.name_format, splits)
    report = import_flat_files(store, [str(tmp_path / "flat")], ("AAPL", "MSFT"), MARKET, NOW)
    assert (report.files, report.symbols, report.reasons) == (1, ("AAPL",), {"unexplained_split": 3})
    assert [store.is_downloaded(symbol, DAYS[2], DAYS[2]) for symbol in ("AAPL", "MSFT")] == [True, False]
    assert store.counts("AAPL", "2025-03")["accepted"] == 6
    (left,) = (tmp_path / "data" / "quarantine").rglob("*.parquet")
    assert left.relative_to(tmp_path / "data").as_posix() == "quarantine/symbol=MSFT/2025-03.split-2025-03-04.parquet"


def test_any_file_system_will_do(tmp_path: Path) -> None:
    root = f"memory://{tmp_path.name}"
    write(root, DAYS[1], HEADER + rows(DAYS[1]))
    report = import_flat_files(ParquetStore(str(tmp_path / "data")), [root], UNIVERSE, MARKET, NOW)
    assert (report.files, report.accepted) == (1, 9)


def test_bad_rows_are_quarantined_with_their_reason(tmp_path: Path) -> None:
    text = HEADER + rows(DAYS[1], ("AAPL",)) + "AAPL,5,10,10.5,9,9.5,1741012500000000000,3\n"
    write(tmp_path / "flat", DAYS[1], text + "AAPL,5,,10.5,11,9.5,1741012560000000001,3\n")
    store = ParquetStore(str(tmp_path / "data"))
    assert import_flat_files(store, [str(tmp_path / "flat")], UNIVERSE, MARKET, NOW).quarantined == 2
    assert store.counts("AAPL", "2025-03") == {"accepted": 3, "extended_hours": 1, "not_finite": 1, "ohlc_order": 1}
    (path,) = (tmp_path / "data" / "quarantine").rglob("*.parquet")
    assert path.relative_to(tmp_path / "data").as_posix() == (
        "quarantine/symbol=AAPL/2025-03.flat-2025-03-03-2025-03-03.parquet"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        (HEADER, "no row: the market traded on 2025-03-03"),
        (HEADER.replace("high", "hihg"), "each of the columns"),
        (HEADER.replace("high", "low"), "each of the columns"),
        (HEADER.replace(",", ";"), "each of the columns"),
        (HEADER + "AAPL,5,10,10.5,11\n", "cannot be read"),
        (HEADER + "AAPL,5,ten,10.5,11,9,1741012200000000000,3\n", "cannot be read"),
        (HEADER + rows(DAYS[2], ("AAPL",)), "a bar of another day: 2025-03-04"),
        (HEADER + "AAPL,5,10,10.5,11,9,99999999999999999999,3\n", "cannot be read"),
    ],
)
def test_a_broken_day_is_one_clear_line_and_nothing_is_stored(text: str, words: str, tmp_path: Path) -> None:
    write(tmp_path / "flat", DAYS[1], text)
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        import_flat_files(ParquetStore(str(tmp_path / "data")), [str(tmp_path / "flat")], UNIVERSE, MARKET, NOW)
    assert "2025-03-03.csv.gz" in caught.value.message
    assert "\n" not in caught.value.message
    assert not list((tmp_path / "data").rglob("*.parquet"))


def test_names_without_a_day_and_days_twice_are_refused(flat: Path, tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    write(tmp_path / "copy", DAYS[0], HEADER)
    with pytest.raises(DataError, match="a second file of 2025-02-28"):
        import_flat_files(store, [str(flat), str(tmp_path / "copy")], UNIVERSE, MARKET, NOW)
    odd = tmp_path / "bars.csv.gz"
    odd.write_bytes(gzip.compress(HEADER.encode()))
    with pytest.raises(DataError, match="no day in its name"):
        import_flat_files(store, [str(odd)], UNIVERSE, MARKET, NOW)
    with pytest.raises(DataError, match="no such file"):
        import_flat_files(store, [str(tmp_path / "nowhere")], UNIVERSE, MARKET, NOW)


def events(folder: Path, text: str) -> str:
    path = folder / "events.csv"
    path.write_text(text)
    return str(path)


def test_events_are_known_from_when_they_were_known(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    path = events(
        tmp_path,
        "kind,symbol,timestamp,known_at,note\n"
        'earnings,AAPL,2025-05-01T20:30:00Z,2025-04-02T12:00:00Z,"Q2, after close"\n'
        "fda,AAPL,2025-06-01T12:00:00Z,,\n",
    )
    for _ in range(2):
        assert import_events(store, [path]).events == 2

    def known(day: int, month: int) -> list[str]:
        return store.events("AAPL", dt.datetime(2025, month, day, tzinfo=dt.UTC))["kind"].to_pylist()

    assert [known(1, 4), known(3, 4), known(2, 6)] == [[], ["earnings"], ["earnings", "fda"]]
    table = store.read_table(Kind.EVENTS, "AAPL", "events")
    assert table["note"].to_pylist() == ["Q2, after close", None]


HEAD = "symbol,timestamp,kind,known_at,note,withdrawn_at\n"
CALENDAR = HEAD + "A,2025-05-08T20:30Z,earnings,2025-04-01T12:00Z,Q2,\n"
WITHDRAWN = HEAD + "A,2025-05-08T20:30Z,earnings,2025-04-01T12:00Z,Q2,2025-04-20T12:00Z\n"
BARE = "symbol,timestamp,kind,withdrawn_at\nA,2025-05-08T20:30Z,earnings,2025-04-20T12:00Z\n"
AGAIN = HEAD + "A,2025-05-08T20:30Z,earnings,2025-04-25T12:00Z,Q2,2025-05-02T12:00Z\n"


def counted(store: ParquetStore) -> list[int]:
    days = (dt.datetime(2025, 4, 10, tzinfo=dt.UTC) + dt.timedelta(days=n) for n in (0, 11, 17, 25))
    return [store.events("A", day).num_rows for day in days]


@pytest.mark.parametrize("texts", [[CALENDAR, WITHDRAWN], [CALENDAR, BARE], [CALENDAR, BARE, WITHDRAWN]])
def test_a_withdrawal_stays_whatever_the_order_of_the_files_and_commands(tmp_path: Path, texts: list[str]) -> None:
    (tmp_path / "files").mkdir()
    for n, order in enumerate(itertools.permutations(texts)):
        paths = []
        for k, text in enumerate(order):
            paths.append(str(tmp_path / "files" / f"{n}{k}.csv"))
            Path(paths[-1]).write_text(text)
        together, one_by_one = (ParquetStore(str(tmp_path / f"{kind}{n}")) for kind in ("together", "single"))
        import_events(together, paths)
        for path in (*paths, *paths):
            import_events(one_by_one, [path])
        assert counted(together) == counted(one_by_one) == [1, 0, 0, 0]


def test_a_withdrawal_makes_no_second_event_and_says_where_it_matches_none(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    found = [import_events(store, [events(tmp_path, text)]).unmatched for text in (BARE.replace("08T", "09T"), BARE)]
    assert found == [1, 1] and store.events("A").num_rows == 2
    store = ParquetStore(str(tmp_path / "other"))
    found = [import_events(store, [events(tmp_path, text)]).unmatched for text in (CALENDAR, BARE, BARE)]
    assert found == [0, 0, 0] and store.events("A").num_rows == 1


def test_two_withdrawn_events_keep_their_own_times_whatever_comes_later(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    other = "A,2025-05-08T20:30Z,earnings,2025-04-02T12:00Z,call,2025-05-01T12:00Z\n"
    for text in (WITHDRAWN + other, CALENDAR, WITHDRAWN + other):
        import_events(store, [events(tmp_path, text)])
        assert counted(store) == [2, 1, 1, 0]


def test_an_event_that_is_announced_again_counts_again(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    for text in (CALENDAR, BARE, AGAIN, CALENDAR, AGAIN):
        import_events(store, [events(tmp_path, text)])
    assert counted(store) == [1, 0, 1, 0]


def test_two_events_of_one_kind_at_one_time_are_two(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    path = events(tmp_path, "symbol,timestamp,kind,note\nA,2025-05-01T12:00Z,fda,one\nA,2025-05-01T12:00Z,fda,two\n")
    for _ in range(2):
        import_events(store, [path])
    assert store.read_table(Kind.EVENTS, "A", "events")["note"].to_pylist() == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("symbol,timestamp\nA,2025-01-01\n", "more than one: kind"),
        ("symbol,timestamp,kind,kind\nA,2025-01-01T12:00Z,x,y\n", "more than one: kind"),
        ("symbol,timestamp,kind\nA,2025-01-01T12:00Z,x\n,2025-01-01T12:00Z,x\n", "data row 2: column 'symbol'"),
        ("symbol,timestamp,kind\nA,,x\n", "data row 1: column 'timestamp'"),
        ("symbol,timestamp,kind\nA,2025-01-01T00:00:00Z,\n", "data row 1: column 'kind'"),
        ("symbol,timestamp,kind\nA,soon,x\n", "column 'timestamp'"),
        ("symbol,timestamp,kind,known_at\nA,2025-01-01T12:00Z,x,before\n", "column 'known_at'"),
        ("symbol,timestamp,kind\nB,2025-01-01T12:00Z,x\n../A,2025-01-01T12:00Z,x\n", "is no symbol"),
        ("symbol,timestamp,kind\nA,2025-01-01\n", "cannot be read"),
        ("", "cannot be read"),
    ],
)  # fmt: skip
def test_an_unusable_calendar_is_one_clear_line_and_nothing_is_stored(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        import_events(ParquetStore(str(tmp_path / "data")), [events(tmp_path, text)])
    assert "\n" not in caught.value.message
    assert not list((tmp_path / "data").rglob("*.parquet"))


def test_a_local_time_that_comes_twice_is_no_time(tmp_path: Path) -> None:
    path = events(tmp_path, "symbol,timestamp,kind\nA,2025-11-02 01:30:00,x\n")
    with pytest.raises(DataError, match="data row 1: column 'timestamp'"):
        import_events(ParquetStore(str(tmp_path / "data")), [path], "America/New_York")
