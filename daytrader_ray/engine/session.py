"""One trading day, live: bars and updates in, orders out. Synchronous, without any input or output of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Panel, SessionStatistics
from daytrader_ray.domain.ports import BrokerEvent, LiveBar
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.domain.trading import MEMBERS, Fill, Order, OrderKind, Phase, Reason, is_urgent
from daytrader_ray.engine.book import CASH, EQUITY, apply_fill, new_book, open_session
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.fills import costs_of, fill_fee
from daytrader_ray.engine.kernel import Snapshot, new_intents, new_scratch, protect, rules_of, step
from daytrader_ray.engine.orders import order_of
from daytrader_ray.features.live import LiveFeatures
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.dataset import LiveWindows
from daytrader_ray.models.ensemble import signal
from daytrader_ray.regime.live import LiveRegime
from daytrader_ray.risk.checks import Exposure, refuse

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """What is known before the session opens.

    `history` holds all earlier sessions of `symbols`; `expected_history` their expected volumes `[row, symbol]`;
    `statistics` what they say of today; `tradable` and `sector` are `[symbol]`.
    """

    session: Session
    history: Panel
    expected_history: Float64
    statistics: SessionStatistics
    tradable: npt.NDArray[np.bool_]
    sector: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Decision:
    """What was decided at one close: orders in the order of sending, and the signals `[symbol]` behind them."""

    orders: list[Order]
    signals: Float64
    missing_members: tuple[str, ...]


class SessionEngine:
    """State of one trading day: features, windows, regime and book, stepped by bars, scores and trade updates."""

    def __init__(
        self,
        bundle: Bundle,
        market: Market,
        kernel: KernelConfig,
        costs: CostConfig,
        cash: float,
        run: str,
    ) -> None:
        grid = market.history.grid
        self.bundle = bundle
        self.market = market
        self.symbols = market.history.symbols
        self.n_slots = market.session.n_minutes // grid.bar_minutes
        self._kernel = kernel
        self._run = run
        self._rules = rules_of(kernel, costs.participation, grid.bar_minutes)
        self._costs = costs_of(costs, market.session.date, self.n_slots, grid.bar_minutes)
        self._bar_minutes = grid.bar_minutes
        self._weights = np.ascontiguousarray(bundle.weights, dtype=np.float64)
        self._columns = {symbol: i for i, symbol in enumerate(self.symbols)}
        n = len(self.symbols)
        self._book = new_book(n, cash)
        self._out, self._scratch = new_intents(n), new_scratch(market.sector)
        self._cap = np.ascontiguousarray(market.tradable)
        self._carried = np.full(n, np.nan)
        self._due = np.zeros(n, dtype=np.bool_)
        self._aux = np.full((n, 3), np.nan)
        self._sent: dict[str, Order] = {}
        self._stop_id: dict[int, str] = {}
        self._executions: set[str] = set()
        self._warm()
        open_session(self._book)

    def _warm(self) -> None:
        market = self.market
        self._features = LiveFeatures(self.symbols, bar_minutes=self._bar_minutes)
        values = self._features.warm(market.history, market.expected_history)
        self._selected = np.array([self._features.names.index(name) for name in self.bundle.features], dtype=np.int64)
        self._windows = LiveWindows(len(self.symbols), len(self._selected))
        for row in values:
            self._windows.step(self.bundle.scaler.transform(row[:, self._selected]))
        self._regime = LiveRegime(self.bundle.regime, self.symbols) if self.bundle.regime is not None else None

    @property
    def cash(self) -> float:
        """Cash in USD by our own books."""
        return float(self._book.money[CASH])

    @property
    def equity(self) -> float:
        """Equity in USD on the latest marks."""
        return float(self._book.money[EQUITY])

    @property
    def is_flat(self) -> bool:
        """Whether no position is open."""
        return not self._book.qty.any()
