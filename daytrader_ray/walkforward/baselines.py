"""Whether the ensemble is worth more than what anybody has: cash, SPY, two plain models, equal weights."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.assessment import p_shared_by
from daytrader_ray.analytics.performance import of_returns, plain
from daytrader_ray.analytics.verdict import probability
from daytrader_ray.domain.indices import SPY
from daytrader_ray.domain.trading import members_of, name_of
from daytrader_ray.walkforward.costs import round_trip_costs
from daytrader_ray.walkforward.result import TrialResult
from daytrader_ray.walkforward.study import Study
from daytrader_ray.walkforward.trade import adjusted_closes
from daytrader_ray.walkforward.windows import Block, Window

Float64 = npt.NDArray[np.float64]

CASH = "cash"

FIGURES = ("sharpe", "total_return", "trades", "p", "gap_bps", "error_bps")
"""What the row of a baseline tells."""


@dataclass(frozen=True)
class Baseline:
    """What the best ensemble is compared with: net `returns` `[T]` of its days, and round trips."""

    name: str
    members: tuple[str, ...]
    returns: Float64
    trades: int

    @property
    def sharpe(self) -> float:
        """Return the Sharpe ratio of a year, 0 without variation."""
        return _sharpe(self.returns)


def baselines_of(study: Study, windows: Sequence[Window], trials: Sequence[TrialResult]) -> list[Baseline]:
    """Return cash, SPY where its price is known, and the baselines among `trials`, over the steps of the windows."""
    n_days = sum(window.step[1] - window.step[0] for window in windows)
    found = [Baseline(CASH, (), np.zeros(n_days), 0)]
    if (spy := held(study, SPY, windows)) is not None:
        found.append(Baseline(SPY, (), spy, 1))
    return found + [
        Baseline(name_of(trial.mask), members_of(trial.mask), trial.returns, trial.performance.trades)
        for trial in trials
    ]


def held(study: Study, symbol: str, windows: Sequence[Window]) -> Float64 | None:
    """Return the daily returns of a symbol bought at the close before the first step and held `[T]`.

    Dividends are in them; the first day pays the whole round trip. A session without a price carries the one before.
    None where no price is known before the first step, or none after it.
    """
    first, stop = windows[0].step[0], windows[-1].step[1]
    closes, cost = _carried(adjusted_closes(study.frames.panel, symbol, (0, stop))), _cost(study, symbol, (first, stop))
    if cost is None or not math.isfinite(closes[first]):
        return None
    tested = np.concatenate([np.arange(*window.step) for window in windows]) + 1
    path = closes[np.concatenate([[first], tested])]
    returns = path[1:] / path[:-1] - 1.0
    returns[0] -= cost
    return np.asarray(returns)


def _carried(closes: Float64) -> Float64:
    """Return prices with each unknown one replaced by the last known before it."""
    known = np.where(np.isfinite(closes), np.arange(len(closes)), 0)
    return np.asarray(closes[np.maximum.accumulate(known)])


def _cost(study: Study, symbol: str, block: Block) -> float | None:
    """Return what a round trip costs at the first price of a block; None without one."""
    for session in range(*block) if symbol in study.frames.panel.symbols else ():
        costs = round_trip_costs(study.frames, (session, session + 1), study.costs, study.config.cash)
        mine = costs[:, study.frames.panel.column(symbol)]
        if len(known := mine[np.isfinite(mine)]):
            return float(known[0])
    return None


def comparison(
    best: TrialResult, n_ensembles: int, baselines: Sequence[Baseline], p: Mapping[str, float]
) -> dict[str, Any]:
    """Return whether `best` of `n_ensembles` was ahead of every baseline net of cost, in one sentence, and the figures.

    Compared are the Sharpe ratios of daily returns net of cost, by which `best` was chosen, on the same days; whether
    it beats one by more than luck is the verdict's to say. Beside them `p` (`Assessment.p_against`), and the mean
    difference of daily returns with its standard error in basis points. Where SPY has no price its row has no figures
    (None).
    """
    rows = [_row(best, one, p.get(one.name, math.nan)) for one in baselines]
    behind = [one for one in baselines if one.sharpe >= _sharpe(best.returns)]
    ahead = bool(best.performance.trades) and not behind
    said = _sentence(best, n_ensembles, baselines, rows)
    if SPY not in {one.name for one in baselines}:
        rows.insert(1, dict.fromkeys(FIGURES) | {"name": SPY, "members": []})
        said += f" {SPY} is not among them: these days have no price of it."
    return {"ahead": ahead, "sentence": said, "rows": rows}


def _row(best: TrialResult, baseline: Baseline, p: float) -> dict[str, Any]:
    gap = 1e4 * (best.returns - baseline.returns)
    found = of_returns(baseline.returns)
    return {
        "name": baseline.name,
        "members": list(baseline.members),
        "sharpe": plain(float(found["sharpe"])),
        "total_return": float(found["total_return"]),
        "trades": baseline.trades,
        "p": plain(p),
        "gap_bps": float(gap.mean()),
        "error_bps": plain(float(gap.std(ddof=1)) / math.sqrt(len(gap)) if len(gap) > 1 else math.inf),
    }


def _sentence(
    best: TrialResult, n_ensembles: int, baselines: Sequence[Baseline], rows: Sequence[Mapping[str, Any]]
) -> str:
    figures = ", ".join(map(_figure, baselines))
    if not best.performance.trades:
        return f"The best of {n_ensembles} ensembles never traded (Sharpe ratio: {figures})."
    mine, below = _sharpe(best.returns), p_shared_by(len(rows))
    before = [one.name for one in baselines if one.sharpe >= mine]
    verb = "has no higher Sharpe ratio than" if before else "has a higher Sharpe ratio than"
    names = before or [one.name for one in baselines]
    return (
        f"Net of cost the best of {n_ensembles} ensembles {verb} {_listed(names)} on these days: {mine:.2f} against "
        f"{figures}. Its daily return less theirs in basis points, with one standard error: "
        f"{', '.join(_gap(row, below) for row in rows)}. It was chosen on these very days, they were not; "
        "the verdict says what luck explains."
    )


def _figure(one: Baseline) -> str:
    if one.name == CASH or one.trades:
        return f"{one.name} {one.sharpe:.2f}"
    return f"{one.name} never traded (counted as 0)"


def _gap(row: Mapping[str, Any], below: float) -> str:
    error = "" if row["error_bps"] is None else f" ± {row['error_bps']:.1f}"
    p = "" if row["p"] is None else f" (p {probability(row['p'], below)})"
    return f"{row['name']} {row['gap_bps']:+.1f}{error}{p}"


def _listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them.

    >>> _listed(["cash", "SPY", "equal"])
    'cash, SPY and equal'
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _sharpe(returns: Float64) -> float:
    found = float(of_returns(returns)["sharpe"])
    return 0.0 if math.isnan(found) else found
