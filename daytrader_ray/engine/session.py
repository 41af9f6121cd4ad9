"""One trading day, live: bars and updates in, orders out. Synchronous, without any input or output of its own."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE, unlimited
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.ports import BrokerEvent, LiveBar
from daytrader_ray.domain.trading import MEMBERS, Fill, Order, Phase, Reason
from daytrader_ray.engine.book import CASH, EQUITY, new_book, open_session
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.fills import costs_of
from daytrader_ray.engine.kernel import Snapshot, hedge_caps, new_intents, new_scratch, protect, rules_of, step
from daytrader_ray.engine.live_inputs import NO_TICKS, LiveInputs
from daytrader_ray.engine.market import Market
from daytrader_ray.engine.open_orders import OpenOrders
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.ensemble import new_state, signal_step
from daytrader_ray.models.ensemble import rules_of as signal_rules
from daytrader_ray.models.thresholds import thresholds
from daytrader_ray.regime.config import RegimeConfig, strategy_table
from daytrader_ray.risk.checks import Exposure, refuse

Float64 = npt.NDArray[np.float64]
WEIGHT_MOVED = 0.01


@dataclass(frozen=True)
class Decision:
    """What was decided at one close: orders in the order of sending, and why.

    `reasons` names, by symbol, the reason of its order, or why a signal at or over the threshold led to none. `weights`
    are the members' where one has moved by more than WEIGHT_MOVED since they were told last, and at the first close.
    """

    orders: list[Order]
    reasons: Mapping[str, str]
    missing_members: tuple[str, ...]
    weights: Mapping[str, float]


class SessionEngine:
    """State of one trading day: inputs, book and orders, stepped by bars, scores and trade updates.

    `inputs` has what the last bars said; `orders` what became of our orders; `thresholds` `[slot]` are the smallest
    |signal| that opens a position.
    """

    def __init__(
        self,
        bundle: Bundle,
        market: Market,
        kernel: KernelConfig,
        costs: CostConfig,
        cash: float,
        run: str,
        regimes: RegimeConfig | None = None,
    ) -> None:
        grid, n = market.history.grid, len(market.history.symbols)
        self.bundle = bundle
        self.market = market
        self.symbols = market.history.symbols
        self.n_slots = market.session.n_minutes // grid.bar_minutes
        self._kernel = kernel
        self._rules = rules_of(kernel, costs.participation, grid.bar_minutes)
        self._regimes = regimes or RegimeConfig()
        self._book = new_book(n, cash)
        date, cooldown = market.session.date, self._rules.cooldown_bars
        day_costs = costs_of(costs, date, self.n_slots, grid.bar_minutes)
        self.orders = OpenOrders(run, date, self.symbols, self._book, day_costs, cooldown)
        self.inputs = LiveInputs(bundle, market)
        self._out, self._scratch = new_intents(n), new_scratch(market.sector)
        self._no = np.zeros(n, dtype=np.bool_)
        self._budget, self._hedges = unlimited(n, kernel.max_position), hedge_caps(kernel, self.symbols)
        self._signal = np.full(n, np.nan)
        ensemble = bundle.ensemble
        self._signal_rules = signal_rules(ensemble, strategy_table(self._regimes), grid.bar_minutes)
        self._signal_state = new_state(ensemble, n, grid.bar_minutes)
        self._told = np.full(len(MEMBERS), np.nan)
        self.thresholds = thresholds(ensemble.threshold, ensemble.hours, self.n_slots, grid.bar_minutes)
        self.freeze({})
        open_session(self._book)

    def twin(self) -> "SessionEngine":
        """Return an engine in the same state; it shares what is never written, market and bundle."""
        return deepcopy(self, {id(shared): shared for shared in (self.market, self.market.extras, self.bundle)})

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
        return not self.positions

    @property
    def positions(self) -> dict[str, int]:
        """Signed shares of every open position, by our own books."""
        return {symbol: int(qty) for symbol, qty in zip(self.symbols, self._book.qty, strict=True) if qty}

    def on_bars(
        self, slot: int, bars: Sequence[LiveBar], ticks: Mapping[str, Sequence[float]] = NO_TICKS
    ) -> npt.NDArray[np.float32]:
        """Take in the minute's bars; return the windows to be scored (`LiveInputs.take`)."""
        return self.inputs.take(slot, bars, ticks)

    def freeze(self, frozen: Mapping[str, str]) -> None:
        """Open nothing in these symbols (with the reason of each) until told otherwise; exits and stops go on."""
        self._frozen = dict(frozen)
        self._may_enter = self.market.tradable & ~np.isin(self.symbols, list(frozen))

    def on_scores(self, slot: int, scores: Float64 | None) -> Decision:
        """Decide at the close of `slot`; `scores` `[n, member]` of the windows just returned, None for no scores."""
        table = np.full((len(self.symbols), len(MEMBERS)), np.nan)
        scored, aux = self.inputs.scored, self.inputs.aux
        if scores is not None and scored.size:
            table[scored] = scores
        self.orders.forget_failed_stops()
        signal_step(
            self._signal_rules, self._signal_state, slot, table, self.inputs.regime,
            np.ascontiguousarray(aux[:, 1]), np.ascontiguousarray(aux[:, 2]), self._signal,
        )  # fmt: skip
        n = step(
            self._book,
            slot,
            self.n_slots,
            self._snapshot(slot),
            float(self.thresholds[slot]),
            self._regimes.trading(self.inputs.regime).scale,
            CONFIDENCE,
            self._rules,
            self._scratch,
            self._out,
        )
        orders = self.orders.of(slot, self._out, n)
        return Decision(orders, self._reasons(slot, orders), self._missing(table), self._moved())

    def _snapshot(self, slot: int) -> Snapshot:
        market, minutes = self.market, self.inputs.minutes
        return Snapshot(
            minutes.close,
            self._signal,
            np.ascontiguousarray(self.inputs.aux[:, 0]),
            market.statistics.expected_volume[min(slot + 1, self.n_slots - 1)],
            market.sector,
            self._may_enter,
            minutes.quiet,
            market.event_scale[slot],
            market.sector_limit,
            minutes.high,
            minutes.low,
            self._no,
            ~self._no,
            self._no,
            0,
            self._budget,
            *self._hedges,
        )

    def protect(self, slot: int) -> list[Order]:
        """Return the stops that positions need now, each after the cancel of one for another quantity."""
        return self.orders.of(slot, self._out, protect(self._book, self._rules, True, self._out))

    def on_events(self, slot: int, phase: Phase, events: Sequence[BrokerEvent]) -> tuple[list[Fill], list[str]]:
        """Take the broker's updates into the book (`OpenOrders.take`)."""
        return self.orders.take(slot, phase, events)

    def refuse(self, order: Order) -> str | None:
        """Return why our own limits forbid sending `order`, None if they do not."""
        i = self.symbols.index(order.symbol)
        worth = np.abs(self._book.qty * self._book.mark)
        sector = self.market.sector[i]
        same = self.market.sector == sector
        exposure = Exposure(
            equity=self.equity,
            held=int(self._book.qty[i]),
            price=float(self._book.mark[i]),
            sector_gross=float(worth[same].sum()),
            gross=float(worth.sum()),
            max_position=self._kernel.max_position,
            max_sector=min(self._kernel.max_sector, float(self.market.sector_limit[sector])),
            max_gross=self._kernel.max_gross,
        )
        return refuse(order, exposure)

    def _reasons(self, slot: int, orders: Sequence[Order]) -> dict[str, str]:
        strong = np.flatnonzero(np.abs(self._signal) >= self.thresholds[slot])
        reasons = {self.symbols[i]: Reason(self._scratch.verdict[i]).name for i in strong}
        reasons |= {symbol: f"FROZEN ({self._frozen[symbol]})" for symbol in self._frozen if symbol in reasons}
        return reasons | {order.symbol: order.reason.name for order in orders}

    def _moved(self) -> dict[str, float]:
        weights = self._signal_state.weights
        if (np.abs(weights - self._told) <= WEIGHT_MOVED).all():
            return {}
        self._told = weights.copy()
        return {name: round(float(weight), 6) for name, weight in zip(MEMBERS, weights, strict=True) if weight > 0.0}

    def _missing(self, table: Float64) -> tuple[str, ...]:
        if not self.inputs.scored.size:
            return ()
        gone = np.isnan(table[self.inputs.scored]).any(axis=0) & (self._signal_state.weights > 0)
        return tuple(name for name, missing in zip(MEMBERS, gone, strict=True) if missing)
