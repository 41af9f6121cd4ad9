"""Random sessions that reach every rule of `docs/fills.md`: made from a seed, without any code under test."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import Budget, Budgets, Sizing
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.engine.backtest import Plan
from daytrader_ray.engine.config import HedgeRule, KernelConfig

Float64 = npt.NDArray[np.float64]
Rng = np.random.Generator

HEDGES = ("QQQ", "SPY", "VIXY")
N_SECTORS = 3


@dataclass(frozen=True)
class Case:
    """All that a backtest is given."""

    frames: Frames
    signals: Float64
    scale: Float64
    plan: Plan
    kernel: KernelConfig
    costs: CostConfig
    cash: float

    @property
    def sessions(self) -> tuple[int, int]:
        """All of them."""
        return 0, len(self.frames.panel.grid.sessions)


class Size(NamedTuple):
    """How much is drawn; None: by chance."""

    n_sessions: int | None = None
    n_stocks: int | None = None


def case(seed: int, size: Size = Size()) -> Case:  # noqa: B008 # a value
    """Draw markets, signals, rules and limits; the same seed gives the same case."""
    rng = np.random.default_rng(seed)
    grid = _grid(rng, size.n_sessions or int(rng.integers(1, 4)))
    stocks = tuple(f"S{k:02d}" for k in range(size.n_stocks or int(rng.integers(1, 7))))
    symbols = tuple(sorted(stocks + (HEDGES if rng.random() < 0.5 else ())))
    halts = _halts(rng, grid, len(symbols))
    panel = _panel(rng, grid, symbols, halts)
    frames = _frames(rng, panel)
    kernel = _kernel(rng, grid.bar_minutes)
    every = int(np.random.default_rng([seed, 1]).choice([1, 1, 1, 2, 5]))
    plan = replace(_plan(rng, panel, kernel, halts), score_every=every)
    scale = rng.choice([1.0, 0.25, 1.5, 0.0], grid.n_rows, p=[0.6, 0.2, 0.15, 0.05])
    cash = float(rng.choice([100_000.0, 30_000.0, 1_000_000.0, 2_000.0]))
    return Case(frames, _signals(rng, panel), scale, plan, kernel, _costs(rng), cash)


def _grid(rng: Rng, n_sessions: int) -> SessionGrid:
    """Sessions of different lengths: most short ones (half-days are nothing else), a few whole ones."""
    bar = int(rng.choice([1, 1, 1, 1, 5]))
    bars = rng.choice([8, 40, 60, 90, 130], n_sessions, p=[0.05, 0.35, 0.3, 0.2, 0.1])
    day = dt.date(2024, 5, 20) if rng.random() < 0.3 else dt.date(2025, 11, 3)
    days = [day + dt.timedelta(days=k) for k in range(n_sessions)]
    minutes = [29_370_000 + 1440 * k for k in range(n_sessions)]
    return SessionGrid(tuple(Session(d, m, int(b) * bar) for d, m, b in zip(days, minutes, bars, strict=True)), bar)


def _panel(rng: Rng, grid: SessionGrid, symbols: tuple[str, ...], halts: npt.NDArray[np.bool_]) -> Panel:
    shape = grid.n_rows, len(symbols)
    vol = rng.choice([0.0002, 0.001, 0.004, 0.02], shape[1])
    level = rng.choice([0.4, 0.99, 2.0, 50.0, 50.0, 180.0], shape[1]) * rng.uniform(0.9, 1.1, shape[1])
    moves = rng.normal(0, vol, shape) + (rng.random(shape) < 0.01) * rng.normal(0, 8 * vol, shape)
    moves[grid.first_row[1:-1]] += rng.choice([0.0, 0.05, -0.12], (len(grid.sessions) - 1, shape[1]))
    ratio = rng.choice([1.0, 1.0, 1.0, 0.5, 3.0], (len(grid.sessions), shape[1]))
    ratio[0] = 1.0
    factor = np.cumprod(ratio, axis=0)
    raw = level * np.exp(np.cumsum(moves, axis=0)) / factor[grid.session_of_row]
    close = _ticks(raw)
    before = np.vstack([close[:1], close[:-1]])
    before[grid.first_row[1:-1]] /= ratio[1:]
    open_ = _ticks(before * np.exp(rng.choice([0.0, 1.0, 5.0], shape, p=[0.5, 0.45, 0.05]) * rng.normal(0, vol, shape)))
    reach = np.abs(rng.normal(0, vol, (2, *shape))) * (rng.random((2, *shape)) < 0.8) * close
    high = _ticks(np.maximum(open_, close) + reach[0])
    low = _ticks(np.maximum(np.minimum(open_, close) - reach[1], 1e-4))
    volume = np.floor(rng.lognormal(rng.choice([4.0, 8.0, 10.0], shape[1]), 1.5, shape))
    traded = _traded(rng, grid, shape[1]) & ~(halts & (rng.random(shape) < 0.8)) & (volume > 0)
    _carry(grid, traded, open_, high, low, close)
    volume[~traded] = 0.0
    paid = np.cumprod(rng.choice([1.0, 1.01], ratio.shape), axis=0)
    vwap = np.full_like(close, np.nan)
    return Panel(grid, symbols, open_, high, low, close, volume, vwap, traded, factor * paid, factor)


def _ticks(price: Float64) -> Float64:
    return np.where(price >= 1, np.round(price, 2), np.maximum(np.round(price, 4), 1e-4))


def _traded(rng: Rng, grid: SessionGrid, n: int) -> npt.NDArray[np.bool_]:
    """Minutes with a trade: some are missing, some in a row, some at the session's ends."""
    traded = rng.random((grid.n_rows, n)) >= rng.choice([0.0, 0.05, 0.4], n)
    for first, stop in zip(grid.first_row[:-1], grid.first_row[1:], strict=True):
        for i in range(n):
            if rng.random() < 0.3:
                start = int(rng.integers(first, stop))
                traded[start : start + int(rng.integers(3, 15)), i] = False
            if rng.random() < 0.2:
                traded[stop - int(rng.integers(1, 4)) : stop, i] = False
            if rng.random() < 0.1:
                traded[first : first + int(rng.integers(1, 9)), i] = False
    return traded


