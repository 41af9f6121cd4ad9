"""How much validation B says to bet: Kelly's fractions by |signal| from the kernel's own trades there (METHODS 8)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.performance import daily_returns, plain
from daytrader_ray.domain.budget import CONFIDENCE, Sizing
from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import Record
from daytrader_ray.engine.budgets import five_minute_returns
from daytrader_ray.engine.trips import Trips, trips_of
from daytrader_ray.portfolio.covariance import ledoit_wolf, mean_correlation
from daytrader_ray.portfolio.kelly import FEWEST, Buckets, buckets_of, sizing_of, true_kelly

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Simulate = Callable[[Sizing], Record]

FRACTIONS = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5)


@dataclass(frozen=True)
class Kelly:
    """What entries are sized by, and the trades on B that say so.

    `at_once` is the mean number of positions while there is any, `correlation` the mean one of the stocks' returns.
    """

    sizing: Sizing
    buckets: Buckets
    at_once: float
    correlation: float

    @property
    def note(self) -> str:
        """Return why entries are not sized by the trades on B; empty where they are."""
        n = int(self.buckets.n.sum())
        return f"sized by |signal| alone: {n} of {FEWEST} trades on B" if n < FEWEST else ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values by bucket, with the true Kelly fraction of equity for bets like these side by side."""
        p, win, loss = (part.tolist() for part in (self.buckets.p, self.buckets.win, self.buckets.loss))
        bets = zip(p, win, loss, strict=True)
        return {
            "fraction": self.sizing.fraction,
            "edges": self.sizing.edges.tolist(),
            "weight": self.sizing.weight.tolist(),
            "trades": self.buckets.n.tolist(),
            "win_rate": p,
            "win": win,
            "loss": loss,
            "true_kelly": [plain(true_kelly(*bet, self.at_once, self.correlation)) for bet in bets],
        }


def fit_kelly(frames: Frames, signal: Float64, columns: Int64, simulate: Simulate) -> Kelly:
    """Return what the trades that the kernel makes on B, sized by |signal| alone, say about size.

    `signal` `[row, symbol]` and `frames` are B's, `columns` the stocks; `simulate` trades B with a sizing. The fraction
    is the one with which equity grew most there, the smaller of equals.
    """
    found = trips_of(simulate(CONFIDENCE), signal.shape[1])
    entered = frames.panel.grid.first_row[found.session] + found.entry_slot
    strength, net = np.abs(signal[entered - 1, found.symbol]), found.pnl_usd / found.notional_usd
    buckets = buckets_of(strength, net)
    sizing = sizing_of(buckets, FRACTIONS[0])
    if len(net) >= FEWEST and sizing.weight.any():
        choices = [sizing_of(buckets, fraction) for fraction in FRACTIONS]
        sizing = max(choices, key=lambda one: (_growth(simulate(one)), -one.fraction))
    return Kelly(sizing, buckets, _at_once(frames, found), _correlation(frames, columns))


def _growth(found: Record) -> float:
    """Return the mean logarithmic growth of equity in a session; -inf where all was lost."""
    returns = daily_returns(found.session_equity)
    return float(np.log1p(returns).mean()) if (returns > -1.0).all() else -math.inf


def _at_once(frames: Frames, found: Trips) -> float:
    """Return the mean number of positions at the closes at which there is any; 1 without a trade.

    Those carried into another session, whose slots mean other rows, are left out.
    """
    grid, change = frames.panel.grid, np.zeros(frames.panel.grid.n_rows + 1)
    first, inside = grid.first_row[found.session], ~found.carried
    np.add.at(change, (first + found.entry_slot)[inside], 1.0)
    np.add.at(change, (first + found.exit_slot)[inside], -1.0)
    held = change.cumsum()
    return float(held[held > 0].mean()) if (held > 0).any() else 1.0


def _correlation(frames: Frames, columns: Int64) -> float:
    """Return the mean correlation of the stocks' 5-minute returns."""
    panel = frames.panel
    days = np.split(panel.close[:, columns], panel.grid.first_row[1:-1])
    returns = np.concatenate([five_minute_returns(day, panel.grid.bar_minutes) for day in days])
    used = np.isfinite(returns).all(axis=0) & (np.ptp(returns, axis=0) > 0.0)
    return mean_correlation(ledoit_wolf(returns[:, used])) if used.sum() > 1 else 0.0
