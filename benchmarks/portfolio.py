"""The slow loop: a re-solve of the least variance against cvxpy, and ten thousand damaged inputs through the ladder.

`python -m benchmarks.run portfolio.min_variance_ms_p50`, `python -m benchmarks.run portfolio.ladder`. Times are of the
processor, so that a busy machine says the same.
"""

import collections
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from benchmarks.registry import Result, benchmark, compared
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.portfolio.covariance import ledoit_wolf, updated
from daytrader_ray.portfolio.ladder import Answer, Ladder
from daytrader_ray.portfolio.limits import Limits, broken, exposures
from daytrader_ray.portfolio.min_variance import MinVariance, attainable

Float64 = npt.NDArray[np.float64]

N_STOCKS, N_SECTORS, ROUNDS, INPUTS = 100, 8, 40, 10_000
KAPPA = 0.05


@dataclass(frozen=True)
class Hour:
    """What one hour asks: covariance `[stock, stock]`, expected returns `[stock]` and the least of the book's."""

    covariance: Float64
    mu: Float64
    target: float


def hours(n: int, limits: Limits) -> list[Hour]:
    """Return hours of stocks of one market, their correlations updated by twelve returns each, signals drifting."""
    rng = np.random.default_rng(7)
    beta, own = rng.uniform(0.5, 2.0, N_STOCKS), rng.uniform(8e-4, 3e-3, N_STOCKS)

    def returns(rows: int) -> Float64:
        market = rng.normal(0.0, 8e-4, (rows, 1))
        return np.asarray(market * beta + rng.normal(0.0, 1.0, (rows, N_STOCKS)) * own)

    before, today, signal, made = ledoit_wolf(returns(1540)), returns(12), rng.uniform(-1, 1, N_STOCKS), list[Hour]()
    for _ in range(n):
        signal = np.clip(0.7 * signal + rng.normal(0.0, 0.4, N_STOCKS), -1.0, 1.0)
        mu = 0.03 * own * 2.4 * signal
        made.append(Hour(updated(before, today), mu, 0.3 * attainable(mu, limits)))
        today = np.concatenate([today, returns(12)])
    return made


class ByCvxpy:
    """The same programme in cvxpy, parametrised once: root of S, mu, target, caps and the weights before."""

    def __init__(self, limits: Limits) -> None:
        n = len(limits.sector)
        self.root, self.target, self.x = cp.Parameter((n, n)), cp.Parameter(), cp.Variable(n)
        self.earns, self.most, self.before = cp.Parameter(n), cp.Parameter(n), cp.Parameter(n)
        self.cap = limits.cap
        loss = cp.sum_squares(self.root @ self.x) + KAPPA * cp.norm1(self.x - self.before)
        kept = [self.x >= 0, self.x <= self.most, self.earns @ self.x >= self.target]
        kept += [limits.members @ self.x <= limits.max_sector, cp.sum(self.x) <= limits.leverage]
        self.problem = cp.Problem(cp.Minimize(loss), kept)

    def solve(self, hour: Hour, previous: Float64) -> Float64:
        """Return the weights; everything but the values stays as it is."""
        side, scale = np.sign(hour.mu), float(np.abs(hour.mu).max())
        self.root.value = np.linalg.cholesky(hour.covariance / np.diag(hour.covariance).mean()).T * side
        self.earns.value, self.most.value = np.abs(hour.mu) / scale, self.cap * np.abs(side)
        self.target.value = hour.target / scale
        self.before.value = side * previous
        self.problem.solve(solver=cp.OSQP, warm_start=True, eps_abs=1e-8, eps_rel=1e-8, max_iter=20_000)
        return np.asarray(side * self.x.value)


def _ms(function: Callable[[], Float64]) -> tuple[float, Float64]:
    start = time.process_time()
    found = function()
    return 1e3 * (time.process_time() - start), found


@benchmark("portfolio.min_variance_ms_p50")
def min_variance() -> list[Result]:
    """Return the median time of a re-solve for 100 names, alternating with cvxpy's, on the same hours."""
    limits = Limits(0.05, 0.25, 2.0, np.arange(N_STOCKS) % N_SECTORS, np.empty((0, N_STOCKS)))
    ours, theirs, previous = MinVariance(limits, KAPPA), ByCvxpy(limits), np.zeros(N_STOCKS)
    times: tuple[list[float], list[float]] = [], []
    worst = 0.0
    for k, hour in enumerate(hours(ROUNDS, limits)):
        own, weights = _ms(partial(_solved, ours, hour, previous))
        peer, other = _ms(partial(theirs.solve, hour, previous))
        worst, previous = max(worst, float(np.abs(weights - other).max())), weights
        if k:
            times[0].append(own)
            times[1].append(peer)
    print(f"largest difference of a weight between both: {worst:.1e}")
    name = "portfolio.min_variance_ms_p50"
    return [compared(name, "ms", "cvxpy, parametrised once, OSQP", *times)]


def _solved(programme: MinVariance, hour: Hour, previous: Float64) -> Float64:
    attainable(hour.mu, programme.limits)
    found = programme.solve(hour.covariance, hour.mu, hour.target, previous)
    if found is None:
        raise RuntimeError("no solution")
    return found