def _carry(grid: SessionGrid, traded: npt.NDArray[np.bool_], *prices: Float64) -> None:
    """Carry the last close through quiet minutes; before a session's first bar there is no price."""
    close = prices[-1]
    for row in range(grid.n_rows):
        quiet = ~traded[row]
        opens = grid.slot_of_row[row] == 0
        last = np.full(quiet.sum(), np.nan) if opens else close[row - 1, quiet]
        for price in prices:
            price[row, quiet] = last


def _frames(rng: Rng, panel: Panel) -> Frames:
    grid, shape = panel.grid, panel.close.shape
    sessions = len(grid.sessions), shape[1]
    spread = rng.choice([0.001, 0.005, 0.02], shape[1])
    atr = np.round(spread * np.nan_to_num(panel.close, nan=50.0), 3) * rng.choice([1.0, 0.5], shape)
    atr[rng.random(shape) < 0.02] = np.nan
    adv = rng.choice([1e4, 1e6, 5e7], sessions)
    sigma = rng.choice([0.01, 0.04], sessions)
    expected = np.floor(rng.lognormal(rng.choice([3.0, 8.0, 11.0], shape[1]), 1.0, shape))
    young = rng.random(sessions) < 0.05
    adv[young] = sigma[young] = np.nan
    expected[young[grid.session_of_row]] = np.nan
    features = FeatureMatrix(("none",), np.zeros((*shape, 1), np.float32), atr, np.zeros(shape), np.zeros(shape))
    spreads = rng.choice([np.nan, np.nan, 0.3, 12.0], sessions)
    return Frames(panel, features, adv, sigma, expected, spreads)


def _signals(rng: Rng, panel: Panel) -> Float64:
    """Scores that stay a while; some are near 1, some tie, some are unknown."""
    shape = panel.close.shape
    stay = rng.random(shape) < rng.choice([0.5, 0.9, 0.98])
    fresh = rng.normal(rng.choice([-0.3, 0.0, 0.4]), rng.choice([0.3, 0.6, 2.0]), shape)
    for row in range(1, shape[0]):
        fresh[row, stay[row]] = fresh[row - 1, stay[row]]
    signals = np.clip(fresh, -1, 1)
    if rng.random() < 0.5:
        signals = np.round(signals, 1)
    signals[rng.random(shape) < 0.03] = np.nan
    return signals


def _kernel(rng: Rng, bar: int) -> KernelConfig:
    """Half of the limits are so near that they bind."""

    def pick(*values: float) -> float:
        return float(rng.choice(values))

    return KernelConfig(
        max_position=pick(0.05, 0.3, 1.0),
        max_sector=pick(0.06, 0.25, 1.0),
        max_gross=pick(0.15, 0.6, 2.0),
        max_net=pick(0.1, 0.4, 1.0),
        max_beta=pick(0.05, 0.2, 0.5),
        buying_power=pick(0.2, 1.0, 2.0),
        sizing="kelly" if rng.random() < 0.6 else "confidence",
        orders="limit" if rng.random() < 0.6 else "market",
        max_daily_loss=pick(0.004, 0.02, 0.02, 0.05),
        stop_atr=pick(0.5, 2.0, 2.0),
        trailing=bool(rng.random() < 0.4),
        flat_minutes=int(rng.choice([1, 5, 10])) * bar,
        min_hold_minutes=int(rng.choice([0, 3, 15])) * bar,
        time_exit_minutes=int(rng.choice([4, 20, 120])) * bar,
        cooldown_minutes=int(rng.choice([0, 5, 12])) * bar,
        max_trades_per_symbol=int(rng.choice([1, 3, 8])),
        max_quiet_minutes=int(rng.choice([2, 5])) * bar,
        allow_short=bool(rng.random() < 0.8),
        hedge=HedgeRule(caps={"SPY": pick(0.1, 0.5), "QQQ": 0.5, "VIXY": 0.02}, band=pick(0.0, 0.01, 0.05)),
    )


