"""Real bars through the commands a user types: import, features, an interrupted search that goes on, the report."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daytrader_ray.domain.trading import BASELINES, MEMBERS

ROOT = Path(__file__).parents[2]
BARS = ROOT.parent / "shared" / "data" / "yf_intraday_mit" / "1min"
SYMBOLS = "SPY,DIA,TLT,XLP,XLV,XLY"
SEARCH = ("search", "--symbols", SYMBOLS, "--train", "6s", "--test", "2s", "--step", "2s", "--json")
FITS, BASELINE_FITS = 4 * len(MEMBERS), 4 * len(BASELINES)

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(not BARS.is_dir(), reason="the real bars of ../shared/data are not there"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    files = [str(path) for path in sorted(BARS.glob("*.parquet"))]
    done = json.loads(run(folder, "import", *files, "--json"))
    assert done["rows"] == done["accepted"] + done["quarantined"]
    assert done["files"] == done["symbols"] == 16
    return folder


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DAYTRADER_DATA": str(folder), "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, "-m", "daytrader_ray.cli", *arguments]
    # A suite that a shell runs in the background ignores Ctrl-C, and so would every program that it starts.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, ours)


def run(folder: Path, *arguments: str) -> str:
    """Run a command to its end and return the last line of its output."""
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err[-3000:]
    return out.strip().splitlines()[-1]


def interrupt(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C, and again every second: Python drops one that arrives inside a finaliser."""
    for _ in range(60):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=1)[1]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("a minute of interrupts did not end the search")


def scores(folder: Path) -> int:
    """Return how many fits have left their scores."""
    return len(list(folder.glob("processed/signals/*.parquet")))


def test_the_features_of_real_bars_are_built(root: Path) -> None:
    done = json.loads(run(root, "features", "--json"))
    assert done["symbols"] == 16 and done["sessions"] == 24


def test_an_interrupted_search_on_real_bars_goes_on_and_says_too_short(root: Path) -> None:
    process = start(root, *SEARCH)
    deadline = time.monotonic() + 150
    while scores(root) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    err = interrupt(process)
    assert process.returncode == 130 and "error: interrupted" in err
    kept = scores(root)
    assert kept >= 3
    done = json.loads(run(root, *SEARCH))
    assert (done["fits"], done["baseline_fits"]) == (FITS, BASELINE_FITS)
    assert done["fits_run"] + done["baseline_fits_run"] == FITS + BASELINE_FITS - kept
    assert done["ensembles"] == 2 ** len(MEMBERS) and done["verdict"]["label"] == "too short"
    (spy,) = [row for row in done["baselines"]["rows"] if row["name"] == "SPY"]
    assert spy["trades"] == 1 and spy["sharpe"] is not None, "its bars of 2020-01-10 end at 10:59"
    assert set(done["left_out"]) >= {"corr_qqq", "corr_gld", "vix"}


def test_the_report_of_real_bars_is_one_page_that_leads_with_the_verdict(root: Path) -> None:
    path = Path(json.loads(run(root, "report", "--json"))["report"])
    page = path.read_text(encoding="utf-8")
    assert page.index("Too short: 8 days out of sample") < page.index(f"{2 ** len(MEMBERS)} ensembles")
