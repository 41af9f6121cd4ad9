"""The download command against a bare loop of the vendor's client, its memory, and what SIGKILL leaves.

Everything runs against the built-in exchange on this machine, which shares its processors.
"""

import contextlib
import datetime as dt
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.registry import Result, benchmark, compared
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.polygon_reference import daily_bars
from daytrader_ray.adapters.polygon_rest import client
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.process import running

FIRST = dt.date(2022, 1, 3)
SESSIONS_A_YEAR = 252
SYMBOLS = tuple(f"{a}{b}X" for a in "ABCDEF" for b in "ABCDEFGHIJ")
MEMORY_SYMBOLS = SYMBOLS[:6]
MEMORY_LIMIT_MIB = 700.0
FLAT = 1.15
KILL_SYMBOLS, KILL_SESSIONS, KILLS = SYMBOLS[:4], 63, 20
RUNS = 2
SAMPLE_SECONDS = 0.2
SOON = 0.3
"""Share of the undisturbed writing within which a kill falls: several cut one store on its way."""
MOST = 0.9
"""Share of the files from which on a store is let come to its end."""
POLL_SECONDS = 0.02
LEAST_RATIO = 0.9
"""Of the bare loop's bars a second the whole command must reach."""
TICK_SYMBOL = "SPY"


