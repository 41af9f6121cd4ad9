"""How an equity curve did: returns, risk, trades and costs (METHODS 10).

Everything is computed from daily net returns and from sums over closed round trips, along the last axis: the same
functions measure one curve and a thousand resampled ones. A figure that its data cannot give is NaN.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

DAYS_A_YEAR = 252


@dataclass(frozen=True)
class TradeTable:
    """Closed round trips of a curve, one entry each `[trade]`.

    `pnl_usd` net of costs; `minutes` held.
    """

    pnl_usd: Float64
    minutes: Float64

    @classmethod
    def empty(cls) -> "TradeTable":
        """Return the table of a curve that never traded."""
        return cls(np.empty(0), np.empty(0))


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


@dataclass(frozen=True)
class Sums:
    """What sessions add up to, for one curve or `[sample]` of them: USD, counts and minutes.

    `equity_usd` is the mean equity of the sessions, `held` the mean gross position over equity.
    """

    days: Float64
    equity_usd: Float64
    net_usd: Float64
    trades: Float64
    wins: Float64
    losses: Float64
    won_usd: Float64
    lost_usd: Float64
    minutes: Float64
    traded_usd: Float64
    cost_usd: Float64
    impact_usd: Float64
    held: Float64


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
    pnl = trades.pnl_usd
    totals = {
        "days": len(equity) - 1,
        "equity_usd": equity.mean(),
        "net_usd": equity[-1] - equity[0],
        "trades": len(pnl),
        "wins": (pnl > 0).sum(),
        "losses": (pnl < 0).sum(),
        "won_usd": pnl[pnl > 0].sum(),
        "lost_usd": -pnl[pnl < 0].sum(),
        "minutes": trades.minutes.sum(),
        "traded_usd": costs.traded_usd,
        "cost_usd": costs.total_usd,
        "impact_usd": costs.impact_usd,
        "held": exposure,
    }
    sums = Sums(**{key: np.asarray(value, dtype=np.float64) for key, value in totals.items()})
    measured = of_returns(daily_returns(equity)) | of_sums(sums)
    found: dict[str, Any] = {key: float(value) for key, value in measured.items()}
    drawdown, drawdown_days = max_drawdown(equity)
    found |= {"max_drawdown": drawdown, "calmar": float(ratio(found["annual_return"], drawdown))}
    counts = {"days": len(equity) - 1, "drawdown_days": drawdown_days, "trades": len(pnl)}
    return Performance(**(found | counts))


def of_returns(returns: Float64) -> dict[str, Float64]:
    """Measure daily net returns `[..., T]`: one figure for each series."""
    n = returns.shape[-1]
    total = np.prod(1.0 + returns, axis=-1) - 1.0
    kept = np.where(total > -1.0, 1.0 + total, np.nan)
    annual = kept ** (DAYS_A_YEAR / n) - 1.0 if n else np.full_like(total, np.nan)
    depth, longest = drawdowns(returns)
    skewness, kurtosis = moments(returns)
    var_5, shortfall = tail(returns)
    downside = np.sqrt(_mean(np.minimum(returns, 0.0) ** 2)) if n > 1 else np.full_like(total, np.nan)
    return {
        "total_return": total,
        "annual_return": annual,
        "volatility": _std(returns) * math.sqrt(DAYS_A_YEAR),
        "sharpe": sharpe(returns),
        "sortino": ratio(_mean(returns), downside) * math.sqrt(DAYS_A_YEAR),
        "max_drawdown": depth,
        "drawdown_days": longest,
        "calmar": ratio(annual, depth),
        "skewness": skewness,
        "kurtosis": kurtosis,
        "var_5": var_5,
        "shortfall_5": shortfall,
    }


def of_sums(sums: Sums) -> dict[str, Float64]:
    """Measure what does not depend on the order of sessions: trades and costs."""
    gross_usd = sums.net_usd + sums.cost_usd
    earns = (sums.net_usd > 0) & (sums.impact_usd > 0)
    room = 1.0 + ratio(sums.net_usd, 2.0 * sums.impact_usd)
    return {
        "trades_a_day": ratio(sums.trades, sums.days),
        "win_rate": ratio(sums.wins, sums.trades),
        "profit_factor": ratio(sums.won_usd, sums.lost_usd),
        "average_win_usd": ratio(sums.won_usd, sums.wins),
        "average_loss_usd": ratio(sums.lost_usd, sums.losses),
        "average_minutes": ratio(sums.minutes, sums.trades),
        "turnover": ratio(sums.traded_usd, sums.days * sums.equity_usd),
        "exposure": np.asarray(sums.held, dtype=np.float64),
        "cost_share": ratio(sums.cost_usd, gross_usd),
        "capacity_usd": np.where(earns, sums.equity_usd * room**2, np.nan),
    }


def daily_returns(equity: Float64) -> Float64:
    """Return the net return of each session `[T]` from session equities `[T + 1]`."""
    return np.asarray(equity[1:] / equity[:-1] - 1.0, dtype=np.float64)


def sharpe(returns: Float64) -> Float64:
    """Return mean / std * sqrt(252) with ddof 1 of `[..., T]`; NaN with fewer than 2 days or no variation.

    >>> round(float(sharpe(np.array([0.01, 0.03]))), 3)
    22.45
    """
    return ratio(_mean(returns), _std(returns)) * math.sqrt(DAYS_A_YEAR)


def max_drawdown(equity: Float64) -> tuple[float, int]:
    """Return the deepest fall from a peak, as a positive fraction, and the longest time below a peak in sessions."""
    depth, longest = _below_peak(equity)
    return float(depth), int(longest)


def drawdowns(returns: Float64) -> tuple[Float64, Float64]:
    """Return the deepest fall of the curves that `returns [..., T]` make, and the longest time below a peak."""
    start = np.ones((*returns.shape[:-1], 1))
    return _below_peak(np.concatenate([start, np.cumprod(1.0 + returns, axis=-1)], axis=-1))


def _below_peak(curve: Float64) -> tuple[Float64, Float64]:
    peak = np.maximum.accumulate(curve, axis=-1)
    here = np.arange(curve.shape[-1])
    last_at_peak = np.maximum.accumulate(np.where(curve < peak, 0, here), axis=-1)
    return np.max(1.0 - curve / peak, axis=-1), np.max(here - last_at_peak, axis=-1).astype(np.float64)


def beta(returns: Float64, market: Float64) -> Float64:
    """Return the slope of returns on the market's, both `[..., T]`, over days on which both are known."""
    known = np.isfinite(returns) & np.isfinite(market)
    n = known.sum(axis=-1, keepdims=True)
    left, right = (_centred(np.where(known, values, 0.0), known, n) for values in (returns, market))
    return ratio((left * right).sum(axis=-1), (right**2).sum(axis=-1))


