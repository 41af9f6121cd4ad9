"""The README's cluster commands, typed as a user types them: `ray start`, `ray job submit`, `serve deploy`."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from daytrader_ray.domain.trading import MEMBERS, WINDOW_ROWS
from tests.e2e.conftest import SYMBOLS

pytestmark = [pytest.mark.ray, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SECONDS = 150


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(day) -> Iterator[dict[str, str]]:
    """A head node with its dashboard on loopback; ended by its process group."""
    folder = tempfile.mkdtemp(prefix="ray-")  # short: Ray puts sockets in it
    port, dashboard = free_port(), free_port()
    environ = {
        **os.environ,
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(ROOT),
        "DAYTRADER_DATA": day.root,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1,127.0.0.2,localhost",
        "RAY_DASHBOARD_ADDRESS": f"http://127.0.0.1:{dashboard}",
    }
    environ.pop("RAY_ADDRESS", None)
    command = [str(BIN / "ray"), "start", "--head", "--block", "--node-ip-address", "127.0.0.2", "--num-cpus", "2"]
    command += ["--port", str(port), "--dashboard-host", "127.0.0.1", "--dashboard-port", str(dashboard)]
    command += ["--dashboard-agent-listen-port", str(free_port())]  # another Ray of this test run has the usual one
    command += ["--object-store-memory", str(256 * 2**20), "--temp-dir", folder]
    head = subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        await_answer(f"http://127.0.0.1:{dashboard}/api/version")
        yield environ
    finally:
        os.killpg(head.pid, signal.SIGTERM)
        try:
            head.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(head.pid, signal.SIGKILL)
            head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def await_answer(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with opener.open(url, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def submitted(cluster: dict[str, str], script: str, *arguments: str) -> str:
    """Submit a job and return what it printed; it must succeed."""
    variables = {name: cluster[name] for name in ("DAYTRADER_DATA", "PYTHONPATH", "RAY_AUTH_MODE")}
    command = [str(BIN / "ray"), "job", "submit", "--runtime-env-json", json.dumps({"env_vars": variables}), "--"]
    command += [sys.executable, str(ROOT / "jobs" / script), "--profile", "sandbox", *arguments]
    environ = {**cluster, "RAY_ADDRESS": cluster["RAY_DASHBOARD_ADDRESS"]}
    deadline = time.monotonic() + SECONDS
    while True:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=SECONDS)
        if "No available agent" not in done.stderr or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout


def last_json(output: str) -> dict[str, object]:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return dict(json.loads(lines[-1]))


def test_the_search_and_the_backtest_run_as_submitted_jobs(cluster: dict[str, str], day) -> None:
    symbols = ("--symbols", ",".join(SYMBOLS))
    spans = ("--train", "6s", "--test", "2s", "--step", "2s")
    found = last_json(submitted(cluster, "search.py", *symbols, *spans))
    assert found["ensembles"] == 2 ** len(MEMBERS) and found["fits"] == found["fits_run"] == len(MEMBERS)
    traded = last_json(submitted(cluster, "backtest.py", *symbols, "--bundle", day.bundle_id))
    assert traded["sessions"] == [str(day.session), str(day.session)] and traded["fills"]


def test_serve_deploy_answers_one_request(cluster: dict[str, str], day, tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text(encoding="utf-8"))
    port = config["http_options"]["port"] = free_port()
    config["applications"][0]["args"]["member_seconds"] = 30.0
    path = tmp_path / "serve_config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [str(BIN / "serve"), "deploy", str(path), "--address", cluster["RAY_DASHBOARD_ADDRESS"]]
    done = subprocess.run(command, env=cluster, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    url = f"http://127.0.0.1:{port}/"
    described = json.loads(await_answer(url))
    assert described["bundle"] == day.bundle_id and described["members"] == list(MEMBERS)
    windows = np.zeros((2, WINDOW_ROWS, len(described["features"])))
    request = urllib.request.Request(url, json.dumps({"windows": windows.tolist()}).encode(), method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        scores = json.loads(answer.read())["scores"]
    assert np.array(scores, dtype=float).shape == (2, 5)
