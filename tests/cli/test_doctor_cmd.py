"""`daytrader doctor` as a user runs it: healthy on the built-in exchange, and one line for each fault."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
SECRET = "do-not-show-me"


def doctor(*arguments: str, **environ: str) -> tuple[int, dict[str, dict[str, str]], str]:
    command = [sys.executable, "-m", "daytrader_ray.cli", "doctor", "--json", *arguments]
    env = {**os.environ, "PYTHONPATH": ROOT, **environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env)
    assert "Traceback" not in done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, {finding["name"]: finding for finding in said["findings"]}, done.stdout + done.stderr


def test_the_sandbox_profile_is_healthy_and_needs_no_keys(tmp_path: Path) -> None:
    code, found, _ = doctor(DAYTRADER_DATA=str(tmp_path))
    assert code == 0
    assert found["built-in exchange"]["state"] == found["its stream"]["state"] == "ok"
    assert found["built-in exchange clock"]["state"] == "ok"


def test_faults_are_named_with_what_to_do_and_keys_are_never_shown(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "universe: {sectors: {Tech: [AAPL]}}\n"
        "polygon: {url: 'http://127.0.0.1:9', stream_url: 'ws://127.0.0.1:9/stocks'}\n"
        "alpaca: {url: 'http://127.0.0.1:9', stream_url: 'ws://127.0.0.1:9/stream'}\n",
        encoding="utf-8",
    )
    code, found, said = doctor("--profile", str(profile), "--data", str(tmp_path), POLYGON_API_KEY=SECRET)
    assert code == 1
    assert found["key POLYGON_API_KEY"]["found"] == "set"
    assert found["key ALPACA_API_KEY"]["todo"] == "export ALPACA_API_KEY=..."
    assert {found[name]["state"] for name in ("polygon", "polygon stream", "alpaca", "alpaca stream")} == {"fail"}
    assert all(finding["todo"] for finding in found.values() if finding["state"] == "fail")
    assert SECRET not in said


def test_a_broken_file_of_the_store_is_one_finding_and_all_others_stay(tmp_path: Path) -> None:
    month = tmp_path / "historical" / "minute_bars" / "symbol=AAPL" / "2025-03.parquet"
    month.parent.mkdir(parents=True)
    month.write_bytes(b"PAR1 no more")
    code, found, _ = doctor("--data", str(tmp_path))
    assert code == 1
    assert "2025-03.parquet" in found["store"]["found"]
    assert found["built-in exchange"]["state"] == "ok"
