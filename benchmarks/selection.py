"""The choice of features of one training window, against its definition written with pandas and scipy."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.registry import Result, benchmark, compared
from daytrader_ray.features.selection import BINS, Evidence, Rows, SelectionConfig, select
from daytrader_ray.models.judge import held_out_skill

Float64 = npt.NDArray[np.float64]

N_ROWS, N_FEATURES, N_STOCKS, RUNS = 50_000, 100, 60, 5
BOUND_SECONDS = 1.0


def _evidence() -> Evidence:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((N_ROWS, 20)) @ rng.standard_normal((20, N_FEATURES))
    values += 2.0 * rng.standard_normal(values.shape)
    values[:, 60:70] = values[:, 50:60] + 0.1 * rng.standard_normal((N_ROWS, 10))
    outcome = 0.01 * values[:, 0] + rng.standard_normal(N_ROWS)
    return Evidence(
        names=tuple(f"f{k}" for k in range(N_FEATURES)),
        stocks=tuple(f"S{k}" for k in range(N_STOCKS)),
        rows=Rows(
            values.astype(np.float32),
            1 + (outcome > 0.5).astype(np.int64) - (outcome < -0.5).astype(np.int64),
            rng.exponential(size=N_ROWS),
        ),
        sessions=np.arange(N_ROWS) % 100,
        symbols=np.arange(N_ROWS) * N_STOCKS // N_ROWS,
        judge=held_out_skill,
    )


def with_pandas(evidence: Evidence) -> tuple[pd.DataFrame, Float64]:
    """Return the rank correlations and the weighted mutual information, pandas doing the ranks and the tables."""
    frame = pd.DataFrame(evidence.rows.values)
    correlation = frame.rank().corr()
    information = []
    for name in frame:
        bins = pd.qcut(frame[name], BINS, labels=False)
        joint = pd.crosstab(bins, evidence.rows.classes, evidence.rows.weights, aggfunc="sum", normalize=True)
        apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
        information.append(float((joint * np.log(joint / apart)).to_numpy().sum()))
    return correlation, np.array(information)


def cpu_seconds(function: Callable[[], object]) -> float:
    """Return the processor's time of one call: what else the machine does is not counted."""
    start = time.process_time()
    function()
    return time.process_time() - start


@benchmark("selection.window_seconds")
def window_seconds() -> list[Result]:
    """Choose among 100 features on 50,000 rows, all rules but the elimination, on one core."""
    evidence = _evidence()
    select(replace(evidence), SelectionConfig())  # compiles
    ours, peers = [], []
    for _ in range(RUNS):
        ours.append(cpu_seconds(lambda: select(replace(evidence), SelectionConfig())))
        peers.append(cpu_seconds(lambda: with_pandas(evidence)))
    line = compared("selection.window_seconds", "CPU s", "pandas", ours, peers)
    if line.value > BOUND_SECONDS:
        raise AssertionError(f"a window took {line.value:.2f} s of one core, expected at most {BOUND_SECONDS} s")
    return [line]
