import datetime as dt
import gzip
import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.import_cmd import command
from daytrader_ray.domain.errors import ConfigError, DataError

ROW = "1741012200000,10,11,9,10,5\n"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(command)
    return app


def test_the_last_line_is_one_json_object(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text("timestamp,open,high,low,close,volume\n" + ROW + ROW)
    result = CliRunner().invoke(app, [str(tmp_path / "AAPL.csv"), "--data", str(tmp_path / "data"), "--json"])
    assert result.exit_code == 0
    counts = json.loads(result.stdout.splitlines()[-1])
    assert counts == {
        "files": 1, "complete": 0, "rows": 2, "accepted": 1, "quarantined": 1, "extended_hours": 0, "symbols": 1
    }  # fmt: skip


def test_without_json_it_says_so_in_words(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text("timestamp,open,high,low,close,volume\n" + ROW + ROW)
    result = CliRunner().invoke(app, [str(tmp_path / "AAPL.csv"), "--data", str(tmp_path / "data")])
    assert "1 bars of 1 symbols from 1 files" in result.stdout
    assert "1 rows in quarantine (duplicate_stamp 1), 0 of extended hours left out" in result.stdout


def test_a_csv_without_close_is_a_named_error(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text("timestamp,open,high,low,volume\n1741012200000,1,1,1,1\n")
    result = CliRunner().invoke(app, [str(tmp_path / "AAPL.csv"), "--data", str(tmp_path / "data")])
    assert isinstance(result.exception, DataError)
    assert "no column 'close'" in result.exception.message
    assert not (tmp_path / "data").exists()


def run(app: typer.Typer, tmp_path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, [*options, "--data", str(tmp_path / "data"), "--json"])


def test_a_corrected_file_does_not_change_what_was_known(app: typer.Typer, tmp_path: Path) -> None:
    for close in ("10", "10.5"):
        (tmp_path / "AAPL.csv").write_text(f"timestamp,open,high,low,close,volume\n1741012200000,10,11,9,{close},5\n")
        assert run(app, tmp_path, str(tmp_path / "AAPL.csv")).exit_code == 0
    store, end = ParquetStore(str(tmp_path / "data")), dt.datetime(2025, 3, 3, 14, 31, tzinfo=dt.UTC)
    assert store.bars("AAPL", known_at=end)["close"].to_pylist() == [10.0]
    assert store.bars("AAPL")["close"].to_pylist() == [10.5]


def test_columns_zone_and_stamps_are_read_as_the_options_say(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text(
        "when,open,high,low,last,vol\n2025-03-03 09:35:00,10,11,9,10,5\n2025-03-03 16:00:00,10,11,9,10,5\n"
    )
    names = ["--map", "timestamp=when", "--map", "close=last", "--map", "volume=vol"]
    how = ["--tz", "America/New_York", "--stamp", "end", "--bar-minutes", "5"]
    result = run(app, tmp_path, str(tmp_path / "AAPL.csv"), *names, *how)
    assert json.loads(result.stdout.splitlines()[-1])["accepted"] == 2
    store = ParquetStore(str(tmp_path / "data"))
    assert store.bar_minutes == 5
    starts = [f"{stamp:%H:%M}" for stamp in store.bars("AAPL")["timestamp"].to_pylist()]
    assert starts == ["14:30", "20:55"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--map", "close"], "expected OURS=YOURS"),
        (["--map", "clse=last"], "no column of a bar: clse"),
        (["--tz", "Mars/Base"], "unknown time zone 'Mars/Base'"),
        (["--bar-minutes", "7"], "1 or 5 minutes"),
        (["--flat-files", "--events"], "stand alone"),
        (["--flat-files", "--stamp", "end"], "stand alone"),
        (["--actions", "--tz", "UTC"], "stand alone"),
        (["--events", "--bar-minutes", "5"], "only --tz"),
    ],
)
def test_options_that_make_no_sense_are_named(app: typer.Typer, tmp_path: Path, options: list[str], words: str) -> None:
    result = run(app, tmp_path, "x.csv", *options)
    assert isinstance(result.exception, ConfigError)
    assert words in result.exception.message
    assert not (tmp_path / "data").exists()


def test_flat_files_keep_the_universe_of_the_profile(app: typer.Typer, tmp_path: Path) -> None:
    folder = tmp_path / "2025" / "03"
    folder.mkdir(parents=True)
    start = 1741012200000000000
    rows = "".join(f"{symbol},5,10,10,11,9,{start},3\n" for symbol in ("A", "AAPL", "ZZZZ"))
    text = "ticker,volume,open,close,high,low,window_start,transactions\n" + rows
    (folder / "2025-03-03.csv.gz").write_bytes(gzip.compress(text.encode()))
    result = run(app, tmp_path, "--flat-files", str(tmp_path / "2025"), "--profile", "paper")
    counts = json.loads(result.stdout.splitlines()[-1])
    assert (counts["files"], counts["accepted"], counts["symbols"]) == (1, 1, 1)
    store = ParquetStore(str(tmp_path / "data"))
    assert (store.symbols(), store.market()) == (("AAPL",), "api.polygon.io")
    again = run(app, tmp_path, "--flat-files", str(tmp_path / "2025"), "--profile", "paper")
    counts = json.loads(again.stdout.splitlines()[-1])
    assert (counts["files"], counts["complete"]) == (0, 1)
    words = ["--flat-files", str(tmp_path / "2025"), "--profile", "paper", "--data", str(tmp_path / "data")]
    assert "1 of 1 days were already complete" in CliRunner().invoke(app, words).stdout


def test_a_split_that_nobody_told_of_is_told_with_actions_and_then_its_bars_come(
    app: typer.Typer, tmp_path: Path
) -> None:
    rows = "".join(f"2025-03-0{day} 09:3{at},{p},{p},{p},{p},{at}\n" for day, p in ((3, 70), (4, 10)) for at in (1, 2))
    (tmp_path / "A.csv").write_text("timestamp,open,high,low,close,volume\n" + rows)
    (tmp_path / "actions.csv").write_text("symbol,date,split_from,split_to,cash_amount\nA,2025-03-04,1,7,\n")
    bars = [str(tmp_path / "A.csv"), "--tz", "America/New_York"]
    words = CliRunner().invoke(app, [*bars, "--data", str(tmp_path / "data")]).stdout
    assert "2 rows in quarantine (unexplained_split 2)" in words and "--actions FILE.csv" in words
    told = run(app, tmp_path, "--actions", str(tmp_path / "actions.csv"))
    assert json.loads(told.stdout.splitlines()[-1]) == {"files": 1, "splits": 1, "dividends": 0, "symbols": 1}
    again = json.loads(run(app, tmp_path, *bars).stdout.splitlines()[-1])
    assert (again["accepted"], again["quarantined"]) == (4, 0)


def test_events_are_kept_by_symbol(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        "symbol,timestamp,kind\naapl,2025-05-01T16:30:00,earnings\nMRNA,2025-06-01T12:00:00,fda\n"
    )
    result = run(app, tmp_path, "--events", str(tmp_path / "events.csv"), "--tz", "America/New_York")
    assert json.loads(result.stdout.splitlines()[-1]) == {
        "files": 1,
        "events": 2,
        "unannounced": 2,
        "unmatched": 0,
        "symbols": 2,
    }
    events = ParquetStore(str(tmp_path / "data")).events("AAPL", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert [f"{stamp:%H:%M}" for stamp in events["timestamp"].to_pylist()] == ["20:30"]


def test_how_many_events_block_nothing_before_they_happen_is_said(app: typer.Typer, tmp_path: Path) -> None:
    late = "AAPL,2025-05-01T20:30Z,earnings,2025-04-01T12:00Z\nAAPL,2025-06-01T12:00Z,fda,\n"
    (tmp_path / "events.csv").write_text("symbol,timestamp,kind,known_at\n" + late)
    words = ["--events", str(tmp_path / "events.csv"), "--data", str(tmp_path / "data")]
    told = " ".join(CliRunner().invoke(app, words).stdout.split())
    assert "1 are known only when they happen: nothing is blocked before (column known_at)" in told


def test_an_event_that_moved_is_withdrawn_by_its_row_and_the_new_one_counts(app: typer.Typer, tmp_path: Path) -> None:
    head, old = "symbol,timestamp,kind,known_at,withdrawn_at\n", "AAPL,2025-05-01T20:30Z,earnings,2025-04-01T12:00Z,"
    moved = "2025-04-20T12:00Z\nAAPL,2025-05-08T20:30Z,earnings,2025-04-20T12:00Z,\n"
    for text in (head + old + "\n", head + old + moved):
        (tmp_path / "events.csv").write_text(text)
        assert run(app, tmp_path, "--events", str(tmp_path / "events.csv")).exit_code == 0
    store = ParquetStore(str(tmp_path / "data"))
    days = (dt.datetime(2025, 4, day, tzinfo=dt.UTC) for day in (19, 21))
    assert [[at.day for at in store.events("AAPL", day)["timestamp"].to_pylist()] for day in days] == [[1], [8]]


def test_withdrawals_that_match_no_event_are_counted_and_said(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        "symbol,timestamp,kind,withdrawn_at\nAAPL,2025-05-01T20:30Z,earnings,2025-04-20T12:00Z\n"
    )
    words = ["--events", str(tmp_path / "events.csv"), "--data", str(tmp_path / "data")]
    told = " ".join(CliRunner().invoke(app, words).stdout.split())
    assert "1 withdrawals match no event that was there (symbol, timestamp, kind)" in told and "only when" not in told
    assert json.loads(run(app, tmp_path, *words[:2]).stdout.splitlines()[-1])["unmatched"] == 0
