"""How often the verdict calls luck significant or says that it beats a baseline, and how often it finds skill.

A matrix is 250 days of 31 ensembles' returns, correlated with each other, Gaussian or fat-tailed (Student's t with 4
degrees of freedom, the same calm and wild days for all); beside them cash and four baselines drawn alike. Matrix k of
every kind is drawn from seed k. A whole assessment is made of each, with an empty ledger. Parts that are done are kept
in the folder of temporary files, under a key of the sources.
"""

import json
import math
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from benchmarks.registry import Result, benchmark
from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.analytics.assessment import P_BELOW, assess
from daytrader_ray.analytics.performance import DAYS_A_YEAR
from daytrader_ray.analytics.verdict import DSR_ABOVE, SIGNIFICANT, Stands, verdict
from daytrader_ray.domain.content import key_of
from daytrader_ray.domain.sources import digest_of_sources

Float64 = npt.NDArray[np.float64]

FOLDER = Path(tempfile.gettempdir(), "daytrader-verdict-benchmark")
N_DAYS, N_ENSEMBLES, DAILY_RISK, FREEDOM = 250, 31, 0.01, 4
BASELINES = ("SPY", "equal", "logistic", "boosting")
CORRELATIONS = (0.0, 0.5, 0.9)
N_NULL, N_POWER, PART, CPUS = 2_000, 200, 100, 2
BOOTSTRAP_SEED = 7
"""Every search has the same."""
MOST_SIGNIFICANT = 0.06
SOURCES = tuple(
    f"analytics/{name}.py"
    for name in ("assessment", "bootstrap", "cscv", "measure", "overfitting", "performance", "spa", "verdict")
)
STANDS = Stands(("one",), "day 1", f"day {N_DAYS}", ("A",), "drawn at random", 100_000.0)


@dataclass(frozen=True)
class Kind:
    """How a matrix is drawn: pairwise correlation, fat tails, and the true yearly Sharpe ratio of its first column."""

    correlation: float
    fat: bool
    sharpe: float = 0.0

    def __str__(self) -> str:
        """Say it in a few words."""
        skill = f", one of Sharpe {self.sharpe:g}" if self.sharpe else ""
        return f"{'fat-tailed' if self.fat else 'Gaussian'}, correlation {self.correlation:g}{skill}"


NULLS = tuple(Kind(correlation, fat) for fat in (False, True) for correlation in CORRELATIONS)
PLANTED = tuple(Kind(correlation, True, sharpe) for sharpe in (2.0, 3.0) for correlation in CORRELATIONS)


@dataclass(frozen=True)
class Found:
    """What was said of `n` matrices, and their mean PBO.

    How many were called significant, of how many it was said that the best beats a baseline, how many passed SPA and
    how many DSR alone.
    """

    n: int
    significant: int
    beating: int
    by_spa: int
    by_dsr: int
    pbo: float

    def plus(self, other: "Found") -> "Found":
        """Return both together."""
        n = self.n + other.n
        return Found(
            n,
            self.significant + other.significant,
            self.beating + other.beating,
            self.by_spa + other.by_spa,
            self.by_dsr + other.by_dsr,
            (self.n * self.pbo + other.n * other.pbo) / n,
        )

    @property
    def share(self) -> float:
        """Share of the matrices called significant."""
        return self.significant / self.n

    def interval(self) -> tuple[float, float]:
        """Return the exact 95 % interval of the share (Clopper & Pearson 1934)."""
        k, n = self.significant, self.n
        low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
        return low, float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0


def drawn(kind: Kind, rng: np.random.Generator) -> tuple[Float64, dict[str, Float64]]:
    """Return daily returns `[day, ensemble]` and those of baselines, of true mean 0 but for the column with skill."""
    common, own = rng.standard_normal((N_DAYS, 1)), rng.standard_normal((N_DAYS, N_ENSEMBLES))
    tails = np.sqrt((FREEDOM - 2) / rng.chisquare(FREEDOM, (N_DAYS, 1))) if kind.fat else np.ones((N_DAYS, 1))
    own = np.hstack([own, rng.standard_normal((N_DAYS, len(BASELINES)))])
    values = (math.sqrt(kind.correlation) * common + math.sqrt(1.0 - kind.correlation) * own) * tails
    values[:, 0] += kind.sharpe / math.sqrt(DAYS_A_YEAR)
    values *= DAILY_RISK
    beside = dict(zip(BASELINES, values[:, N_ENSEMBLES:].T, strict=True))
    return values[:, :N_ENSEMBLES], {"cash": np.zeros(N_DAYS)} | beside


