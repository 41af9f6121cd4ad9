"""A download and a compaction cut off before any one of their writes, and one killed by a signal, gone on with.

`bench download.sigkill` does the same with the command.
"""

import datetime as dt
import itertools
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daytrader_ray.adapters import atomic
from daytrader_ray.adapters.compaction import compact
from daytrader_ray.adapters.folder import Folder
from daytrader_ray.adapters.polygon_rest import client
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.fetch import done
from daytrader_ray.cluster.ingest import DownloadRequest, plan
from tests.adapters.test_compaction import DAY, LATE, bars, row, write
from tests.adapters.vendor import Vendor, serving

WORKER = """
import datetime as dt, sys
from daytrader_ray.adapters.polygon_rest import client
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.fetch import done
from daytrader_ray.cluster.ingest import DownloadRequest, plan
url, root = sys.argv[1:]
request = DownloadRequest(url, "secret", root, ("AAPL", "I:VIX"), dt.date(2025, 10, 6), dt.date(2025, 12, 1))
store = ParquetStore(root)
store.claim("a market")
print("began", flush=True)
for item in (item for stage in plan(store, request) for item in stage):
    done(item, client(url, "secret"), store)
"""
SEED = 5


class Cut(BaseException):
    """The end of a process, as far as code can see it."""


def cut_before(patch: pytest.MonkeyPatch, write: int) -> None:
    """Let the process end before it writes or removes a file for the `write`-th time."""
    left = itertools.count(write, -1)

    def guarded(function: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            if next(left) == 0:
                raise Cut
            function(*arguments)

        return call

    patch.setattr(atomic, "_write_local", guarded(atomic._write_local))
    patch.setattr(Folder, "remove", guarded(Folder.remove))


def cut_everywhere(run: Callable[[Path], None], prepare: Callable[[Path], None], tmp_path: Path) -> int:
    """Cut `run` before each of its writes and run it again: the same files; return how often it was cut."""
    prepare(tmp_path / "whole")
    run(tmp_path / "whole")
    for cuts in itertools.count():
        root = tmp_path / str(cuts)
        prepare(root)
        with pytest.MonkeyPatch.context() as patch:
            cut_before(patch, cuts)
            try:
                run(root)
            except Cut:
                pass
            else:
                return cuts
        run(root)
        assert seen(root) == seen(tmp_path / "whole"), f"cut before write {cuts}"
    raise AssertionError


def seen(root: Path) -> dict[str, bytes]:
    """Return all that a reader of the store finds: what is hidden are locks and leftovers of writes."""
    files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not f"/{name}".count("/.")}


def test_a_download_cut_off_before_any_write_goes_on_to_the_same_files(tmp_path: Path) -> None:
    with serving(Vendor()) as vendor:
        vendor.tables["splits"] = [{"execution_date": "2020-08-31", "split_from": 1, "split_to": 4}]
        vendor.tables["quotes"] = []

        def run(root: Path) -> None:
            store = ParquetStore(str(root))
            store.claim("a market")
            days = dt.date(2025, 11, 26), dt.date(2025, 12, 1)
            request = DownloadRequest(vendor.url, "secret", str(root), ("AAPL",), *days, ("AAPL",))
            for item in (item for stage in plan(store, request) for item in stage):
                done(item, client(vendor.url, "secret"), store, LATE)

        cuts = cut_everywhere(run, lambda root: None, tmp_path)
    assert cuts > 15


def test_a_compaction_cut_off_before_any_write_goes_on_to_the_same_files(tmp_path: Path) -> None:
    revised = row("AAPL", 0, 10.7, "revised", LATE)
    impossible = row("AAPL", 3, offer="invalid", high=1.0)

    def prepare(root: Path) -> None:
        write(root, bars(row("AAPL", 0), row("SPY", 0)), bars(revised, impossible))

    def run(root: Path) -> None:
        compact(ParquetStore(str(root)), root, "buffer", DAY)

    assert cut_everywhere(run, prepare, tmp_path) >= 4
    assert ParquetStore(str(tmp_path / "whole")).bars("AAPL").num_rows == 1


def start(url: str, root: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen([sys.executable, "-c", WORKER, url, str(root)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "began\n"
    return child


def test_a_killed_download_goes_on_to_the_same_files(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    with serving(Vendor()) as vendor:
        with start(vendor.url, tmp_path / "whole") as child:
            began = time.monotonic()
            assert child.wait() == 0
        whole = time.monotonic() - began
        with start(vendor.url, tmp_path / "killed") as child:
            time.sleep(rng.uniform(0.1, 0.6) * whole)
            child.kill()
        with start(vendor.url, tmp_path / "killed") as child:
            assert child.wait() == 0
    assert seen(tmp_path / "killed") == seen(tmp_path / "whole")
    assert ParquetStore(str(tmp_path / "whole")).symbols() == ("AAPL", "I:VIX")