def damaged(rng: np.random.Generator) -> tuple[PortfolioConfig, Limits, Float64, Float64]:
    """Return a request that may be singular, full of NaN, no covariance at all, or impossible to fulfil."""
    n = int(rng.integers(1, 41))
    sector, scale = rng.integers(0, rng.integers(1, 9), n), 10.0 ** rng.uniform(-9, 3)
    factors = rng.normal(size=(n, int(rng.integers(1, n + 5)))) * 10.0 ** rng.uniform(-2, 2, (n, 1))
    covariance = np.asarray(scale * factors @ factors.T)
    mu = rng.normal(size=n) * 10.0 ** rng.uniform(-9, 0)
    damage(rng, covariance, mu, most=3)
    limits = Limits(rng.uniform(0.001, 1.0), rng.uniform(0.01, 1.0), rng.uniform(0.05, 4.0), sector, np.empty((0, n)))
    names = [name for name in ("net", "beta", "sector") if rng.random() < 0.2]
    config = PortfolioConfig(
        scheme=str(rng.choice(["min_variance", "min_variance", "risk_parity"])),
        target_bps=10.0 ** rng.uniform(-3, 4),
        turnover=float(rng.choice([0.0, 0.05, 1.0])),
        neutral=tuple(names),
    )
    return config, replace(limits, exposures=exposures(names, sector, rng.normal(1.0, 0.5, n))), covariance, mu


def damage(rng: np.random.Generator, covariance: Float64, mu: Float64, most: int) -> None:
    """Damage both by up to `most` different ways."""
    with np.errstate(all="ignore"):
        for one in rng.permutation(len(DAMAGES))[: rng.integers(0, most + 1)]:
            DAMAGES[one](rng, covariance, mu)


def _scattered(value: float) -> Callable[[np.random.Generator, Float64, Float64], None]:
    def damage(rng: np.random.Generator, covariance: Float64, _: Float64) -> None:
        covariance[rng.random(covariance.shape) < rng.choice([0.02, 0.3, 1.0])] = value

    return damage


def _row(rng: np.random.Generator, covariance: Float64, _: Float64) -> None:
    k = rng.integers(len(covariance))
    covariance[k], covariance[:, k] = np.nan, np.nan


def _indefinite(rng: np.random.Generator, covariance: Float64, _: Float64) -> None:
    covariance += rng.normal(size=covariance.shape) * np.abs(np.nan_to_num(covariance, posinf=0.0, neginf=0.0)).max()


def _variance(rng: np.random.Generator, covariance: Float64, _: Float64) -> None:
    covariance[np.diag_indices(len(covariance))] *= rng.choice([0.0, -1.0, 1e-12, 1e12], len(covariance))


def _unknown(rng: np.random.Generator, _: Float64, mu: Float64) -> None:
    mu[rng.random(len(mu)) < 0.5] = rng.choice([np.nan, np.inf, -np.inf, 0.0])


def _one_way(_: np.random.Generator, __: Float64, mu: Float64) -> None:
    np.abs(mu, out=mu)


def _nothing(_: np.random.Generator, __: Float64, mu: Float64) -> None:
    mu[:] = 0.0


DAMAGES = (
    _scattered(np.nan),
    _scattered(np.inf),
    _scattered(0.0),
    _row,
    _indefinite,
    _variance,
    _unknown,
    _one_way,
    _nothing,
)


def climb(seed: int) -> tuple[list[Answer], list[str]]:
    """Return three answers in a row to damaged requests of one kind, and which limit each broke ("": none)."""
    rng = np.random.default_rng(seed)
    config, limits, covariance, mu = damaged(rng)
    ladder, answers = Ladder(config, limits), list[Answer]()
    for _ in range(3):
        answers.append(ladder.answer(covariance, mu))
        damage(rng, covariance, mu, most=1)
    return answers, [broken(answer.weights, limits) for answer in answers]


@benchmark("portfolio.ladder")
def ladder() -> list[Result]:
    """Return how many of 10,000 random inputs have no answer within the limits; steps and refusals are printed."""
    steps, refused, bad, times = collections.Counter[str](), collections.Counter[str](), 0, list[float]()
    for seed in range(INPUTS // 3 + 1):
        start = time.process_time()
        answers, wrong = climb(seed)
        times.append(1e3 * (time.process_time() - start) / len(answers))
        bad += sum(map(bool, wrong))
        steps.update(answer.step for answer in answers)
        refused.update(re.sub(r"-?\d[\d.e+-]*", "...", why) for answer in answers for why in answer.refused)
    print(f"{sum(steps.values())} inputs, {bad} without an answer within the limits")
    print("answered by:", dict(steps.most_common()))
    print("refused before:", dict(refused.most_common()))
    return [
        Result("portfolio.ladder", float(bad), "inputs without an answer", "", None, None, 0.0, sum(steps.values())),
        Result("portfolio.ladder_ms", statistics.median(times), "ms", "", None, None, 0.0, len(times)),
    ]