def _centred(values: Float64, known: npt.NDArray[np.bool_], n: npt.NDArray[np.int64]) -> Float64:
    mean = values.sum(axis=-1, keepdims=True) / np.maximum(n, 1)
    return np.where(known, values - mean, 0.0)


def moments(returns: Float64) -> tuple[Float64, Float64]:
    """Return skewness and (non-excess) kurtosis of `[..., T]` by population moments; NaN without variation."""
    centred = returns - _mean(returns)[..., None]
    variance = _mean(centred**2)
    return ratio(_mean(centred**3), variance**1.5), ratio(_mean(centred**4), variance**2)


def tail(returns: Float64) -> tuple[Float64, Float64]:
    """Return the 5 % value at risk of `[..., T]` and the mean loss beyond it, both positive fractions of equity."""
    if not returns.shape[-1]:
        return (np.full(returns.shape[:-1], np.nan),) * 2
    cut = np.asarray(np.quantile(returns, 0.05, axis=-1), dtype=np.float64)
    beyond = returns <= cut[..., None]
    return -cut, -ratio((returns * beyond).sum(axis=-1), beyond.sum(axis=-1))


def ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Float64:
    """Return `above / below`, NaN where `below` is not positive."""
    top, bottom = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0), dtype=np.float64)


def _mean(values: Float64) -> Float64:
    n = values.shape[-1]
    return np.asarray(values.mean(axis=-1) if n else np.full(values.shape[:-1], np.nan), dtype=np.float64)


def _std(values: Float64) -> Float64:
    n = values.shape[-1]
    return np.asarray(values.std(axis=-1, ddof=1) if n > 1 else np.full(values.shape[:-1], np.nan), dtype=np.float64)