def _costs(rng: Rng) -> CostConfig:
    return CostConfig() if rng.random() < 0.8 else CostConfig(participation=0.2, min_half_spread_usd=0.0)


def _halts(rng: Rng, grid: SessionGrid, n: int) -> npt.NDArray[np.bool_]:
    """Halts `[row, symbol]`; some last to the close, a few into the next session."""
    halts = np.zeros((grid.n_rows, n), dtype=np.bool_)
    for first, stop in zip(grid.first_row[:-1], grid.first_row[1:], strict=True):
        for i in range(n):
            if rng.random() < 0.12:
                start = int(rng.integers(first, stop))
                length = int(rng.choice([3, 10, grid.n_rows])) if rng.random() < 0.9 else grid.n_rows
                end = int(stop) if length == grid.n_rows else start + length
                halts[start : min(end, int(stop)), i] = True
    return halts


def _plan(rng: Rng, panel: Panel, kernel: KernelConfig, halts: npt.NDArray[np.bool_]) -> Plan:
    grid, n = panel.grid, len(panel.symbols)
    n_sessions = len(grid.sessions)
    dates = [session.date for session in grid.sessions]
    rows = [slice(int(a), int(b)) for a, b in zip(grid.first_row[:-1], grid.first_row[1:], strict=True)]
    near = {d: rng.choice([1.0, 1.0, 0.5, 0.0], (r.stop - r.start, n)) for d, r in zip(dates, rows, strict=True)}
    reducing = {d: rng.random(r.stop - r.start) < 0.1 for d, r in zip(dates, rows, strict=True)}
    return Plan(
        tradable=rng.random((n_sessions, n)) < 0.95,
        sector=rng.integers(0, N_SECTORS, n),
        threshold=rng.choice([0.0, 0.1, 0.4, 0.8, np.inf], n_sessions, p=[0.05, 0.25, 0.45, 0.2, 0.05]),
        sector_limit=rng.choice([0.0, 0.03, 0.2, np.inf], (n_sessions, N_SECTORS), p=[0.1, 0.1, 0.2, 0.6]),
        hours=rng.choice([1.0, 0.8], 2),
        event_scale=near if rng.random() < 0.3 else {},
        sizing=_sizing(rng),
        budgets=_budgets(rng, panel, kernel) if rng.random() < 0.7 else None,
        shortable=rng.random(n) < 0.9,
        halts={d: halts[r] for d, r in zip(dates, rows, strict=True)},
        reducing=reducing if rng.random() < 0.3 else {},
    )


def _sizing(rng: Rng) -> Sizing:
    edges = np.array([0.2, 0.5, 0.8]) * rng.choice([0.0, 1.0])
    weight = rng.choice([0.0, 0.3, 1.0], 3, p=[0.15, 0.35, 0.5])
    return Sizing(edges if edges.any() else np.array([0.0, 0.4, 0.6]), weight, float(rng.uniform(0.25, 0.5)))


def _budgets(rng: Rng, panel: Panel, kernel: KernelConfig) -> Budgets:
    """A new budget every 20 rows or so."""
    at = np.cumsum(rng.random(panel.grid.n_rows) < 0.05)
    hedges = [k for k, symbol in enumerate(panel.symbols) if symbol in kernel.hedge.caps]
    return Budgets(at, tuple(_budget(rng, len(panel.symbols), hedges) for _ in range(int(at[-1]) + 1)))


def _budget(rng: Rng, n: int, hedges: list[int]) -> Budget:
    weight = np.zeros(n)
    weight[hedges] = rng.choice([0.0, 0.02, -0.3, 0.7], len(hedges))
    beta = rng.choice([0.6, 1.0, 1.7, -0.4, 0.0, np.nan], n)
    beta[hedges] = rng.choice([1.0, 1.1, np.nan], len(hedges))
    beta_hedges = [k for k in hedges if k != max(hedges)]
    return Budget(
        cap=rng.uniform(0.01, 1.2, n) * rng.choice([0.05, 1.0]),
        gross_scale=float(rng.choice([1.0, 0.5])),
        neutral=int(rng.random() < 0.3),
        hedge=int(rng.choice(beta_hedges)) if beta_hedges and rng.random() < 0.8 else -1,
        hedge_weight=weight,
        beta=beta,
    )
