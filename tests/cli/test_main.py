"""The command line as a user meets it: help, wrong usage, and one clear line for what went wrong."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daytrader_ray.cli.main import COMMANDS


def daytrader(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None):
    import os

    root = str(Path(__file__).parents[2])
    environ = {**os.environ, "PYTHONPATH": root, **(env or {})}
    command = [sys.executable, "-m", "daytrader_ray.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=cwd, env=environ)


def only_line(done) -> str:
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def test_help_lists_every_command_without_loading_anything_heavy() -> None:
    code = (
        "import sys; sys.argv = ['daytrader', '--help']; from daytrader_ray.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('HEAVY', sorted(set(sys.modules) & {'ray', 'torch', 'pandas', 'numba', 'pyarrow', 'xgboost', 'numpy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "HEAVY []" in done.stdout
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_has_an_example(command: str) -> None:
    import importlib

    module = importlib.import_module(f"daytrader_ray.cli.{COMMANDS[command]}")
    assert f"Example: daytrader {command}" in module.command.__doc__


def test_an_unknown_option_is_wrong_usage() -> None:
    assert daytrader("search", "--nonsense").returncode == 2


def test_an_unknown_config_key_is_one_line_with_the_nearest_valid_key(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text("universe: {sectors: {Tech: [AAPL]}}\nkernel: {max_gros: 1.0}\n", encoding="utf-8")
    done = daytrader("features", "--profile", str(profile), "--data", str(tmp_path / "data"))
    assert "mine.yaml: unknown key 'kernel.max_gros'" in only_line(done)
    assert "hint: did you mean 'kernel.max_gross'?" in done.stderr


def test_a_csv_without_a_close_column_is_one_line_that_names_file_and_column(tmp_path: Path) -> None:
    bars = tmp_path / "AAPL.csv"
    bars.write_text("timestamp,open,high,low,volume\n2025-12-02T14:30:00Z,1,1,1,1\n", encoding="utf-8")
    line = only_line(daytrader("import", str(bars), "--data", str(tmp_path / "data")))
    assert "AAPL.csv" in line
    assert "close" in line


def test_a_busy_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert str(port) in only_line(daytrader("sandbox", "--port", str(port)))


def test_a_dead_sandbox_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    done = daytrader("download", "--data", str(tmp_path), env={"DAYTRADER__SANDBOX__URL": url})
    assert url in only_line(done)


def test_a_folder_that_the_demo_did_not_make_is_never_emptied(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("three years", encoding="utf-8")
    assert "not made by the demo" in only_line(daytrader("demo", "--data", str(tmp_path)))
    assert precious.read_text(encoding="utf-8") == "three years"


def test_live_money_is_refused() -> None:
    assert "live" in only_line(daytrader("live", "--profile", "live"))
