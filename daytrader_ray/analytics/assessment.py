"""All that can be said of the best of many curves: how good, and how likely to be luck (METHODS 11)."""

import math
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
Int64 = npt.NDArray[np.int64]

BY_LEDGER = ("n_ledger", "n_trials", "sr0", "dsr", "track_record")
"""What of an assessment depends on the other trials."""

NUMBERS = ("best", "days", "traded_days", "mean", "n_search", "psr", "spa", *BY_LEDGER)

P_BELOW = 0.05
"""A p-value below this is more than luck."""


def p_shared_by(n: int) -> float:
    """Return below which each of `n` p-values is more than luck: P_BELOW shared (Bonferroni)."""
    return P_BELOW / max(n, 1)


@dataclass(frozen=True)
class Assessment:
    """What a search's best curve showed, corrected for having been chosen.

    Attributes
    ----------
    best, days, traded_days, mean
        Its column, its days out of sample, on how many of them it moved, its mean net return a day.
    n_search, n_ledger, n_trials
        Columns of this search; distinct earlier trials on the same days; distinct curves of both, which `sr0` counts.
    psr, sr0, dsr
        Probability that its daily Sharpe ratio exceeds 0; the best daily ratio of so many trials without skill;
        probability that it exceeds that.
    spa, spa_against
        Hansen's p-value of the best of all columns against cash, and by name against each baseline. That best is the
        column of the largest studentised gain, which need not be `best`.
    spa_own
        The same p-value of the best column alone, by name of the baseline.
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
    traded_days: int
    mean: float
    n_search: int
    n_ledger: int
    n_trials: int
    psr: float
    sr0: float
    dsr: float
    spa: float
    spa_against: dict[str, float]
    spa_own: dict[str, float]
    pbo: Pbo
    track_record: float
    intervals: dict[str, Estimate]

    @property
    def earned(self) -> bool:
        """Whether the best column made money after costs."""
        return self.mean > 0

    def p_against(self) -> dict[str, float]:
        """Return by baseline the larger of the best column's own p-value and that of the best of all; NaN unknown.

        In alphabetical order: a file does not keep that of the comparison.
        """
        names = sorted(self.spa_against, key=str.casefold)
        return {name: float(np.maximum(self.spa_against[name], self.spa_own[name])) for name in names}

    @property
    def p_shared(self) -> float:
        """Below which `p_against` is more than luck."""
        return p_shared_by(len(self.spa_against))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: None for NaN and infinity; an interval is [value, low, high]."""
        edges, counts = self.pbo.histogram()
        return {name: plain(getattr(self, name)) for name in NUMBERS} | {
            "spa_against": {name: plain(p) for name, p in self.spa_against.items()},
            "spa_own": {name: plain(p) for name, p in self.spa_own.items()},
            "pbo": {
                "value": plain(self.pbo.value),
                "blocks": self.pbo.blocks,
                "evidence": self.earned,
                "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
            },
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
    best = int(_ratios(returns).argmax())
    winner = returns[:, best]
    return Assessment(
        best=best,
        days=len(returns),
        traded_days=int(np.count_nonzero(winner)),
        mean=float(winner.mean()),
        n_search=returns.shape[1],
        psr=psr(winner),
        spa=spa(returns, seed).p,
        spa_against={name: spa(returns - theirs[:, None], seed).p for name, theirs in baselines.items()},
        spa_own={name: spa((winner - theirs)[:, None], seed).p for name, theirs in baselines.items()},
        pbo=pbo(returns[:, _distinct(returns)]),
        intervals=key_figures(winner, seed),
        **_by_ledger(returns, best, ledger),
    )


def reassessed(told: Mapping[str, Any], returns: Float64, ledger: Float64) -> Assessment:
    """Return the assessment whose `as_dict` is `told`, with what depends on the ledger computed from another one.

    `returns` are those that were assessed; the splits behind `pbo` are not told, so that its histogram is empty.
    """
    with threadpool_limits(1):
        known: dict[str, Any] = {name: _float(told[name]) for name in NUMBERS if name not in BY_LEDGER}
        return Assessment(
            **known,
            spa_against={name: _float(p) for name, p in told["spa_against"].items()},
            spa_own={name: _float(p) for name, p in told["spa_own"].items()},
            pbo=Pbo(_float(told["pbo"]["value"]), np.empty(0), told["pbo"]["blocks"]),
            intervals={name: Estimate(*map(_float, values)) for name, values in told["intervals"].items()},
            **_by_ledger(returns, told["best"], ledger),
        )


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def _by_ledger(returns: Float64, best: int, ledger: Float64) -> dict[str, Any]:
    """Return the values of BY_LEDGER."""
    own, winner = _ratios(returns[:, _distinct(returns)]), returns[:, best]
    sr0 = expected_maximum(own, ledger)
    counts = {"n_ledger": len(ledger), "n_trials": len(own) + len(ledger)}
    found = {"sr0": sr0, "dsr": dsr(winner, own, ledger), "track_record": minimum_track_record(winner, sr0)}
    return counts | found


def _ratios(returns: Float64) -> Float64:
    return np.nan_to_num([daily_sharpe(column) for column in returns.T], nan=0.0)


def _distinct(returns: Float64) -> Int64:
    """Return the columns that differ from all before them."""
    return np.sort(np.unique(returns, axis=1, return_index=True)[1])


def _check(returns: Float64, baselines: Mapping[str, Float64]) -> None:
    if returns.ndim != 2 or not returns.size:
        raise DataError(f"returns of shape {returns.shape}: expected at least one day and one ensemble")
    for name, series in {"the ensembles": returns, **baselines}.items():
        if len(series) != len(returns):
            raise DataError(f"{name}: {len(series)} daily returns, expected {len(returns)}, the days of the ensembles")
        if not np.isfinite(series).all():
            day = int(np.argwhere(~np.isfinite(series))[0][0])
            raise DataError(f"{name}: the return of day {day} is {series[day]}, expected a finite number")
