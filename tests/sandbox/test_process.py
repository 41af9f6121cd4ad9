"""The exchange's process starts on a free port, and ends with the block and with its parent."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.sandbox import process
from daytrader_ray.sandbox.config import SandboxConfig

CONFIG = SandboxConfig(n_sessions=1)


def alive(url: str) -> bool:
    try:
        process.connect(url)
    except FeedError:
        return False
    return True


def test_it_lives_as_long_as_the_block_also_when_that_fails() -> None:
    with contextlib.suppress(KeyboardInterrupt), process.running(CONFIG, CostConfig()) as url:
        assert url.startswith("http://127.0.0.1:") and alive(url)
        with process.running(CONFIG.model_copy(update={"url": url}), CostConfig()) as same:
            assert same == url
        assert alive(url)
        raise KeyboardInterrupt
    assert not alive(url)


def test_it_ends_when_its_parent_is_killed() -> None:
    code = (
        "import time; from daytrader_ray.domain.costs import CostConfig\n"
        "from daytrader_ray.sandbox.config import SandboxConfig\n"
        "from daytrader_ray.sandbox.process import running\n"
        "with running(SandboxConfig(n_sessions=1), CostConfig()) as url:\n"
        "    print(url, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    assert alive(url)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while alive(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(url)


def test_a_busy_port_is_one_clear_line_and_exit_code_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "daytrader_ray.sandbox", "--port", str(port), "--config-json", '{"n_sessions": 1}'],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"error: port {port} on 127.0.0.1 cannot be used: Address already in use")
    assert len(done.stderr.splitlines()) == 1


def test_a_misspelt_option_is_one_clear_line() -> None:
    command = [sys.executable, "-m", "daytrader_ray.sandbox", "--config-json", json.dumps({"sead": 1})]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "unknown key 'sead'" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_dead_sandbox_is_a_named_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FeedError, match=f"no sandbox answers at http://127.0.0.1:{port}") as error:
        process.connect(f"http://127.0.0.1:{port}/")
    assert "daytrader sandbox" in error.value.hint
