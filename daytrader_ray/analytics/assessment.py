"""All that can be said of the best of many curves: how good, and how likely to be luck (METHODS 11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from daytrader_ray.analytics.cscv import Pbo, pbo
from daytrader_ray.analytics.measure import Estimate, key_figures
from daytrader_ray.analytics.overfitting import daily_sharpe, dsr, expected_maximum, minimum_track_record, psr
from daytrader_ray.analytics.performance import plain
from daytrader_ray.analytics.spa import spa
from daytrader_ray.domain.errors import DataError

Float64 = npt.NDArray[np.float64]

P_BELOW = 0.05
"""A p-value below this is more than luck."""


@dataclass(frozen=True)
class Assessment:
    """What a search's best curve showed, corrected for having been chosen.

    Attributes
    ----------
    best, days, mean
        Its column, its days out of sample, its mean net return a day.
    n_search, n_ledger, n_trials
        Columns of this search; distinct earlier trials on the same days; distinct curves of both, which `sr0` counts.
    psr, sr0, dsr
        Probability that its daily Sharpe ratio exceeds 0; the best daily ratio of so many trials without skill;
        probability that it exceeds that.
    spa, spa_against
        Hansen's p-value of the best of all columns against cash, and by name against each baseline.
    ahead_bps
        The best column's mean daily return less that of each baseline, in basis points.
    pbo
        How often the choice of the best fails on other days; no evidence where nothing was earned.
    track_record
        Days that this ratio needs to exceed `sr0` with 95 %; infinite where it does not exceed it.
    intervals
        Of its `sharpe` (a year), `total_return`, `mean_bps` (a day): value and ends of the 95 % interval, not
        corrected for the choice.
    """

    best: int
    days: int
    mean: float
    n_search: int
    n_ledger: int
    n_trials: int
    psr: float
    sr0: float
    dsr: float
    spa: float
    spa_against: dict[str, float]
    ahead_bps: dict[str, float]
    pbo: Pbo
    track_record: float
    intervals: dict[str, Estimate]

    @property
    def earned(self) -> bool:
        """Whether the best column made money after costs."""
        return self.mean > 0

    def beats(self, baseline: str) -> bool:
        """Whether it earned more than a baseline, by more than luck."""
        return self.ahead_bps[baseline] > 0 and self.spa_against[baseline] < P_BELOW

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: None for NaN and infinity; an interval is [value, low, high]."""
        edges, counts = self.pbo.histogram()
        numbers = ("best", "days", "mean", "n_search", "n_ledger", "n_trials", "psr", "sr0", "dsr", "spa")
        return {name: plain(getattr(self, name)) for name in numbers} | {
            "spa_against": {name: plain(p) for name, p in self.spa_against.items()},
            "ahead_bps": self.ahead_bps,
            "pbo": {
                "value": plain(self.pbo.value),
                "blocks": self.pbo.blocks,
                "evidence": self.earned,
                "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
            },
            "track_record": plain(self.track_record),
            "intervals": {
                name: [plain(value) for value in (found.value, found.low, found.high)]
                for name, found in self.intervals.items()
            },
        }


def assess(returns: Float64, baselines: Mapping[str, Float64], ledger: Float64, seed: int) -> Assessment:
    """Assess the best of daily net returns `[T, M]`: the highest Sharpe ratio, of equals the first.

    Parameters
    ----------
    returns
        One column for each ensemble without cash, ordered by the number of members, then by mask.
    baselines
        Daily net returns `[T]` of the same days by name.
    ledger
        Daily Sharpe ratios of the other distinct trials whose days overlap, without this search's.
    seed
        Of every bootstrap.

    Equal columns are one trial. A column without variation (it never traded) has a ratio of 0. One thread computes,
    so that the bits do not depend on the machine's cores.
    """
    _check(returns, baselines)
    with threadpool_limits(1):
        return _assessed(returns, baselines, ledger, seed)


def _assessed(returns: Float64, baselines: Mapping[str, Float64], ledger: Float64, seed: int) -> Assessment:
    ratios = np.nan_to_num([daily_sharpe(column) for column in returns.T], nan=0.0)
    best = int(ratios.argmax())
    winner = returns[:, best]
    distinct = np.sort(np.unique(returns, axis=1, return_index=True)[1])
    trials = np.concatenate([ratios[distinct], ledger])
    sr0 = expected_maximum(trials)
    return Assessment(
        best=best,
        days=len(returns),
        mean=float(winner.mean()),
        n_search=returns.shape[1],
        n_ledger=len(ledger),
        n_trials=len(trials),
        psr=psr(winner),
        sr0=sr0,
        dsr=dsr(winner, trials),
        spa=spa(returns, seed).p,
        spa_against={name: spa(returns - theirs[:, None], seed).p for name, theirs in baselines.items()},
        ahead_bps={name: 1e4 * float((winner - theirs).mean()) for name, theirs in baselines.items()},
        pbo=pbo(returns[:, distinct]),
        track_record=minimum_track_record(winner, sr0),
        intervals=key_figures(winner, seed),
    )


def _check(returns: Float64, baselines: Mapping[str, Float64]) -> None:
    if returns.ndim != 2 or not returns.size:
        raise DataError(f"returns of shape {returns.shape}: expected at least one day and one ensemble")
    for name, series in {"the ensembles": returns, **baselines}.items():
        if len(series) != len(returns):
            raise DataError(f"{name}: {len(series)} daily returns, expected {len(returns)}, the days of the ensembles")
        if not np.isfinite(series).all():
            day = int(np.argwhere(~np.isfinite(series))[0][0])
            raise DataError(f"{name}: the return of day {day} is {series[day]}, expected a finite number")
