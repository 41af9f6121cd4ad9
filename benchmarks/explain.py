"""`daytrader explain` of any order of a two-year backtest: wall and processor time of the whole command.

`python -m benchmarks.run cli.explain_s`. The run is made up: 504 sessions with 240 round trips each, 483,840 orders;
the store has the bars and the features of the months of the orders that are asked for.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from resource import RUSAGE_CHILDREN, getrusage

import numpy as np
import orjson

from benchmarks.registry import Result, benchmark, seconds
from daytrader_ray.adapters import run_store
from daytrader_ray.analytics.run import Run
from tests.adapters.built import stored_month
from tests.dashboard.runs import made_run

SESSIONS, A_DAY, ORDERS = 504, 240, 8


@benchmark("cli.explain_s")
def explain_s() -> list[Result]:
    """Explain orders of every kind from all over the run."""
    with tempfile.TemporaryDirectory() as root:
        run = run_store.save(root, made_run(SESSIONS, A_DAY))
        orders = _stored(root, run)
        environ = os.environ | {"DAYTRADER_DATA": root}

        def ask(order: str) -> None:
            command = [sys.executable, "-m", "daytrader_ray.cli", "explain", order, "--json"]
            done = subprocess.run(command, check=True, capture_output=True, env=environ)
            told = orjson.loads(done.stdout.splitlines()[-1])
            if told["bar"] is None or not told["features"]:
                raise RuntimeError(f"{order}: its bar or its features are not there")

        ask(orders[0])
        wall, processor = [], []
        for order in orders:
            before = _used()
            wall.append(seconds(lambda order=order: ask(order)))
            processor.append(_used() - before)
    return [_result("cli.explain_s", wall), _result("cli.explain_processor_s", processor)]


def _stored(root: str, run: Run) -> list[str]:
    """Store bars and features of the months of some orders; return their ids."""
    chosen = run.orders.where(np.random.default_rng(1).choice(len(run.orders), ORDERS, replace=False))
    for day, symbol in zip(chosen.session.tolist(), chosen.symbol.tolist(), strict=True):
        stored_month(root, symbol, day)
    return [str(name) for name in chosen.client_order_id]


def _used() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _result(name: str, values: list[float]) -> Result:
    value = statistics.median(values)
    return Result(name, value, "s", "", None, None, (max(values) - min(values)) / value, len(values))
