"""Every metric of a run with its 95 % interval: what the same trading might have shown on other days like these."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.bootstrap import FEWEST_SESSIONS, block_length, counted, interval, resampled
from daytrader_ray.analytics.performance import Sums, beta, daily_returns, of_returns, of_sums, ratio, sharpe
from daytrader_ray.analytics.run import Bool, Run, Text, Trades
from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.domain.trading import OrderKind

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

N_SAMPLES = 2000

FEWEST_OF_A_YEAR = 20
"""Fewer sessions than this say nothing of a year: a day of +1 % would be +1,127 %."""

OF_A_YEAR = ("annual_return", "volatility", "sharpe", "sortino", "calmar")
"""What is told as if a year went on like the sessions."""

SESSION_MINUTES = 390


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its 95 % interval; NaN: the data cannot give it."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Sessions:
    """What each session added to the sums of `performance.Sums`, and the path of its equity, all `[session]`.

    `high`, `low` and `fall` are the highest and the lowest equity at bar closes over that at the start, and the deepest
    fall from a peak inside the session; `market` SPY's return.
    """

    returns: Float64
    market: Float64
    high: Float64
    low: Float64
    fall: Float64
    sums: Sums


def measure(run: Run, n_samples: int = N_SAMPLES) -> dict[str, Estimate]:
    """Return the metrics of a run by name; intervals by the stationary bootstrap, from the run's own seed.

    Trades are those of stocks; costs and turnover are of everything. Fewer than 10 sessions have no intervals, fewer
    than 20 no figures a year. The capacity is no larger than what the volume of the market lets in.
    """
    sessions = by_session(run)
    found = _estimated(lambda chosen: _metrics(sessions, chosen), sessions.returns, run.manifest.seed, n_samples)
    most, here = volume_room(run) * float(sessions.sums.equity_usd.mean()), found["capacity_usd"]
    if math.isnan(most):
        return found
    return found | {"capacity_usd": Estimate(*(min(value, most) for value in (here.value, here.low, here.high)))}


def measure_returns(returns: Float64, seed: int, n_samples: int = N_SAMPLES) -> dict[str, Estimate]:
    """Return the metrics that daily returns `[session]` alone can give, with their intervals, as `measure` does."""
    return _estimated(lambda chosen: of_returns(returns[chosen]), returns, seed, n_samples)


def key_figures(returns: Float64, seed: int, n_samples: int = N_SAMPLES) -> dict[str, Estimate]:
    """Return `sharpe` (a year), `total_return` and `mean_bps` (a day) of daily returns `[session]`, with intervals.

    The first two are those of `measure_returns`, to the bit, at a fraction of its time.
    """

    def metrics(chosen: Int64) -> dict[str, Float64]:
        sample = returns[chosen]
        total = np.prod(1.0 + sample, axis=1) - 1.0
        return {"sharpe": sharpe(sample), "total_return": total, "mean_bps": 1e4 * sample.mean(axis=1)}

    found = _estimated(metrics, returns, seed, n_samples)
    return {key: found[key] for key in ("sharpe", "total_return", "mean_bps")}


def _estimated(
    metrics: Callable[[Int64], dict[str, Float64]], returns: Float64, seed: int, n_samples: int
) -> dict[str, Estimate]:
    """Return the metrics of the sessions as they were, with the interval over samples of them."""
    n = len(returns)
    values = metrics(np.arange(n)[None, :])
    if n < FEWEST_SESSIONS:
        found = {key: Estimate(float(value[0])) for key, value in values.items()}
    else:
        samples = metrics(_samples(returns, seed, n_samples))
        found = {key: Estimate(float(value[0]), *interval(samples[key])) for key, value in values.items()}
    return found if n >= FEWEST_OF_A_YEAR else found | dict.fromkeys(OF_A_YEAR, Estimate(math.nan))


def _samples(returns: Float64, seed: int, n_samples: int) -> Int64:
    return resampled(len(returns), n_samples, block_length(returns), np.random.default_rng(seed))


def draws(run: Run, n_samples: int = N_SAMPLES) -> Float64:
    """Return how often each session is in each resampled run `[sample, session]`: sums of a resampled run are products.

    No sample for fewer than 10 sessions.
    """
    n = len(run.dates)
    if n < FEWEST_SESSIONS:
        return np.empty((0, n))
    return counted(_samples(daily_returns(run.session_equity), run.manifest.seed, n_samples))


def _metrics(sessions: Sessions, chosen: Int64) -> dict[str, Float64]:
    """Measure the sessions `chosen [sample, T]` in that order: one figure for each sample."""
    sums, returns = sessions.sums, sessions.returns[chosen]
    totals = {column.name: getattr(sums, column.name)[chosen].sum(axis=1) for column in fields(sums)}
    means = {name: totals[name] / chosen.shape[1] for name in ("equity_usd", "held")}
    own = {
        "beta": beta(returns, sessions.market[chosen]),
        "intraday_drawdown": _intraday_drawdown(sessions, returns, chosen),
        "net_bps": 1e4 * ratio(totals["net_usd"], totals["traded_usd"]),
        "cost_bps": 1e4 * ratio(totals["cost_usd"], totals["traded_usd"]),
    }
    return of_returns(returns) | of_sums(Sums(**(totals | means))) | own


def _intraday_drawdown(sessions: Sessions, returns: Float64, chosen: Int64) -> Float64:
    """Return the deepest fall from a peak at bar closes, a positive fraction: a book flat every night hides little."""
    start = np.cumprod(1.0 + returns, axis=1) / (1.0 + returns)
    peak = np.maximum.accumulate(np.maximum(start, start * sessions.high[chosen]), axis=1)
    before = np.maximum(start, np.concatenate([np.ones((len(peak), 1)), peak[:, :-1]], axis=1))
    deepest = np.maximum(sessions.fall[chosen], 1.0 - start * sessions.low[chosen] / before)
    return np.asarray(deepest.max(axis=1), dtype=np.float64)


def by_session(run: Run) -> Sessions:
    """Return what each session of a run adds to its figures."""
    stocks = run.stocks
    traded = number_of(run, stocks.session)
    filled = number_of(run, run.fills.session)
    pnl, minutes = stocks.pnl_usd, held_minutes(run, stocks)
    cost = run.fills.spread_usd + run.fills.impact_usd + run.fills.fee_usd
    high, low, fall = _inside(run)
    n = len(run.dates)

    return Sessions(
        returns=daily_returns(run.session_equity),
        market=daily_returns(run.spy),
        high=high,
        low=low,
        fall=fall,
        sums=Sums(
            days=np.ones(n),
            equity_usd=0.5 * (run.session_equity[1:] + run.session_equity[:-1]),
            net_usd=np.diff(run.session_equity),
            trades=added(traded, np.ones(len(stocks)), n),
            wins=added(traded, pnl > 0, n),
            losses=added(traded, pnl < 0, n),
            won_usd=added(traded, np.maximum(pnl, 0.0), n),
            lost_usd=added(traded, np.maximum(-pnl, 0.0), n),
            minutes=added(traded, minutes, n),
            traded_usd=added(filled, run.fills.qty * run.fills.price, n),
            cost_usd=added(filled, cost, n),
            impact_usd=added(filled, run.fills.impact_usd, n),
            held=_held(run),
        ),
    )


def added(where: Int64, values: npt.ArrayLike, n: int) -> Float64:
    """Return the sums of `values [line]` at each of `n` places `where [line]`."""
    return np.asarray(np.bincount(where, weights=np.asarray(values, dtype=np.float64), minlength=n), dtype=np.float64)


def lookup(ids: Text, wanted: Text) -> tuple[Int64, Bool]:
    """Return the line of `ids` (each once) that every one of `wanted` names, and whether there is one."""
    if not len(ids):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.bool_)
    order = np.argsort(ids)
    lines = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return lines, ids[lines] == wanted


def volume_room(run: Run) -> float:
    """Return how many times larger entries may be until half of them meet the participation limit; NaN without any."""
    entries, decisions = run.orders.where(run.orders.kind == OrderKind.ENTRY), run.decisions
    lines, known = lookup(entries.client_order_id, decisions.client_order_id)
    room = decisions.steps[known, SIZING_STEPS.index("room_volume_shares")] / entries.qty[lines[known]]
    return float(np.nanmedian(room)) if np.isfinite(room).any() else math.nan


def number_of(run: Run, session: npt.NDArray[np.datetime64]) -> Int64:
    """Return which session of the run each line belongs to."""
    return np.asarray(np.searchsorted(run.dates, session), dtype=np.int64)


def held_minutes(run: Run, trades: Trades) -> Float64:
    """Return how long trades were held, in minutes of the session; a carried one also through the rest of its first."""
    return minutes_between(trades.entry_slot, trades.exit_slot, trades.carried, run.manifest.bar_minutes)


def minutes_between(entry: npt.ArrayLike, exit_: npt.ArrayLike, carried: npt.ArrayLike, bar_minutes: int) -> Float64:
    """Return the minutes of the session between two slots, of which the second is in the next one where `carried`."""
    return np.asarray(np.subtract(exit_, entry) * bar_minutes + np.asarray(carried) * SESSION_MINUTES, dtype=np.float64)


def _held(run: Run) -> Float64:
    """Return the mean gross position over equity of each session."""
    session = number_of(run, run.curve.session)
    n = len(run.dates)
    bars = np.bincount(session, minlength=n)
    return added(session, run.curve.gross_usd / run.curve.equity, n) / np.maximum(bars, 1)


def _inside(run: Run) -> tuple[Float64, Float64, Float64]:
    """Return highest and lowest equity over the session's first and the deepest fall inside, each `[session]`."""
    n = len(run.dates)
    first = np.searchsorted(run.curve.session, run.dates)
    high, low, fall = np.ones(n), np.ones(n), np.zeros(n)
    for s, inside in enumerate(np.split(run.curve.equity, first[1:])):
        path = np.concatenate([run.session_equity[s : s + 1], inside]) / run.session_equity[s]
        high[s], low[s] = path.max(), path.min()
        fall[s] = np.max(1.0 - path / np.maximum.accumulate(path))
    return high, low, fall
