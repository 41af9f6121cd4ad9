"""The look-ahead audit against features that know the future, and against clean ones that look like them."""

import datetime as dt
import time

import numpy as np

from benchmarks.leak_pairs import PAIRS, Function
from benchmarks.registry import Result, benchmark
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.features.audit import Finding, lookahead
from daytrader_ray.features.audited import ROUNDING, whole_history
from daytrader_ray.features.world import World

N_SESSIONS, N_MOMENTS = 8, 12


def market(seed: int = 4) -> Panel:
    """Return two symbols with quiet minutes, a half-day, a late listing, a late opening and a split."""
    rng = np.random.default_rng(seed)
    first = dt.date(2025, 6, 30)
    grid = SessionGrid(
        tuple(
            Session(first + dt.timedelta(days=k), 29_188_170 + 1440 * k, 210 if k == 3 else 390)
            for k in range(N_SESSIONS)
        )
    )
    shape = grid.n_rows, 2
    close = 50 * np.exp(rng.normal(0, 8e-4, shape).cumsum(axis=0))
    open_ = close * np.exp(rng.normal(0, 2e-4, shape))
    high, low = np.maximum(open_, close) * 1.0003, np.minimum(open_, close) * 0.9997
    volume = rng.integers(1, 9000, shape).astype(np.float64)
    volume[rng.random(shape) < 0.05] = 0.0
    traded = volume > 0.0
    vwap = np.where(traded, (high + low + close) / 3, np.nan)
    factor = np.ones((N_SESSIONS, 2))
    factor[5:, 0] = 2.0
    panel = Panel(grid, ("AAA", "BBB"), open_, high, low, close, volume, vwap, traded, factor, factor.copy())
    for start, stop, column in ((0, 100, 1), (int(grid.first_row[4]), int(grid.first_row[4]) + 9, 0)):
        for values in (open_, high, low, close, vwap):
            values[start:stop, column] = np.nan
        volume[start:stop, column], traded[start:stop, column] = 0.0, False
    return panel


def judged(side: int, seed: int = 0) -> list[Finding]:
    """Audit one function of every pair (0: the leaky ones, 1: their twins), all in the same changed worlds."""
    functions: dict[str, Function] = {name: both[side] for name, both in PAIRS.items()}
    compute = whole_history(functions, dict.fromkeys(functions, 0))
    return lookahead(World(market()), compute, N_MOMENTS, np.random.default_rng(seed), ROUNDING)


@benchmark("audit.leaks")
def audit_leaks() -> list[Result]:
    """Count the leaky features that are caught, of all, and the clean ones accused; fail unless all and none."""
    start = time.perf_counter()
    caught = [finding for finding in judged(0) if finding.difference]
    accused = [finding.name for finding in judged(1) if finding.difference]
    if len(caught) < len(PAIRS) or accused:
        missed = sorted(set(PAIRS) - {finding.name for finding in caught})
        raise AssertionError(f"missed: {', '.join(missed) or 'none'}; accused: {', '.join(accused) or 'none'}")
    wall = time.perf_counter() - start
    return [
        Result("audit.leaks", len(caught), "leaks caught", "leaky features", len(PAIRS), 1.0, 0.0, 1),
        Result("audit.leaks_accused", len(accused), "clean twins accused", "clean twins", len(PAIRS), 0.0, 0.0, 1),
        Result("audit.leaks_seconds", wall, "s", "", None, None, 0.0, 1),
    ]
