"""`daytrader reduce` leaves a file that sessions look for, until `--off`."""

from typer.testing import CliRunner

from daytrader_ray.adapters.journal import reduce_path
from daytrader_ray.adapters.session_lock import only_session
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
    assert f"{tmp_path}: no session runs on this machine" in reduce(tmp_path)
    with only_session(tmp_path, "2025-03-10"):
        assert f"{tmp_path}: the session of 2025-03-10 follows within seconds" in reduce(tmp_path)
    assert "no session runs on this machine" in reduce(tmp_path)


def test_the_command_stands_and_says_so_where_it_cannot_be_known_who_hears_it(tmp_path):
    (tmp_path / "journal" / "live.lock").mkdir(parents=True)
    said = reduce(tmp_path)
    assert reduce_path(tmp_path).exists()
    assert said.index("exits alone are allowed") < said.index("not known whether a session runs (Is a directory)")
