"""How fast the decision kernel is: a year of minutes of 100 symbols with every rule on, one live minute, vectorbt."""

import datetime as dt
import statistics
import time
from functools import cache

import numpy as np
import numpy.typing as npt

from benchmarks.registry import Result, benchmark
from daytrader_ray.domain.budget import Budget, Budgets, Sizing
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.engine.backtest import Plan, Record, trade
from daytrader_ray.engine.book import new_book
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.kernel import protect, release, step
from daytrader_ray.engine.values import Snapshot, hedge_caps, new_intents, new_scratch, rules_of

Float64 = npt.NDArray[np.float64]

CASH = 1e6
N_SYMBOLS, N_SESSIONS, N_SLOTS = 100, 252, 390
HEDGES = ("SPY", "QQQ")
MINUTE_VOL = 0.0006
THRESHOLD = 0.6
EVERY = 60
"""Bars between two budgets."""


def market(n_sessions: int = N_SESSIONS, seed: int = 0) -> Frames:
    """Return a year of random walks in cents, one minute in twenty without a trade; the last two symbols hedge."""
    rng = np.random.default_rng(seed)
    days = (dt.date(2024, 1, 2) + dt.timedelta(days=k) for k in range(n_sessions))
    grid = SessionGrid(tuple(Session(day, 28_400_000 + 1440 * k, N_SLOTS) for k, day in enumerate(days)))
    shape = grid.n_rows, N_SYMBOLS
    close = np.cumsum(rng.standard_normal(shape, dtype=np.float32) * np.float32(MINUTE_VOL), axis=0, dtype=np.float64)
    close = np.round(rng.uniform(20, 300, N_SYMBOLS) * np.exp(close - close.mean(axis=0)), 2)
    open_ = np.vstack([close[:1], close[:-1]])
    width = np.abs(rng.standard_normal(shape, dtype=np.float32)) * MINUTE_VOL * close
    high, low = np.round(np.maximum(open_, close) + width, 2), np.round(np.minimum(open_, close) - width, 2)
    traded = rng.random(shape, dtype=np.float32) > 0.05
    volume = np.where(traded, np.floor(np.exp(9 + rng.standard_normal(shape, dtype=np.float32))), 0.0)
    for prices in (open_, high, low):
        np.copyto(prices, close, where=~traded)
    symbols = (*(f"S{k:03d}" for k in range(N_SYMBOLS - len(HEDGES))), *HEDGES)
    panel = Panel(grid, symbols, open_, high, low, close, volume, close, traded)
    atr, known = 3 * MINUTE_VOL * close, np.ones((n_sessions, N_SYMBOLS))
    features = FeatureMatrix((), np.empty((*shape, 0), dtype=np.float32), atr, atr, atr)
    return Frames(panel, features, 4e6 * known, 0.015 * known, np.full(shape, 10_000.0))


