"""How an equity curve did: returns, risk, trades and costs (METHODS 10).

Everything is computed from daily net returns and from closed round trips; a figure that its data cannot give is NaN.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

DAYS_A_YEAR = 252


@dataclass(frozen=True)
class TradeTable:
    """Closed round trips of a curve, one entry each `[trade]`.

    `pnl_usd` net of costs; `notional_usd` the entry's value, unsigned; `minutes` held.
    """

    pnl_usd: Float64
    notional_usd: Float64
    minutes: Float64

    @classmethod
    def empty(cls) -> "TradeTable":
        """Return the table of a curve that never traded."""
        return cls(np.empty(0), np.empty(0), np.empty(0))


@dataclass(frozen=True)
class CostTotals:
    """What trading cost over the curve in USD, estimated from each fill, and the value traded (both sides)."""

    spread_usd: float = 0.0
    impact_usd: float = 0.0
    fees_usd: float = 0.0
    traded_usd: float = 0.0

    @property
    def total_usd(self) -> float:
        """All costs together."""
        return self.spread_usd + self.impact_usd + self.fees_usd

    def plus(self, other: "CostTotals") -> "CostTotals":
        """Return the sum of two totals."""
        return CostTotals(
            self.spread_usd + other.spread_usd,
            self.impact_usd + other.impact_usd,
            self.fees_usd + other.fees_usd,
            self.traded_usd + other.traded_usd,
        )


@dataclass(frozen=True)
class Performance:
    """Metrics of one curve. Fractions are fractions (0.02 = 2 %); drawdowns and losses are positive fractions.

    `average_win`, `average_loss` and `win_rate` are over round trips (USD). `turnover` is value traded a day over
    equity, `exposure` the mean gross position over equity in minutes of the session. `cost_share` is cost over gross
    profit before cost. `capacity_usd` is the equity at which impact, growing with the square root of size, halves the
    net Sharpe ratio.
    """

    days: int
    total_return: float
    annual_return: float
    volatility: float
    sharpe: float
    sortino: float
    max_drawdown: float
    drawdown_days: int
    calmar: float
    trades: int
    trades_a_day: float
    win_rate: float
    profit_factor: float
    average_win_usd: float
    average_loss_usd: float
    average_minutes: float
    turnover: float
    exposure: float
    skewness: float
    kurtosis: float
    var_5: float
    shortfall_5: float
    cost_share: float
    capacity_usd: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return plain values for JSON: NaN and infinity become None."""
        return {key: plain(value) for key, value in asdict(self).items()}


def plain(value: float) -> float | int | None:
    """Return a number that JSON can hold: None for NaN and infinity."""
    return value if isinstance(value, int) or math.isfinite(value) else None


def performance(equity: Float64, trades: TradeTable, costs: CostTotals, exposure: float = math.nan) -> Performance:
    """Measure a curve of session equities `equity [T + 1]` in USD, the capital at the start first."""
    returns = daily_returns(equity)
    days = len(returns)
    mean, std = _mean(returns), _std(returns)
    drawdown, drawdown_days = max_drawdown(equity)
    total = float(equity[-1] / equity[0] - 1.0)
    annual = (1.0 + total) ** (DAYS_A_YEAR / days) - 1.0 if days and total > -1.0 else math.nan
    skewness, kurtosis = moments(returns)
    wins, losses = trades.pnl_usd[trades.pnl_usd > 0], trades.pnl_usd[trades.pnl_usd < 0]
    var_5, shortfall = tail(returns)
    gross_usd = float(equity[-1] - equity[0]) + costs.total_usd
    average_equity = _mean(equity)
    return Performance(
        days=days,
        total_return=total,
        annual_return=annual,
        volatility=std * math.sqrt(DAYS_A_YEAR),
        sharpe=sharpe(returns),
        sortino=_ratio(mean, _downside(returns)) * math.sqrt(DAYS_A_YEAR),
        max_drawdown=drawdown,
        drawdown_days=drawdown_days,
        calmar=_ratio(annual, drawdown),
        trades=len(trades.pnl_usd),
        trades_a_day=_ratio(len(trades.pnl_usd), days),
        win_rate=_ratio(len(wins), len(trades.pnl_usd)),
        profit_factor=_ratio(float(wins.sum()), float(-losses.sum())),
        average_win_usd=_mean(wins),
        average_loss_usd=-_mean(losses),
        average_minutes=_mean(trades.minutes),
        turnover=_ratio(costs.traded_usd, days * average_equity),
        exposure=exposure,
        skewness=skewness,
        kurtosis=kurtosis,
        var_5=var_5,
        shortfall_5=shortfall,
        cost_share=_ratio(costs.total_usd, gross_usd) if gross_usd > 0 else math.nan,
        capacity_usd=_capacity(float(equity[-1] - equity[0]), costs.impact_usd, average_equity),
    )


def daily_returns(equity: Float64) -> Float64:
    """Return the net return of each session `[T]` from session equities `[T + 1]`."""
    return np.asarray(equity[1:] / equity[:-1] - 1.0, dtype=np.float64)


def sharpe(returns: Float64) -> float:
    """Return mean / std * sqrt(252) with ddof 1; NaN with fewer than 2 days or no variation.

    >>> round(sharpe(np.array([0.01, 0.03])), 3)
    22.45
    """
    return _ratio(_mean(returns), _std(returns)) * math.sqrt(DAYS_A_YEAR)


def max_drawdown(equity: Float64) -> tuple[float, int]:
    """Return the deepest fall from a peak, as a positive fraction, and the longest time below a peak in sessions."""
    peak = np.maximum.accumulate(equity)
    depth = float(np.max(1.0 - equity / peak))
    longest = here = 0
    for below in equity < peak:
        here = here + 1 if below else 0
        longest = max(longest, here)
    return depth, longest


def moments(returns: Float64) -> tuple[float, float]:
    """Return skewness and (non-excess) kurtosis by their population moments; NaN without variation."""
    centred = returns - _mean(returns)
    variance = _mean(centred**2)
    if not len(returns) or not variance > 0:
        return math.nan, math.nan
    return _mean(centred**3) / variance**1.5, _mean(centred**4) / variance**2


def tail(returns: Float64) -> tuple[float, float]:
    """Return the 5 % value at risk and the mean loss beyond it, both as positive fractions of equity."""
    if not len(returns):
        return math.nan, math.nan
    cut = float(np.quantile(returns, 0.05))
    return -cut, -_mean(returns[returns <= cut])


def _capacity(net_usd: float, impact_usd: float, equity: float) -> float:
    if not (net_usd > 0 and impact_usd > 0):
        return math.nan
    return equity * (1.0 + net_usd / (2.0 * impact_usd)) ** 2


def _mean(values: Float64) -> float:
    return float(values.mean()) if len(values) else math.nan


def _std(values: Float64) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _downside(returns: Float64) -> float:
    return math.sqrt(_mean(np.minimum(returns, 0.0) ** 2)) if len(returns) > 1 else math.nan


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else math.nan
