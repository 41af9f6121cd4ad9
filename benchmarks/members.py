"""What the members of a bundle take to score a minute, and the forest against the library that grew it."""

import statistics
import time
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt

from benchmarks.registry import Result, alternating, benchmark, compared, seconds
from daytrader_ray.domain.trading import MEMBERS, WINDOW_ROWS
from daytrader_ray.models import registry
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.calibration import Calibrated, calibrate
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.cnn import RETURN
from daytrader_ray.models.members.network import TrainingConfig
from daytrader_ray.models.members.random_forest import RandomForest, flat
from daytrader_ray.models.members.tabular import Inputs, tabular

FEATURES = (RETURN, *(f"plain.{k:02d}" for k in range(29)))
N_SYMBOLS, N_NETWORK_ROWS, N_TREE_ROWS, N_VALIDATION = 100, 2_000, 50_000, 2_000
MINUTES, RUNS, REPEATS = 400, 9, 20
MOST_P50_MS, MOST_P99_MS, LEAST_SPEED_UP, MOST_DIFFERENCE = 20.0, 50.0, 8.0, 1e-6


def samples(n: int, seed: int) -> Dataset:
    """Return windows of noise whose labels follow their newest row a little."""
    rng = np.random.default_rng(seed)
    windows = rng.standard_normal((n, WINDOW_ROWS, len(FEATURES)), dtype=np.float32)
    outcome = 0.2 * windows[:, -1, :4].sum(axis=1) + rng.standard_normal(n)
    labels = ((outcome > 0.6).astype(np.int8) - (outcome < -0.6)).astype(np.int8)
    return Dataset(windows, labels, np.ones(n, dtype=np.float32), FEATURES)


def members() -> dict[str, Calibrated]:
    """Return all members in full size: nothing stops the trees early, and an epoch more makes no network larger."""
    rows, validation = samples(N_TREE_ROWS, 1), samples(N_VALIDATION, 2)
    few, nothing = rows.part(np.arange(N_NETWORK_ROWS)), validation.part(np.arange(0))
    found = {}
    for name in MEMBERS:
        member = registry.member(name)
        fitted = member.fit(few if isinstance(member.config, TrainingConfig) else rows, nothing, seed=1)
        found[name] = calibrate(fitted, validation, "platt")
    return found


@benchmark("models.signals_ms_p99")
def signals() -> list[Result]:
    """Score minute after minute of a hundred symbols with all members, in one process and one thread."""
    bundle = SimpleNamespace(members=members())  # all that `Bundle.score` reads of one
    minutes = samples(N_SYMBOLS * 8, 3).windows.reshape(8, N_SYMBOLS, WINDOW_ROWS, len(FEATURES))
    for minute in minutes:
        Bundle.score(bundle, minute)
    busy = time.process_time()
    took = [1e3 * seconds(lambda k=k: Bundle.score(bundle, minutes[k % 8])) for k in range(MINUTES)]
    busy = 1e3 * (time.process_time() - busy) / MINUTES
    p50, p99 = (float(np.quantile(took, q)) for q in (0.5, 0.99))
    print(f"p50 {p50:.2f} ms, p99 {p99:.2f} ms; {busy:.2f} ms of processor: what is over that waited for other work")
    for name, member in bundle.members.items():
        each = statistics.median(1e3 * seconds(lambda k=k, m=member: m.predict(minutes[k % 8])) for k in range(60))
        print(f"{name}: {each:.2f} ms for {N_SYMBOLS} symbols")
    if p50 > MOST_P50_MS or p99 > MOST_P99_MS:
        raise AssertionError(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms: over {MOST_P50_MS} or {MOST_P99_MS} ms")
    spread = (max(took) - min(took)) / p50
    return [
        Result("models.signals_ms_p50", p50, "ms", "", None, None, spread, MINUTES),
        Result("models.signals_ms_p99", p99, "ms", "", None, None, spread, MINUTES),
    ]


@benchmark("models.rf_vs_sklearn")
def forest() -> list[Result]:
    """Score a minute of a hundred symbols: windows to scores here, ready rows to probabilities there."""
    grown = RandomForest().grow(samples(N_TREE_ROWS, 1), Inputs(), seed=1)
    windows = samples(N_SYMBOLS, 3).windows
    ours, rows = flat(grown, Inputs()), tabular(windows)
    difference = float(np.abs(ours.score(windows) - _sides(grown.predict_proba(rows))).max())
    if difference > MOST_DIFFERENCE:
        raise AssertionError(f"the flat forest differs from scikit-learn's by {difference:.1e}")
    times = alternating(
        lambda: [ours.score(windows) for _ in range(REPEATS)],
        lambda: [grown.predict_proba(rows) for _ in range(REPEATS)],
        RUNS,
    )
    own, other = ([1e3 * took / REPEATS for took in side] for side in times)
    found = compared("models.rf_vs_sklearn", "ms", "scikit-learn predict_proba, n_jobs=1", own, other)
    print(f"{1 / found.ratio:.1f} x as fast, largest difference {difference:.1e}")
    if found.ratio > 1.0 / LEAST_SPEED_UP:
        raise AssertionError(f"only {1 / found.ratio:.1f} x as fast as scikit-learn")
    return [found]


def _sides(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return shares[:, 2] - shares[:, 0]
