"""The scripts in jobs/, started as a user starts them."""

import datetime as dt
import json
import runpy
import sys
from pathlib import Path

import pytest

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.job import run
from daytrader_ray.domain.errors import DataError

JOBS = Path(__file__).resolve().parents[2] / "jobs"


def wrapped() -> dict[str, int]:
    try:
        raise DataError("no bars", "download some")
    except DataError as error:
        raise RuntimeError("a task failed") from error


def test_a_named_error_is_one_line_and_a_hint_however_deep_it_lies(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(wrapped)
    assert caught.value.code == "error: no bars\nhint: download some"
    run(lambda: {"orders": 3})
    assert json.loads(capsys.readouterr().out) == {"orders": 3}


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: {"orders": 1 // 0})


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # Ray's own imports
@pytest.mark.parametrize("script", sorted(path.name for path in JOBS.glob("*.py")))
def test_every_job_explains_itself(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(JOBS / script), run_name="__main__")
    assert caught.value.code == 0
    assert f"ray job submit -- python jobs/{script}" in capsys.readouterr().out


@pytest.mark.ray
def test_a_download_job_asks_for_complete_days_only_and_starts_the_built_in_exchange(
    ray_cluster: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAYTRADER__SANDBOX__N_SESSIONS", "2")
    monkeypatch.setenv("DAYTRADER__UNIVERSE__SECTORS", "{Technology: [AAPL]}")
    monkeypatch.setenv("DAYTRADER__UNIVERSE__REFERENCES", "[]")
    monkeypatch.setenv("DAYTRADER__UNIVERSE__PROXIES", "{}")
    monkeypatch.setenv("DAYTRADER__UNIVERSE__PINNED", "[AAPL]")
    monkeypatch.setenv("DAYTRADER__PORTFOLIO", "{}")  # no hedges without references
    monkeypatch.setattr(
        sys, "argv", ["download.py", "--profile", "sandbox", "--data", str(tmp_path), "--end", "2025-10-31"]
    )
    runpy.run_path(str(JOBS / "download.py"), run_name="__main__")
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (done["start"], done["end"], done["months"]) == ("2025-10-06", "2025-10-07", 1)
    assert not ParquetStore(str(tmp_path)).is_downloaded("AAPL", dt.date(2025, 10, 6), dt.date(2025, 10, 8))
