import datetime as dt
import os

import fsspec
import pytest

from daytrader_ray.adapters.journal import FileJournal, has_ended, journal_path, open_journal, read, start_of
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase, Reason

DAY = dt.date(2025, 12, 2)
ORDER = Order(DAY, 4, "AAPL", OrderKind.STOP, -1, 10, 99.5, Reason.PROTECT, "run-stop")
FILL = Fill(DAY, 5, Phase.INTRABAR, "AAPL", OrderKind.STOP, -1, 10, 99.4812, 0.02, "run-stop")


def test_the_journal_holds_orders_fills_and_notes_in_order(tmp_path):
    path = journal_path(tmp_path, DAY, "live")
    with FileJournal(path) as journal:
        journal.order(ORDER)
        journal.fill(FILL)
        journal.note("alarm", {"difference_usd": 0.02})
    records = read(path)
    assert [record["kind"] for record in records] == ["order", "fill", "alarm"]
    assert records[0]["stop_price"] == 99.5
    assert records[1]["phase"] == "B"
    assert records[1]["price"] == 99.4812


def test_an_order_is_synced_to_disk_before_the_call_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    journal = FileJournal(tmp_path / "x.jsonl")
    journal.order(ORDER)
    assert synced == [journal.path.stat().st_size] and synced[0] > 0
    journal.close()


def test_a_journal_is_continued_and_a_line_cut_by_a_crash_is_left_out(tmp_path):
    with FileJournal(tmp_path / "x.jsonl") as journal:
        journal.order(ORDER)
    with FileJournal(tmp_path / "x.jsonl") as journal:
        journal.fill(FILL)
    with journal.path.open("ab") as file:
        file.write(b'{"kind":"or')
    assert [record["kind"] for record in read(journal.path)] == ["order", "fill"]


def test_what_a_crash_left_of_a_line_is_noted_when_the_journal_goes_on_and_it_can_be_read(tmp_path):
    path = tmp_path / "x.jsonl"
    with FileJournal(path) as journal:
        journal.order(ORDER)
    with path.open("ab") as file:
        file.write(b'{"kind":"mark","pe')
    with FileJournal(path) as journal:
        journal.fill(FILL)
    assert [record["kind"] for record in read(path)] == ["order", "torn", "fill"]
    assert read(path)[1]["text"] == '{"kind":"mark","pe'


def test_a_line_that_is_none_is_named(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"kind":"open"}\n{"kind":"mark","pe{"kind":"open"}\n')
    with pytest.raises(DataError, match=r"x\.jsonl, line 2: expected a JSON object, found"):
        read(path)


@pytest.mark.parametrize(
    ("close", "said"),
    [
        (
            {"cash": 1.0, "carried": {"AAPL": {"qty": 3, "entry_price": 1.0, "stop_price": 1.0, "atr": 1.0}}},
            "carried of AAPL in close: expected qty, entry_price, stop_price, atr, mark, "
            "found qty, entry_price, stop_price, atr; no mark",
        ),
        ({"cash": 1.0}, "close: expected cash, carried, found kind, cash; no carried"),
    ],
)
def test_a_key_that_is_missing_in_the_journal_before_is_named_with_its_file(tmp_path, close, said):
    with open_journal(str(tmp_path), DAY, "live") as journal:
        journal.note("mark", {"peak": 2.0, "start_equity": 1.0, "state": 0})
        journal.note("close", close)
    with pytest.raises(DataError) as failure:
        start_of(tmp_path, DAY + dt.timedelta(days=1), "live", 1.0)
    assert str(failure.value) == f"{journal.path}, {said}"


def test_a_session_has_ended_when_the_last_it_told_of_itself_is_its_close(tmp_path):
    assert not has_ended(tmp_path, DAY, "live")
    with open_journal(str(tmp_path), DAY, "live") as journal:
        for kind, ended in (("open", False), ("aborted", False), ("open", False), ("close", True), ("feed", True)):
            journal.note(kind, {})
            assert has_ended(tmp_path, DAY, "live") == ended


def test_a_line_that_the_disk_takes_in_part_is_taken_back_and_an_error(tmp_path):
    journal = FileJournal(tmp_path / "x.jsonl")
    journal.order(ORDER)
    whole, file = journal.path.read_bytes(), journal._file

    class Full:
        def __getattr__(self, name):
            return getattr(file, name)

        def write(self, line):
            return file.write(line[:7])

    journal._file = Full()
    with pytest.raises(OSError, match="could not be written whole"):
        journal.fill(FILL)
    assert journal.path.read_bytes() == whole
    journal.close()


def test_a_rehearsal_begins_a_fresh_journal(tmp_path):
    for _ in range(2):
        with FileJournal(tmp_path / "x.jsonl", fresh=True) as journal:
            journal.order(ORDER)
    assert len(read(journal.path)) == 1


def test_a_journal_of_a_url_is_appended_here_and_left_there_on_close(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    root, place = "memory://journals", "/journals/journal/2025-12-02/live.jsonl"
    with open_journal(root, DAY, "live") as journal:
        journal.order(ORDER)
        assert journal.path == journal_path(root, DAY, "live")
        assert journal.path.is_relative_to(tmp_path)
        assert not fsspec.filesystem("memory").exists(place)
    assert fsspec.filesystem("memory").cat_file(place) == journal.path.read_bytes()
    with open_journal(str(tmp_path), DAY, "live") as journal:
        assert journal.path == tmp_path / "journal/2025-12-02/live.jsonl"
