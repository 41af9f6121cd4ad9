import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from daytrader_ray.cli.import_cmd import command
from daytrader_ray.domain.errors import DataError

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
    assert counts == {"files": 1, "rows": 2, "accepted": 1, "quarantined": 1, "symbols": 1}


def test_without_json_it_says_so_in_words(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text("timestamp,open,high,low,close,volume\n" + ROW)
    result = CliRunner().invoke(app, [str(tmp_path / "AAPL.csv"), "--data", str(tmp_path / "data")])
    assert "1 bars of 1 symbols from 1 files" in result.stdout


def test_a_csv_without_close_is_a_named_error(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text("timestamp,open,high,low,volume\n1741012200000,1,1,1,1\n")
    result = CliRunner().invoke(app, [str(tmp_path / "AAPL.csv"), "--data", str(tmp_path / "data")])
    assert isinstance(result.exception, DataError)
    assert "no column 'close'" in result.exception.message
    assert not (tmp_path / "data").exists()
