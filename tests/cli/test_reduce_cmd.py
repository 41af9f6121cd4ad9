"""`daytrader reduce` leaves a file that sessions look for, until `--off`."""

import datetime as dt

from typer.testing import CliRunner

from daytrader_ray.adapters.journal import open_journal, reduce_path
from daytrader_ray.cli.main import build


def reduce(root, *arguments):
    done = CliRunner().invoke(build(), ["reduce", "--data", str(root), *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_stands_until_it_is_taken_back_and_says_where(tmp_path):
    for arguments, stands in (((), True), ((), True), (("--off",), False), (("--off",), False)):
        assert str(reduce_path(tmp_path)) in reduce(tmp_path, *arguments)
        assert reduce_path(tmp_path).exists() == stands


def test_the_command_says_whether_a_session_of_that_root_hears_it(tmp_path):
    assert f"{tmp_path}: no session is under way" in reduce(tmp_path)
    with open_journal(str(tmp_path), dt.date(2025, 3, 10), "live") as journal:
        journal.note("open", {})
        assert f"{tmp_path}: the session of 2025-03-10, which has told no end" in reduce(tmp_path)
        journal.note("close", {})
        journal.note("feed", {})
    assert "no session is under way" in reduce(tmp_path)
