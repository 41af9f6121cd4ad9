"""How a run got there: months and years, the worst drawdowns, rolling figures, the average day."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.bootstrap import FEWEST_SESSIONS, block_length, resampled
from daytrader_ray.analytics.measure import N_SAMPLES, Estimate, added, measure_returns, number_of
from daytrader_ray.analytics.performance import beta, daily_returns, of_returns, ratio
from daytrader_ray.analytics.run import Run

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

WINDOWS = (63, 21)
"""Sessions of a rolling figure: a quarter, or a month where the run is shorter than two quarters."""


@dataclass(frozen=True)
class Band:
    """Between what returns since the start 95 of 100 resampled curves lie, before and after each session `[T + 1]`."""

    low: Float64
    high: Float64


def band(returns: Float64, seed: int) -> Band | None:
    """Return where the curve of `returns` `[T]` might have been on other days like these (stationary bootstrap).

    None for fewer than 10 sessions. Each session has its own interval: a curve that leaves the band once is no outlier.
    """
    n = len(returns)
    if n < FEWEST_SESSIONS:
        return None
    chosen = resampled(n, N_SAMPLES, block_length(returns), np.random.default_rng(seed))
    curves = np.cumprod(1.0 + returns[chosen], axis=1) - 1.0
    low, high = np.quantile(curves, (0.025, 0.975), axis=0)
    return Band(np.append(0.0, low), np.append(0.0, high))


@dataclass(frozen=True)
class Span:
    """A month or a year: `begins` its first day, and the metrics of its returns by name."""

    begins: np.datetime64
    sessions: int
    metrics: dict[str, Estimate]


def spans(run: Run, unit: str) -> tuple[Span, ...]:
    """Return every month (`unit` "M") or year ("Y") of a run with the metrics of its returns."""
    labels = run.dates.astype(f"datetime64[{unit}]")
    returns = daily_returns(run.session_equity)
    found = []
    for label in np.unique(labels):
        mine = returns[labels == label]
        found.append(Span(label.astype("datetime64[D]"), len(mine), measure_returns(mine, run.manifest.seed)))
    return tuple(found)


@dataclass(frozen=True)
class Drawdown:
    """A fall from a peak: numbers of sessions closed (0: the start) at peak, trough and recovery (-1: not yet)."""

    depth: float
    peak: int
    trough: int
    recovery: int


def worst_drawdowns(equity: Float64, n: int = 10) -> tuple[Drawdown, ...]:
    """Return the `n` deepest falls of session equities `[T + 1]`, the deepest first; each lasts until a new peak.

    >>> worst_drawdowns(np.array([100.0, 90.0, 100.0, 80.0]))[0]
    Drawdown(depth=0.2, peak=2, trough=3, recovery=-1)
    """
    at_peak = equity >= np.maximum.accumulate(equity)
    peaks = np.flatnonzero(at_peak & ~np.append(at_peak[1:], True))
    found = []
    for peak in peaks.tolist():
        later = np.flatnonzero(at_peak[peak + 1 :])
        stop = peak + 1 + int(later[0]) if len(later) else len(equity)
        trough = peak + 1 + int(np.argmin(equity[peak + 1 : stop]))
        depth = round(float(1.0 - equity[trough] / equity[peak]), 12)
        found.append(Drawdown(depth, peak, trough, stop if stop < len(equity) else -1))
    return tuple(sorted(found, key=lambda fall: (-fall.depth, fall.peak))[:n])


@dataclass(frozen=True)
class Rolling:
    """Figures of the last `window` sessions, from the session in which the first window is full `[session]`."""

    window: int
    first: int
    sharpe: Float64
    volatility: Float64
    beta: Float64


def rolling(run: Run) -> Rolling | None:
    """Return the rolling figures; None for a run that is shorter than two months."""
    returns, market = daily_returns(run.session_equity), daily_returns(run.spy)
    window = next((w for w in WINDOWS if len(returns) >= 2 * w), None)
    if window is None:
        return None
    mine, its = (np.lib.stride_tricks.sliding_window_view(values, window) for values in (returns, market))
    found = of_returns(mine)
    return Rolling(window, window - 1, found["sharpe"], found["volatility"], beta(mine, its))


def volatility_matched(run: Run) -> Float64:
    """Return SPY's curve with its daily returns scaled to the run's volatility, from the run's capital `[T + 1]`.

    NaN without two sessions of both.
    """
    returns, market = daily_returns(run.session_equity), daily_returns(run.spy)
    known = np.isfinite(market)
    scale = ratio(returns[known].std(), market[known].std()) if known.any() else np.nan
    growth = np.cumprod(np.concatenate([[1.0], 1.0 + scale * np.where(known, market, 0.0)]))
    return np.asarray(run.session_equity[0] * growth, dtype=np.float64)


@dataclass(frozen=True)
class AverageDay:
    """What a minute of the day is like, mean over the sessions that have it `[slot]`.

    `pnl_usd` of the book on the mark in this bar, with `low` and `high` two standard errors away; `entries` of stocks;
    `gross` and `net` exposure over equity.
    """

    pnl_usd: Float64
    low: Float64
    high: Float64
    entries: Float64
    gross: Float64
    net: Float64


def average_day(run: Run) -> AverageDay:
    """Return the average day of a run, bar by bar."""
    curve, slot = run.curve, run.curve.slot
    first = np.searchsorted(curve.session, run.dates)
    before = np.concatenate([curve.equity[:1], curve.equity[:-1]])
    before[first] = run.session_equity[:-1]
    n = int(slot.max(initial=0)) + 1
    sessions = np.bincount(slot, minlength=n)

    def mean(values: Float64) -> Float64:
        return ratio(added(slot, values, n), sessions)

    pnl = curve.equity - before
    centre = mean(pnl)
    error = np.sqrt(ratio(np.maximum(mean(pnl**2) - centre**2, 0.0), sessions - 1))
    stocks = run.stocks
    return AverageDay(
        pnl_usd=centre,
        low=centre - 2.0 * error,
        high=centre + 2.0 * error,
        entries=ratio(np.bincount(stocks.entry_slot, minlength=n)[:n], sessions),
        gross=mean(curve.gross_usd / curve.equity),
        net=mean(curve.net_usd / curve.equity),
    )


def sector_exposure(run: Run) -> dict[str, Float64]:
    """Return the mean gross position of each sector over equity, session by session `[session]`, the largest first.

    From the values at entry, over the minutes held.
    """
    stocks = run.trades.where(~run.trades.hedge & ~run.trades.carried)
    session = number_of(run, stocks.session)
    n = len(run.dates)
    bars = np.maximum(np.bincount(number_of(run, run.curve.session), minlength=n), 1)
    held = stocks.notional_usd * (stocks.exit_slot - stocks.entry_slot)
    found = {
        str(sector): added(session[mine], held[mine], n) / bars / run.session_equity[:-1]
        for sector in np.unique(stocks.sector)
        for mine in [stocks.sector == sector]
    }
    return dict(sorted(found.items(), key=lambda item: -float(item[1].sum())))
