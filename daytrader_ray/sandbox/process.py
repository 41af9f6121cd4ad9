"""The exchange in a process of its own: started on a free port, ended by pid however the block ends."""

import json
import os
import selectors
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.sandbox.config import SandboxConfig

START_SECONDS = 60.0
END_SECONDS = 5.0
ANSWER_SECONDS = 5.0


@contextmanager
def running(config: SandboxConfig, costs: CostConfig) -> Iterator[str]:
    """Yield the `http://` address of an exchange: the one at `config.url`, else one that lives as long as the block.

    The child also ends when this process is killed, because it watches its stdin.
    """
    if config.url is not None:
        yield connect(config.url)
        return
    child = _start(config, costs)
    try:
        yield f"http://127.0.0.1:{_port(child)}"
    finally:
        _end(child)


def connect(url: str) -> str:
    """Return the address of a running exchange; a `FeedError` where none answers."""
    address = url.rstrip("/")
    hint = "start one with `daytrader sandbox`, or leave sandbox.url empty to have one started"
    try:
        options(address)
    except urllib.error.HTTPError as error:
        raise FeedError(f"{address}: something answers with {error.code}, but it is no sandbox", hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise FeedError(f"no sandbox answers at {address}: {reason}", hint) from None
    return address


def options(url: str) -> SandboxConfig:
    """Return the options of the exchange at `url`; OSError, ValueError or ConfigError where there is none."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{url.rstrip('/')}/_sandbox/info", timeout=ANSWER_SECONDS) as answer:
        return SandboxConfig.parse(json.loads(answer.read()), url)


def _start(config: SandboxConfig, costs: CostConfig) -> "subprocess.Popen[str]":
    package_root = str(Path(__file__).resolve().parents[2])
    paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "daytrader_ray.sandbox", "--port", "0", "--until-eof"]
    command += ["--config-json", config.model_dump_json(), "--costs-json", costs.model_dump_json()]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )


def _port(child: "subprocess.Popen[str]") -> int:
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        line = child.stdout.readline() if selector.select(START_SECONDS) else ""
    if not line:
        raise FeedError("the sandbox did not start", "`python -m daytrader_ray.sandbox` shows why")
    return int(json.loads(line)["port"])


def _end(child: "subprocess.Popen[str]") -> None:
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
