"""`daytrader explain` of any order of a two-year backtest: wall time of the whole command.

`python -m benchmarks.run cli.explain_s`. The run is made up: 504 sessions with 240 round trips each, 483,840 orders.
"""

import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from benchmarks.registry import Result, benchmark, seconds
from daytrader_ray.adapters import run_store
from tests.dashboard.runs import made_run

SESSIONS, A_DAY, ORDERS = 504, 240, 8


@benchmark("cli.explain_s")
def explain_s() -> list[Result]:
    """Explain orders of every kind from all over the run."""
    with tempfile.TemporaryDirectory() as root:
        run = run_store.save(root, made_run(SESSIONS, A_DAY))
        rng = np.random.default_rng(1)
        orders = run.orders.client_order_id[rng.choice(len(run.orders), ORDERS, replace=False)].tolist()
        environ = os.environ | {"DAYTRADER_DATA": root}

        def ask(order: str) -> None:
            command = [sys.executable, "-m", "daytrader_ray.cli", "explain", order]
            subprocess.run(command, check=True, capture_output=True, env=environ)

        ask(orders[0])
        taken = [seconds(lambda order=order: ask(order)) for order in orders]
    value = statistics.median(taken)
    return [Result("cli.explain_s", value, "s", "", None, None, (max(taken) - min(taken)) / value, ORDERS)]
