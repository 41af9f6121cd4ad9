"""A store of random bars with a hint of momentum, for tests of the search."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.walkforward.config import SearchConfig

FIRST, LAST = dt.date(2025, 11, 3), dt.date(2025, 11, 13)
SYMBOLS = ("AAPL", "SPY", "XOM")
SEARCH = SearchConfig(train="6s", test="2s", step="2s", min_windows=1, score_every_minutes=5)
"""One window, in which members score every five minutes."""


def fill(root: str, seed: int = 3) -> None:
    """Write nine whole sessions of each of SYMBOLS as a completed download."""
    rng = np.random.default_rng(seed)
    grid = session_grid(FIRST, LAST)
    stamps = grid.minute_of_row * 60_000_000
    for symbol in SYMBOLS:
        n = grid.n_rows
        drift = np.zeros(n)
        for t in range(1, n):
            drift[t] = 0.985 * drift[t - 1] + rng.normal(0, 5e-5)
        close = np.round(100.0 * np.exp(np.cumsum(drift + rng.normal(0, 4e-4, n))), 2)
        opened = np.concatenate([close[:1], close[:-1]])
        wick = np.round(np.abs(rng.normal(0, 0.03, n)), 2)
        high, low = np.maximum(opened, close) + wick, np.minimum(opened, close) - wick
        volume = np.round(rng.lognormal(11.0, 0.4, n))
        columns = [
            pa.array(stamps, pa.timestamp("us", "UTC")),
            *(pa.array(values) for values in (opened, high, low, close, volume, close)),
            pa.nulls(n, pa.int32()),
        ]
        table = pa.Table.from_arrays(columns, schema=FILE_SCHEMA)
        ParquetStore(root).write_bars(symbol, "2025-11", table, (dt.date(2025, 11, 1), dt.date(2025, 11, 30)))


def another_process(
    code: Path, *arguments: str, program: str = "other_process", **environment: str
) -> "subprocess.Popen[str]":
    """Start a program of this folder with the package that lies in the folder `code`."""
    tests = Path(__file__).parents[2]
    environ = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environ |= {"PYTHONPATH": os.pathsep.join([str(code), str(tests)]), "RAY_AUTH_MODE": "disabled"} | environment
    command = [sys.executable, "-m", f"tests.cluster.{program}", *arguments]
    return subprocess.Popen(command, env=environ, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def in_another_process(
    code: Path, *arguments: str, program: str = "other_process", **environment: str
) -> dict[str, Any]:
    """Let such a process come to its end; return what it prints."""
    with another_process(code, *arguments, program=program, **environment) as running:
        try:
            out, err = running.communicate(timeout=240)
        finally:
            running.kill()
    assert running.returncode == 0, err[-3000:]
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told