@dataclass(frozen=True)
class Market:
    """A running exchange and how many sessions it has."""

    url: str
    n_sessions: int

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that make the sandbox profile use it."""
        return {
            **os.environ,
            "DAYTRADER__SANDBOX__URL": self.url,
            "DAYTRADER__SANDBOX__FIRST_SESSION": str(FIRST),
            "DAYTRADER__SANDBOX__N_SESSIONS": str(self.n_sessions),
        }

    @property
    def last(self) -> dt.date:
        """Return the day of its last session."""
        return session_grid(FIRST, FIRST + dt.timedelta(days=2 * self.n_sessions)).sessions[self.n_sessions - 1].date

    def command(self, root: Path, symbols: tuple[str, ...], ticks: bool = False) -> list[str]:
        """Return the download command, with `ticks` of their quotes and trades too."""
        names = ",".join(symbols)
        options = ["--data", str(root), "--symbols", names, "--years", "9", "--json"]
        options += ["--quotes", names, "--trades", names] if ticks else []
        return [sys.executable, "-m", "daytrader_ray.cli", "download", *options]


@dataclass(frozen=True)
class Done:
    """A finished download: what it reported, its wall time, and the most memory that one of its workers held."""

    report: dict[str, Any]
    seconds: float
    peak_mib: float


@contextmanager
def market(n_sessions: int) -> Iterator[Market]:
    """Yield an exchange of its own."""
    with running(SandboxConfig(first_session=FIRST, n_sessions=n_sessions), CostConfig()) as url:
        yield Market(url, n_sessions)


def download(place: Market, root: Path, symbols: tuple[str, ...], ticks: bool = False) -> Done:
    """Run the command and watch its workers."""
    began = time.perf_counter()
    child = subprocess.Popen(
        place.command(root, symbols, ticks),
        env=place.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = 0.0
    while child.poll() is None:
        peak = max(peak, _largest_worker_mib(child.pid))
        time.sleep(SAMPLE_SECONDS)
    out, err = child.communicate()
    if child.returncode:
        raise AssertionError(f"the download ended with {child.returncode}: {err[-2000:]}")
    return Done(json.loads(out.strip().splitlines()[-1]), time.perf_counter() - began, peak)


def plain_client(place: Market, root: Path, symbols: tuple[str, ...]) -> float:
    """Run the bare loop in a process of its own; return its seconds."""
    began = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "benchmarks.plain_client",
        place.url,
        str(root),
        ",".join(symbols),
        str(FIRST),
        str(place.last),
    ]
    subprocess.run(command, cwd=Path(__file__).parents[1], check=True)
    return time.perf_counter() - began


@benchmark("download.vs_plain_client")
def vs_plain_client() -> list[Result]:
    """Download 60 symbols x 2 years: the whole command (Ray's start, reference data) against the bare loop."""
    return against_plain(SYMBOLS, 2 * SESSIONS_A_YEAR, RUNS)


def against_plain(symbols: tuple[str, ...], n_sessions: int, runs: int) -> list[Result]:
    """Run both in turns on the same exchange, whose prices are made before; both must store the same bars."""
    ours: list[float] = []
    peers: list[float] = []
    with market(n_sessions) as place, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rest = client(place.url, "sandbox")
        for symbol in symbols:
            daily_bars(rest, symbol, FIRST, place.last)
        for _ in range(runs):
            done = download(place, root / "ours", symbols)
            seconds = plain_client(place, root / "plain", symbols)
            rows = compare(root / "ours", root / "plain")
            sys.stdout.write(f"{rows:,} bars: command {done.seconds:.1f} s, bare loop {seconds:.1f} s\n")
            ours.append(rows / done.seconds)
            peers.append(rows / seconds)
            for name in ("ours", "plain"):
                shutil.rmtree(root / name)
    result = compared("download.vs_plain_client", "bars/s", "polygon-api-client, same Parquet", ours, peers)
    if result.ratio is None or result.ratio < LEAST_RATIO:
        raise AssertionError(f"{result.value:,.0f} bars/s, the bare loop {result.peer_value:,.0f}: below {LEAST_RATIO}")
    return [result]


def compare(ours: Path, plain: Path) -> int:
    """Return how many bars both hold; an error where a file of one differs from the other's."""
    import pyarrow.parquet as pq

    base = ours / "historical" / "minute_bars"
    names = sorted(str(path.relative_to(base)) for path in base.rglob("[0-9]*.parquet"))
    others = sorted(str(path.relative_to(plain)) for path in plain.rglob("*.parquet"))
    if names != others:
        raise AssertionError(f"the files differ: {sorted(set(names) ^ set(others))[:5]}")
    rows = 0
    for name in names:
        one, other = pq.read_table(base / name), pq.read_table(plain / name)
        if not one.equals(other):
            raise AssertionError(f"{name}: {one.num_rows} bars here, {other.num_rows} there, or other values")
        rows += one.num_rows
    return rows


@benchmark("download.peak_worker_mib")
def peak_worker_mib() -> list[Result]:
    """Watch the largest worker of a download of 1, 2 and 4 years, and of a day of ticks: under 700 MiB, and flat."""
    peaks = []
    for years in (1, 2, 4):
        with market(years * SESSIONS_A_YEAR) as place, tempfile.TemporaryDirectory() as folder:
            peaks.append(download(place, Path(folder), MEMORY_SYMBOLS).peak_mib)
        sys.stdout.write(f"{years} years: {peaks[-1]:.0f} MiB\n")
    if max(peaks) >= MEMORY_LIMIT_MIB or max(peaks) > FLAT * peaks[0]:
        raise AssertionError(f"a worker may hold {MEMORY_LIMIT_MIB:.0f} MiB, whatever the years: {peaks}")
    with market(1) as place, tempfile.TemporaryDirectory() as folder:
        peaks.append(download(place, Path(folder), (TICK_SYMBOL,), ticks=True).peak_mib)
    sys.stdout.write(f"quotes and trades of a day: {peaks[-1]:.0f} MiB\n")
    if peaks[-1] >= MEMORY_LIMIT_MIB:
        raise AssertionError(f"a worker may hold {MEMORY_LIMIT_MIB:.0f} MiB, a day of ticks took {peaks[-1]:.0f}")
    spread = (max(peaks) - min(peaks)) / statistics.median(peaks)
    return [Result("download.peak_worker_mib", max(peaks), "MiB", "", None, None, spread, len(peaks))]


@benchmark("download.sigkill")
def sigkill() -> list[Result]:
    """SIGKILL the command and all its processes while they write, 20 times, and go on: the store must be the same."""
    rng = random.Random(3)
    with market(KILL_SESSIONS) as place, tempfile.TemporaryDirectory() as folder:
        whole, root = Path(folder, "whole"), Path(folder, "killed")
        download(place, whole, KILL_SYMBOLS)
        expected, seconds = hashes(whole), _seconds_of_writing(whole)
        kills = 0
        while kills < KILLS:
            shutil.rmtree(root, ignore_errors=True)
            while kills < KILLS and len(_written(root)) < MOST * len(expected):
                if not _killed(place, root, rng.uniform(0, SOON) * seconds):
                    break
                kills += bool(hashes(root)) and hashes(root) != expected
            download(place, root, KILL_SYMBOLS)
            if hashes(root) != expected:
                raise AssertionError(f"after {kills} kills the store differs: {_difference(expected, hashes(root))}")
            sys.stdout.write(f"{kills} kills of a partial store, no difference\n")
    return [Result("download.sigkill", float(kills), "kills without a difference", "", None, None, 0.0, 1)]


def hashes(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that a reader of the store sees (hidden are locks and leftovers of a write)."""
    files = {str(path.relative_to(root)): path for path in _written(root)}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def _written(root: Path) -> list[Path]:
    """Return the files of a store's tables and quarantine."""
    folders = [root / name for name in ("historical", "quarantine")]
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in files if not path.name.startswith(".") and path.name != "market.json"]


def _seconds_of_writing(root: Path) -> float:
    times = [path.stat().st_mtime for path in _written(root)]
    return max(times) - min(times)


def _difference(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in one | other if one.get(name) != other.get(name))[:5]


def _killed(place: Market, root: Path, after: float) -> bool:
    """Start the command; SIGKILL it and all its processes `after` seconds of writing; return whether it still ran."""
    before = len(_written(root))
    child = subprocess.Popen(
        place.command(root, KILL_SYMBOLS), env=place.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while child.poll() is None and len(_written(root)) == before:
        time.sleep(POLL_SECONDS)
    if child.poll():
        raise AssertionError(f"the download ended with {child.returncode}")
    try:
        child.wait(after)
    except subprocess.TimeoutExpired:
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        child.wait()
        return True
    return False


def _largest_worker_mib(pid: int) -> float:
    largest = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if process.name().startswith("ray::"):
                    largest = max(largest, process.memory_info().rss / 2**20)
    return largest
