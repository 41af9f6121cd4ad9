"""`daytrader reduce` leaves a file that sessions look for, until `--off`."""

from typer.testing import CliRunner

from daytrader_ray.adapters.journal import reduce_path
from daytrader_ray.cli.main import build


def test_the_command_stands_until_it_is_taken_back(tmp_path):
    for arguments, stands in (((), True), ((), True), (("--off",), False), (("--off",), False)):
        done = CliRunner().invoke(build(), ["reduce", "--data", str(tmp_path), *arguments])
        assert done.exit_code == 0, done.output
        assert reduce_path(tmp_path).exists() == stands
