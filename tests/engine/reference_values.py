"""What the reference reads and keeps: a session as lists, orders, fills, positions, and how numbers are rounded."""

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from daytrader_ray.domain.budget import Budget, unlimited
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.backtest import Plan
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.models.thresholds import thresholds


class Sent(NamedTuple):
    """An order as it left; `price` is its stop or its limit, None at market."""

    date: dt.date
    slot: int
    symbol: str
    kind: OrderKind
    side: int
    qty: int
    price: float | None
    reason: Reason
    id: str


class Done(NamedTuple):
    """A fill."""

    date: dt.date
    slot: int
    phase: str
    symbol: str
    kind: OrderKind
    side: int
    qty: int
    price: float
    fee: float
    id: str


@dataclass
class Held:
    """A position: signed `qty`; `stop` is where its stop belongs, `leaving` why it is on its way out."""

    qty: int
    price: float = math.nan
    first: int = 0
    atr: float = math.nan
    stop: float = math.nan
    best: float | None = None
    leaving: Reason = Reason.NONE
    carried: bool = False

    @property
    def side(self) -> int:
        return 1 if self.qty > 0 else -1


@dataclass
class Limit:
    """A limit order at the venue."""

    sent: Sent
    left: int
    filled: bool = False


@dataclass
class Bars:
    """One session as lists `[slot][symbol]`."""

    date: dt.date
    n: int
    open: list[list[float]]
    high: list[list[float]]
    low: list[list[float]]
    close: list[list[float]]
    volume: list[list[float]]
    atr: list[list[float]]
    expected: list[list[float]]
    signal: list[list[float]]
    scale: list[float]
    threshold: list[float]
    event: list[list[float]]
    halted: list[list[bool]]
    restricted: list[list[bool]]
    reducing: list[bool]
    budget: list[Budget]


@dataclass
class Record:
    """What happened."""

    orders: list[Sent] = field(default_factory=list)
    fills: list[Done] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    gross: list[float] = field(default_factory=list)
    net: list[float] = field(default_factory=list)
    beta: list[float] = field(default_factory=list)
    hedge: list[float] = field(default_factory=list)
    carried: list[tuple[dt.date, str]] = field(default_factory=list)
    sizing: dict[str, dict[str, float]] = field(default_factory=dict)
    verdicts: Counter[Reason] = field(default_factory=Counter)


def rounded(value: float, per_unit: int) -> float:
    """Round to multiples of `1 / per_unit`, ties to even; within 1e-6 of a tie is a tie."""
    exact = Fraction(value) * per_unit
    low = math.floor(exact)
    rest = exact - low
    if abs(rest - Fraction(1, 2)) < Fraction(1, 1_000_000):
        return (low if low % 2 == 0 else low + 1) / per_unit
    return (low if rest < Fraction(1, 2) else low + 1) / per_unit


def whole(value: float) -> int:
    """Return the whole number at or below `value`; one that is 1e-9 above it counts."""
    return math.floor(value + 1e-9)


def beta_of(budget: Budget, i: int) -> float:
    """Return a symbol's beta; an unknown one is 1."""
    beta = float(budget.beta[i])
    return 1.0 if math.isnan(beta) else beta


def to_increment(price: float) -> float:
    """Round a stop or a limit to the exchange's increment."""
    return rounded(price, 100 if price >= 1 else 10_000)


class Inputs(NamedTuple):
    """What both implementations are given; `start` is the first session traded."""

    frames: Frames
    signals: np.ndarray
    scale: np.ndarray
    plan: Plan
    kernel: KernelConfig
    costs: CostConfig
    start: int


def bars_of(inputs: Inputs, s: int) -> Bars:
    """Return session `s` as lists."""
    panel, features, plan = inputs.frames.panel, inputs.frames.features, inputs.plan
    grid = panel.grid
    date = grid.sessions[s].date
    rows = slice(int(grid.first_row[s]), int(grid.first_row[s + 1]))
    n, wide = rows.stop - rows.start, len(panel.symbols)
    first = rows.start - int(grid.first_row[inputs.start])
    budgets = plan.budgets
    same = unlimited(wide, inputs.kernel.max_position)
    return Bars(
        date, n,
        *(getattr(panel, name)[rows].tolist() for name in ("open", "high", "low", "close", "volume")),
        features.atr_5[rows].tolist(),
        inputs.frames.expected_volume[rows].tolist(),
        inputs.signals[rows].tolist(),
        inputs.scale[rows].tolist(),
        thresholds(float(plan.threshold[s]), plan.hours, n, grid.bar_minutes).tolist(),
        plan.event_scale[date].tolist() if date in plan.event_scale else [[1.0] * wide] * n,
        plan.halts[date].tolist() if date in plan.halts else [[False] * wide] * n,
        restricted(panel, s),
        plan.reducing[date].tolist() if date in plan.reducing else [False] * n,
        [budgets.items[budgets.at[first + t]] if budgets else same for t in range(n)],
    )  # fmt: skip


def restricted(panel: Panel, s: int) -> list[list[bool]]:
    """Rule 201 at each close: the fall was today, by this bar, or in the session before."""
    n = int(panel.grid.bars_per_session[s])
    today, before = fell(panel, s), fell(panel, s - 1) if s else {}
    return [[i in before or t >= today.get(i, n) for i in range(len(panel.symbols))] for t in range(n)]


def fell(panel: Panel, s: int) -> dict[int, int]:
    """Return the first bar of a session in which a stock was at or below 90 % of its last close before."""
    found: dict[int, int] = {}
    first, stop = int(panel.grid.first_row[s]), int(panel.grid.first_row[s + 1])
    for i in range(len(panel.symbols)):
        base = close_before(panel, s, i)
        for t in range(stop - first):
            if base is not None and panel.low[first + t, i] <= 0.9 * base * (1 + 1e-12):
                found[i] = t
                break
    return found


def close_before(panel: Panel, s: int, i: int) -> float | None:
    """Return the close of the session before, in today's terms."""
    if s == 0:
        return None
    rows = slice(int(panel.grid.first_row[s - 1]), int(panel.grid.first_row[s]))
    closes = [close for close in panel.close[rows, i].tolist() if not math.isnan(close)]
    return closes[-1] * float(panel.price_factor[s - 1, i] / panel.price_factor[s, i]) if closes else None