def signals_for(frames: Frames, seed: int = 1) -> Float64:
    """Return smooth signals `[row, symbol]`, over the threshold three minutes in a hundred."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(frames.panel.close.shape, dtype=np.float32)
    out = np.empty(noise.shape)
    state = np.zeros(noise.shape[1])
    for row in range(len(noise)):
        state *= 0.97
        state += 0.068 * noise[row]
        out[row] = state
    return np.clip(out, -1.0, 1.0, out=out)


def budgets_for(frames: Frames) -> Budgets:
    """Return hourly budgets with caps, betas, SPY as beta hedge, and now and then the signals neutral to sectors."""
    rng, n = np.random.default_rng(2), len(frames.panel.symbols)
    at = np.arange(frames.panel.grid.n_rows) // EVERY
    items = tuple(
        Budget(rng.uniform(0.0125, 0.05, n), 1.0, int(k % 4 == 0), n - 2, np.zeros(n), rng.uniform(0.5, 1.5, n))
        for k in range(int(at[-1]) + 1)
    )
    return Budgets(at, items)


def plan_for(frames: Frames) -> Plan:
    """Return a plan with every symbol tradable, ten sectors, Kelly weights and budgets."""
    n_sessions, n = len(frames.panel.grid.sessions), len(frames.panel.symbols)
    sizing = Sizing(np.array([0.0, 0.7, 0.8, 0.9]), np.array([0.4, 0.6, 0.8, 1.0]), 0.4)
    return Plan(
        tradable=np.ones((n_sessions, n), dtype=np.bool_),
        sector=np.arange(n) % 10,
        threshold=np.full(n_sessions, THRESHOLD),
        sector_limit=np.full((n_sessions, 10), np.inf),
        sizing=sizing,
        budgets=budgets_for(frames),
    )


@cache
def year() -> tuple[Frames, Float64, Plan]:
    """Return the market of the benchmarks, its signals and its plan."""
    frames = market()
    return frames, signals_for(frames), plan_for(frames)


def backtested(frames: Frames, signals: Float64, plan: Plan) -> Record:
    """Trade the whole market with every rule on."""
    kernel = KernelConfig(orders="limit", trailing=True, sizing="kelly")
    sessions = (0, len(frames.panel.grid.sessions))
    return trade(frames, signals, np.ones(len(signals)), plan, kernel, CostConfig(), sessions, CASH)


@benchmark("kernel.bars_per_s")
def bars_per_s(runs: int = 5) -> list[Result]:
    """All rules, equity and logs kept: symbol-bars a second of one core."""
    given = year()
    record = backtested(*given)
    rates = []
    for _ in range(runs):
        start = time.process_time()
        backtested(*given)
        rates.append(given[1].size / (time.process_time() - start) / 1e6)
    value = statistics.median(rates)
    spread = (max(rates) - min(rates)) / value
    trips = sum(int((log.orders[:, 1] == 3).sum()) for log in record.logs) / len(record.logs)
    return [
        Result("kernel.bars_per_s", value, "M symbol-bars/s", "", None, None, spread, runs),
        Result("kernel.entries_a_day", trips, "orders", "", None, None, 0.0, 1),
    ]


def live_steps(frames: Frames, signals: Float64, plan: Plan, n_steps: int) -> list[float]:
    """Return the microseconds of `n_steps` closes as a live session decides them, forty of a hundred symbols held."""
    panel, n = frames.panel, len(frames.panel.symbols)
    kernel = KernelConfig(orders="limit", trailing=True, sizing="kelly")
    rules = rules_of(kernel, CostConfig().participation, 1)
    book, out, scratch = new_book(n, CASH), new_intents(n), new_scratch(plan.sector)
    rng, (is_hedge, hedge_cap) = np.random.default_rng(3), hedge_caps(kernel, panel.symbols)
    yes, no, still = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.int64)
    limit, events, times = np.full(10, np.inf), np.ones(n), []
    assert plan.budgets is not None
    for row in range(n_steps):
        held = rng.random(n) < 0.4
        book.qty[:] = np.where(held, rng.choice([-50, 50], n), 0)
        book.stop_live[:], book.stop_price[:] = np.abs(book.qty), panel.close[row]
        book.entry_price[:], book.mark[:], book.atr[:] = panel.close[row], panel.close[row], 0.5
        book.leaving[:] = book.limit_kind[:] = 0
        now = Snapshot(
            panel.close[row], signals[row], frames.features.atr_5[row], frames.expected_volume[row], plan.sector, yes,
            still, events, limit, panel.high[row], panel.low[row], no, yes, no, 0, plan.budgets.items[0], is_hedge,
            hedge_cap,
        )  # fmt: skip
        start = time.perf_counter()
        release(book, out)
        protect(book, rules, False, out)
        step(book, 100, N_SLOTS, now, THRESHOLD, 1.0, plan.sizing, rules, scratch, out)
        times.append((time.perf_counter() - start) * 1e6)
    return times


@benchmark("kernel.live_step_us")
def live_step_us(n_steps: int = 5000) -> list[Result]:
    """One close of 100 symbols, called from Python: `release`, `protect`, `step`; the spread is that of p99."""
    frames = market(n_sessions=14)
    times = live_steps(frames, signals_for(frames), plan_for(frames), n_steps)[100:]  # the first ones compile
    value, p99 = statistics.median(times), float(np.quantile(times, 0.99))
    return [Result("kernel.live_step_us", value, "us", "", None, None, (p99 - value) / value, len(times))]