def judged(kind: Kind, seeds: Sequence[int]) -> Found:
    """Return what the verdict says of the matrices of these seeds."""
    matrices = (drawn(kind, np.random.default_rng(seed)) for seed in seeds)
    found = [assess(*matrix, np.empty(0), BOOTSTRAP_SEED) for matrix in matrices]
    said = [verdict(each, STANDS) for each in found]
    return Found(
        n=len(found),
        significant=sum(each.label == SIGNIFICANT for each in said),
        beating=sum("It beats" in each.sentence for each in said),
        by_spa=sum(each.spa < P_BELOW for each in found),
        by_dsr=sum(each.dsr > DSR_ABOVE for each in found),
        pbo=float(np.mean([each.pbo.value for each in found])),
    )


def _part(folder: Path, kind: Kind, first: int) -> Found:
    """Return what is kept of PART matrices, or judge and keep them."""
    path = folder / f"{kind}-{first}.json"
    if path.exists():
        return Found(**json.loads(path.read_text(encoding="utf-8")))
    found = judged(kind, range(first, first + PART))
    atomic_write_json(str(path), vars(found))
    return found


def results_of(kinds: Sequence[Kind], n: int) -> dict[Kind, Found]:
    """Return what the verdict says of `n` matrices of each kind; parts not yet known are judged on all cores."""
    sources = {"package": digest_of_sources(SOURCES), "own": Path(__file__).read_text(encoding="utf-8")}
    folder = FOLDER / key_of({**sources, "libraries": versions_of(("numpy", "scipy"))})[:16]
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    with ProcessPoolExecutor(CPUS) as pool:
        for kind in kinds:
            first, *others = pool.map(partial(_part, folder, kind), range(0, n, PART))
            for other in others:
                first = first.plus(other)
            low, high = first.interval()
            print(
                f"{kind}: {first.significant} of {n} significant ({first.share:.1%}, {low:.1%} to {high:.1%}); "
                f"'It beats ...' {first.beating / n:.1%}; SPA alone {first.by_spa / n:.1%}, "
                f"DSR alone {first.by_dsr / n:.1%}; mean PBO {first.pbo:.2f}"
            )
            found[kind] = first
    return found


@benchmark("search.verdict_false_positives")
def verdict_false_positives() -> list[Result]:
    """Judge 2,000 matrices of luck of each kind, and 200 with one skilled column; at most 6 % may be significant."""
    began = time.perf_counter()
    nulls, planted = results_of(NULLS, N_NULL), results_of(PLANTED, N_POWER)
    print(f"{time.perf_counter() - began:.0f} s on {CPUS} cores")
    worst = max(nulls, key=lambda kind: nulls[kind].share)
    if nulls[worst].share > MOST_SIGNIFICANT:
        raise AssertionError(f"{worst}: {nulls[worst].share:.1%} significant, at most {MOST_SIGNIFICANT:.0%} may be")
    shares = [found.share for found in nulls.values()]
    lines = [_line("search.verdict_false_positives", f"share, {worst}", max(shares), shares, N_NULL)]
    for sharpe in sorted({kind.sharpe for kind in PLANTED}):
        shares = [found.share for kind, found in planted.items() if kind.sharpe == sharpe]
        lines.append(_line(f"search.verdict_power_{sharpe:g}", "share found", float(np.mean(shares)), shares, N_POWER))
    return lines


def _line(name: str, unit: str, value: float, shares: Sequence[float], runs: int) -> Result:
    """Return a result whose spread is that of the kinds."""
    return Result(name, value, unit, "", None, None, (max(shares) - min(shares)) / max(value, 1e-9), runs)
