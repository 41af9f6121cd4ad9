"""SIGKILL of a worker, of the driver and of all of Ray while a search runs: what goes on, and what it leaves.

The search is a program of its own (`python -m benchmarks.search_kill ROOT CPUS`), whose processes are killed by pid.
"""

import contextlib
import datetime as dt
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.registry import Result, benchmark
from benchmarks.window import fill
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.search import SearchRequest, search
from daytrader_ray.domain.trading import BASELINES, MASKS, MEMBERS, SCORERS
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.config import SearchConfig

FIRST, LAST, NEXT_WEEK = dt.date(2025, 11, 3), dt.date(2025, 11, 18), dt.date(2025, 11, 20)
"""Three windows of six, two and two sessions, and one more."""
SYMBOLS = ("AAPL", "NVDA", "XOM")
UNIVERSE = UniverseConfig(sectors={}).replaced_by(SYMBOLS)
CONFIG = SearchConfig(train="6s", test="2s", step="2s", min_windows=1)
KILLS, SEED = 12, 5
CPUS = (1, 2, 4)
VICTIMS = ("worker", "driver", "node")
NO_WORKERS = ("ray::IDLE", "ray::Dashboard", "ray::RuntimeEnv")
"""Without its agents a node's Ray ends."""
MOST_SECONDS = 600.0
"""After all of Ray is gone a driver ends within this."""
POLL_SECONDS = 0.05
FITS, TRIALS = "fits", "trials"
N_FITS = 3 * len(SCORERS)


def main(root: str, cpus: str) -> None:
    """Search, and print what a command prints."""
    with started(int(cpus)):
        print(json.dumps(search(SearchRequest(root=root, universe=UNIVERSE, config=CONFIG)).summary()))


def search_of_three() -> None:
    """Search three stocks and three windows, and forget it."""
    with tempfile.TemporaryDirectory() as root:
        fill(Path(root), UNIVERSE, FIRST, LAST)
        finished(Path(root), 2)


@benchmark("search.sigkill")
def sigkill() -> list[Result]:
    """Kill a search at seeded moments of its fits and of its trials; its files are those of one that nobody disturbed.

    Then the next week arrives: five fits of members, two of baselines, and the files of a search that fits all anew.
    """
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        whole, root = Path(folder, "whole"), Path(folder, "killed")
        fill(whole, UNIVERSE, FIRST, LAST)
        finished(whole, 1)
        expected = hashes(whole)
        kills = 0
        while kills < KILLS:
            victim, stage = VICTIMS[kills % len(VICTIMS)], (FITS, TRIALS)[kills % 2]
            over = traded(root) == len(MASKS) or (stage == FITS and kept(root) == N_FITS)
            if over and root.exists():
                shutil.rmtree(root)
            fill(root, UNIVERSE, FIRST, LAST)
            kills += disturb(root, rng, victim, stage)
            wrong = sorted(name for name, content in hashes(root).items() if expected.get(name) != content)
            if wrong:
                raise AssertionError(f"after {kills} kills other files: {wrong[:5]}")
        missing = N_FITS - kept(root)
        done = finished(root, rng.choice(CPUS))
        if done["fits_run"] + done["baseline_fits_run"] != missing or hashes(root) != expected:
            raise AssertionError(f"{missing} fits were missing, {done['fits_run']} made; or the files differ")
        for place in (root, whole):
            fill(place, UNIVERSE, FIRST, NEXT_WEEK)
        later = finished(root, 4)
        shutil.rmtree(whole / "processed")  # its ledger stays: how often one has looked is part of a verdict
        finished(whole, 2)
        new = later["fits_run"], later["baseline_fits_run"]
        if new != (len(MEMBERS), len(BASELINES)) or not hashes(whole).items() <= hashes(root).items():
            raise AssertionError(f"the next week made {new} fits, or other files than a search of all weeks at once")
    return [Result("search.sigkill", float(kills), "kills without a difference", "", None, None, 0.0, 1)]


def disturb(root: Path, rng: random.Random, victim: str, stage: str) -> bool:
    """Start a search and kill a part of it in a stage of its work; return whether something was killed there.

    What can go on must end well.
    """
    cpus = rng.choice(CPUS)
    of_fits = N_FITS if stage == TRIALS else kept(root) + rng.randrange(min(5, N_FITS - kept(root)))
    of_trials = traded(root) + rng.randrange(len(MASKS) - traded(root)) if stage == TRIALS else 0
    with started_search(root, cpus) as child:  # what it says fits into the pipe that nobody reads meanwhile
        while child.poll() is None and (kept(root) < of_fits or traded(root) < of_trials):
            time.sleep(POLL_SECONDS)
        time.sleep(rng.uniform(0.0, 3.0 if stage == FITS else 0.5))
        family = _family(child.pid)
        inside = any(_works(process, stage) for process in family)
        victims = [process for process in family if _is(process, victim, child.pid)]
        hit = [rng.choice(victims)] if victim == "worker" and victims else victims
        for process in hit:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        told = f"{victim} of {cpus} CPUs killed with {kept(root)} fits and {traded(root)} trials kept"
        began = time.monotonic()
        _, said = child.communicate(timeout=MOST_SECONDS)
        code = child.returncode
        _end(family)  # workers outlive their driver for a moment
    counted = "" if hit and inside else ", not counted"
    print(f"{told}: {code} after {time.monotonic() - began:.0f} s{counted}", flush=True)
    if victim == "worker" and code:
        raise AssertionError(f"the loss of a worker ended the search: {said[-2000:]}")
    return bool(hit) and inside


def _works(process: psutil.Process, stage: str) -> bool:
    """Return whether a process is a worker that makes a fit, or runs a trial."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.name().startswith("ray::_timed_fit" if stage == FITS else "ray::ImplicitFunc")
    return False


def _end(family: list[psutil.Process]) -> None:
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=MOST_SECONDS)


def _is(process: psutil.Process, victim: str, driver: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        name = process.name()
        if victim == "driver":
            return process.pid == driver
        if victim == "worker":
            return name.startswith("ray::") and not name.startswith(NO_WORKERS)
        return name in {"raylet", "gcs_server"} or name.startswith("ray::")
    return False


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        driver = psutil.Process(pid)
        return [driver, *driver.children(recursive=True)]
    return []


@contextlib.contextmanager
def started_search(root: Path, cpus: int) -> Iterator["subprocess.Popen[str]"]:
    """Run the search as a program; nothing of it is left after the block."""
    environ = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, "-m", "benchmarks.search_kill", str(root), str(cpus)]
    child = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        _end(_family(child.pid))
        child.wait()


def finished(root: Path, cpus: int) -> dict[str, Any]:
    """Let a search come to its end; return what it printed."""
    with started_search(root, cpus) as child:
        out, said = child.communicate(timeout=2 * MOST_SECONDS)
    if child.returncode:
        raise AssertionError(f"the search ended with {child.returncode}: {said[-2000:]}")
    return dict(json.loads(out.strip().splitlines()[-1]))


def kept(root: Path) -> int:
    """Return how many fits have left all they leave."""
    kinds = ("scores.parquet", "importances.json")
    keys = [{path.name.partition(".")[0] for path in root.glob(f"processed/signals/*.{kind}")} for kind in kinds]
    return len(set.intersection(*keys) - {""})


def traded(root: Path) -> int:
    """Return how many trials are kept."""
    return len(list(root.glob("processed/trials/*.json")))


def hashes(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that searches keep, but for hidden ones."""
    folders = [root / name for name in ("processed/signals", "processed/trials", "reports")]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.startswith(".")
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
