"""What if: the same trades at other costs, and with more money."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.measure import added, number_of
from daytrader_ray.analytics.performance import daily_returns, of_returns, ratio, sharpe
from daytrader_ray.analytics.run import Run
from daytrader_ray.domain.trading import OrderKind

Float64 = npt.NDArray[np.float64]

COST_FACTORS = tuple(k / 4 for k in range(13))
"""No costs to three times the estimated ones; 1 is the run itself."""

SIZES = tuple(2.0 ** (k / 2) for k in range(-4, 25))
"""A quarter of the equity to 4,096 times as much; 1 is the run itself."""


@dataclass(frozen=True)
class Sweep:
    """Metrics at each factor `[point]`, and the factor at which the net result is 0 or the Sharpe ratio half.

    `crossing` is NaN where it is not between the first and the last factor.
    """

    factor: Float64
    total_return: Float64
    annual_return: Float64
    sharpe: Float64
    crossing: float


def cost_sweep(run: Run) -> Sweep:
    """Return the result of the same trades if all their costs had been `COST_FACTORS` as large."""
    factors = np.array(COST_FACTORS)
    sweep = _swept(factors, at_costs(run, factors[:, None]))
    return _crossed(sweep, sweep.total_return, 0.0)


def at_costs(run: Run, factor: float | Float64) -> Float64:
    """Return the daily returns of the same trades if their costs had been `factor` times as large `[..., session]`."""
    fills = run.fills
    return paid_again(
        run.session_equity, _per_session(run, fills.spread_usd + fills.impact_usd + fills.fee_usd), factor
    )


def paid_again(equity: Float64, cost_usd: Float64, factor: float | Float64) -> Float64:
    """Return the daily returns of equities `[session + 1]` if what sessions paid had been `factor` times as much."""
    return daily_returns(equity) - (factor - 1.0) * cost_usd / equity[:-1]


def capacity_curve(run: Run) -> Sweep:
    """Return the result of the same trades, each `SIZES` as large: impact in bps grows with the root of the size.

    Participation limits are not applied again (`measure.volume_room` tells when they would be): at large sizes the
    truth is worse. The curve ends where nothing is earned any more.
    """
    return capacity_of(run.session_equity, _per_session(run, run.fills.impact_usd))


def capacity_of(equity: Float64, impact_usd: Float64) -> Sweep:
    """Return the same of session equities `[session + 1]` and the impact that each session paid in USD."""
    sizes = np.array(SIZES)
    returns = paid_again(equity, impact_usd, np.sqrt(sizes)[:, None])
    over = np.flatnonzero(sharpe(returns) < 0)
    stop = max(int(over[0]), SIZES.index(1.0)) + 1 if len(over) else len(sizes)
    sweep = _swept(sizes[:stop], returns[:stop])
    here = float(np.interp(1.0, sweep.factor, sweep.sharpe))
    return _crossed(sweep, sweep.sharpe, here / 2.0 if here > 0 else np.nan)


def free_share(run: Run) -> float:
    """Return how much of the value traded was filled at a limit inside a bar, without spread or impact.

    Larger costs or sizes leave those fills free, so that sweep and capacity flatter a run that has many.
    """
    fills = run.fills
    value = fills.qty * fills.price
    free = (fills.spread_usd + fills.impact_usd == 0.0) & np.isin(fills.kind, (OrderKind.ENTRY, OrderKind.EXIT))
    return float(ratio(value[free].sum(), value.sum()))


def _per_session(run: Run, usd: Float64) -> Float64:
    return added(number_of(run, run.fills.session), usd, len(run.dates))


def _swept(factors: Float64, returns: Float64) -> Sweep:
    found = of_returns(returns)
    return Sweep(factors, found["total_return"], found["annual_return"], found["sharpe"], float("nan"))


def _crossed(sweep: Sweep, values: Float64, level: float) -> Sweep:
    """Return the sweep with the factor at which falling `values` reach `level`, by straight lines between points."""
    above = values >= level
    place = int(np.argmin(above))
    crossing = float("nan")
    if above[0] and not above[place]:
        step = ratio(values[place - 1] - level, values[place - 1] - values[place])
        crossing = float(sweep.factor[place - 1] + step * (sweep.factor[place] - sweep.factor[place - 1]))
    return Sweep(sweep.factor, sweep.total_return, sweep.annual_return, sweep.sharpe, crossing)
