"""A download killed at random points and gone on with; `bench download.sigkill` does the same with the command."""

import random
import subprocess
import sys
import time
from pathlib import Path

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.process import running

WORKER = """
import datetime as dt, sys
from daytrader_ray.adapters.polygon_rest import client
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.fetch import done
from daytrader_ray.cluster.ingest import DownloadRequest, plan
url, root = sys.argv[1:]
request = DownloadRequest(url, "k", root, ("AAPL", "I:VIX", "SPY"), dt.date(2025, 10, 6), dt.date(2025, 12, 1))
store = ParquetStore(root)
store.claim("a market")
print("began", flush=True)
for item in (item for stage in plan(store, request) for item in stage):
    done(item, client(url, "k"), store)
"""
SEED = 5


def start(url: str, root: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen([sys.executable, "-c", WORKER, url, str(root)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "began\n"
    return child


def seen(root: Path) -> dict[str, bytes]:
    """Return all that a reader of the store finds: hidden files are leftovers of a write that was cut off."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_a_killed_download_goes_on_to_the_same_files(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    with running(SandboxConfig(), CostConfig()) as url:
        with start(url, tmp_path / "whole") as child:
            began = time.monotonic()
            assert child.wait() == 0
        whole = time.monotonic() - began
        for _ in range(3):
            with start(url, tmp_path / "killed") as child:
                time.sleep(rng.uniform(0.05, 0.3) * whole)
                child.kill()
        with start(url, tmp_path / "killed") as child:
            assert child.wait() == 0
    assert seen(tmp_path / "killed") == seen(tmp_path / "whole")
    assert ParquetStore(str(tmp_path / "whole")).symbols() == ("AAPL", "I:VIX", "SPY")
