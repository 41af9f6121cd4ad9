"""One trading day, live: bars and updates in, orders out. Synchronous, without any input or output of its own."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE, unlimited
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Matrix, Panel, SessionStatistics
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.ports import BrokerEvent, LiveBar
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.sessions import Session
from daytrader_ray.domain.trading import MEMBERS, WINDOW_ROWS, Fill, Order, OrderKind, Phase, Reason
from daytrader_ray.engine.book import CASH, ENTERING, EQUITY, FREE, HANDS_OFF, apply_fill, new_book, open_session
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.fills import costs_of, fill_fee
from daytrader_ray.engine.kernel import Snapshot, hedge_caps, new_intents, new_scratch, protect, rules_of, step
from daytrader_ray.engine.minutes import LiveMinutes
from daytrader_ray.engine.orders import order_of
from daytrader_ray.features.bar import EVENTS, TICKS, Bars, without
from daytrader_ray.features.extras import Extra
from daytrader_ray.features.live import LiveFeatures, Warmed
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.dataset import LiveWindows, valid_rows
from daytrader_ray.models.ensemble import new_state, signal_step
from daytrader_ray.models.ensemble import rules_of as signal_rules
from daytrader_ray.models.thresholds import thresholds
from daytrader_ray.regime.config import RegimeConfig, strategy_table
from daytrader_ray.regime.live import LiveRegime
from daytrader_ray.risk.checks import Exposure, refuse

Float64 = npt.NDArray[np.float64]
NO_TICKS: Mapping[str, Sequence[float]] = MappingProxyType({})
_EXECUTIONS = ("fill", "partial_fill")
_ENDS = ("fill", "canceled", "expired", "rejected", "done_for_day")
_FAULTS = ("expired", "rejected")
WEIGHT_MOVED = 0.01
_LOOK_BACK = 2000
"""Rows of a history in which the last windows are looked for at a time."""


@dataclass(frozen=True)
class Market:
    """What is known before the session opens.

    `history` holds all earlier sessions of `symbols`; `expected_history` their expected volumes `[row, symbol]`;
    `statistics` what they say of today; `price_factor` and `share_factor` of today (`domain.panel.Panel`), `tradable`
    and `sector` are `[symbol]`; `sector_limit` `[sector]` and `event_scale` `[slot, symbol]` are as in `backtest.Plan`.
    The history's `past_ticks` `[row, symbol, 6]` and `past_events` `[row, symbol, 2]` and today's `events`
    `[slot, symbol, 2]` are as in `features.bar.Bars`, None where there are none. Today's ticks come with the bars.
    `peers` of all sessions of the history and today are whom the cross-section compares with, None for nobody; `extras`
    the configured features beside those of the registry. `warmed` is what has been computed of the history's features
    before; None: nothing.
    """

    session: Session
    history: Panel
    expected_history: Float64
    statistics: SessionStatistics
    price_factor: Float64
    share_factor: Float64
    tradable: npt.NDArray[np.bool_]
    sector: npt.NDArray[np.int64]
    sector_limit: Float64
    event_scale: Float64
    past_ticks: Float64 | None = None
    past_events: Float64 | None = None
    events: Float64 | None = None
    peers: Peers | None = None
    warmed: Warmed | None = None
    extras: tuple[Extra, ...] = ()


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
    """State of one trading day: features, windows, regime and book, stepped by bars, scores and trade updates.

    `unscored` names, by symbol, why a stock that may be traded and did trade in the last minute ended no window;
    `thresholds` `[slot]` are the smallest |signal| that opens a position.
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
        self._kernel, self._run, self._bar_minutes = kernel, run, grid.bar_minutes
        self._rules = rules_of(kernel, costs.participation, grid.bar_minutes)
        self._regimes = regimes or RegimeConfig()
        self._costs = costs_of(costs, market.session.date, self.n_slots, grid.bar_minutes)
        self._book = new_book(n, cash)
        self._out, self._scratch = new_intents(n), new_scratch(market.sector)
        self._minutes = LiveMinutes(self.symbols, market.session.open_minute, grid.bar_minutes)
        self._aux = np.full((n, 3), np.nan)
        self._high = self._low = np.full(n, np.nan)
        self._no = np.zeros(n, dtype=np.bool_)
        self._budget, self._hedges = unlimited(n, kernel.max_position), hedge_caps(kernel, self.symbols)
        self._scored = np.zeros(0, dtype=np.int64)
        self.unscored: dict[str, str] = {}
        self._signal = np.full(n, np.nan)
        ensemble = bundle.ensemble
        self._signal_rules = signal_rules(ensemble, strategy_table(self._regimes), grid.bar_minutes)
        self._signal_state = new_state(ensemble, n, grid.bar_minutes)
        self._told = np.full(len(MEMBERS), np.nan)
        self.thresholds = thresholds(ensemble.threshold, ensemble.hours, self.n_slots, grid.bar_minutes)
        self._sent: dict[str, Order] = {}
        self._stops: dict[str, str] = {}
        self._failed: set[int] = set()
        self._working: dict[str, Order] = {}
        self._unknown: dict[str, str] = {}
        self.freeze({})
        self.fees = 0.0
        self._executions: set[str] = set()
        self._warm()
        open_session(self._book)

    def _warm(self) -> None:
        """Run the history through features, windows and regime, so that the first bar continues where it ended."""
        market, bundle, n = self.market, self.bundle, len(self.market.history.grid.sessions)
        past, today = (None, None) if market.peers is None else (market.peers.part(0, n), market.peers.part(n, n + 1))
        self._features = LiveFeatures(self.symbols, bar_minutes=self._bar_minutes, peers=today, extras=market.extras)
        if market.warmed is not None:
            parts: Iterable[Matrix] = [self._features.go_on(market.warmed)]
        else:
            ticks, events = market.past_ticks, market.past_events
            parts = self._features.go_through(
                market.history, market.expected_history, peers=past, ticks=ticks, events=events
            )
        self._selected = np.array([self._features.names.index(name) for name in bundle.features], dtype=np.int64)
        self._windows = LiveWindows(len(self.symbols), self._selected.size)
        self._known = np.zeros(self._selected.size, dtype=np.bool_)
        last = [np.empty((0, self._selected.size), dtype=np.float32) for _ in self.symbols]
        for part in parts:
            last = [np.concatenate([old, self._last_rows(part, k)])[-WINDOW_ROWS:] for k, old in enumerate(last)]
        for column, rows in enumerate(last):
            self._windows.fill(column, rows)
        self._regime = LiveRegime(bundle.regime, self.symbols) if bundle.regime is not None else None
        self._state = int(Regime.UNKNOWN)
        if self._regime is not None:
            self._regime.warm(market.history)

    def _last_rows(self, history: Matrix, column: int) -> npt.NDArray[np.float32]:
        """Return a symbol's last WINDOW_ROWS valid rows `[row, feature]`, scaled; fewer where there are no more."""
        rows = np.empty((0, self._selected.size), dtype=np.float32)
        stop = history.shape[0]
        while stop > 0 and len(rows) < WINDOW_ROWS:
            start = max(0, stop - _LOOK_BACK)
            scaled = self.bundle.scaler.transform(history[start:stop, column][:, self._selected])
            if self.market.tradable[column]:
                self._known |= np.isfinite(scaled).any(axis=0)
            rows, stop = np.concatenate([scaled[valid_rows(scaled)], rows]), start
        return rows[-WINDOW_ROWS:]

    def twin(self) -> "SessionEngine":
        """Return an engine in the same state; it shares what is never written, market and bundle."""
        return deepcopy(self, {id(shared): shared for shared in (self.market, self.market.extras, self.bundle)})

    @property
    def unknown(self) -> list[str]:
        """Features of the bundle that none of the symbols that may be traded has had in all history."""
        names = zip(self.bundle.features, self._known, strict=True)
        return [name for name, known in names if not known] if self.market.tradable.any() else []

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

    @property
    def late_bars(self) -> int:
        """Bars that came after their minute had been decided."""
        return self._minutes.late

    @property
    def unanswered(self) -> list[str]:
        """Ids of the entries and exits whose end the venue has not told."""
        return list(self._working)

    def on_bars(
        self, slot: int, bars: Sequence[LiveBar], ticks: Mapping[str, Sequence[float]] = NO_TICKS
    ) -> npt.NDArray[np.float32]:
        """Take in the minute's bars; return the windows `[n, WINDOW_ROWS, feature]` to be scored, by symbol.

        Bars of later minutes wait for theirs; bars of earlier ones come too late for a decision already made and are
        counted in `late_bars`. `ticks` are those of `MarketFeed.ticks`.
        """
        market = self.market
        minute = Bars(
            *self._minutes.lay(slot, bars), market.statistics.expected_volume[slot], market.price_factor,
            market.share_factor, *self._beside(slot, ticks),
        )  # fmt: skip
        self._high, self._low = minute.high, minute.low
        values, self._aux = self._features.step(market.session, slot, minute)
        if self._regime is not None:
            self._state = self._regime.step(slot, minute.close)
        scaled = self.bundle.scaler.transform(values[:, self._selected])
        due = self._windows.step(scaled) & market.tradable
        self._scored = np.flatnonzero(due)
        self.unscored = self._why_not(scaled, minute.traded & market.tradable & ~due)
        return self._windows.windows[self._scored]

    def _why_not(self, scaled: npt.NDArray[np.float32], silent: npt.NDArray[np.bool_]) -> dict[str, str]:
        """Return what keeps each of the `silent` symbols `[symbol]` from ending a window."""
        missing, why = ~np.isfinite(scaled), {}
        for i in np.flatnonzero(silent):
            named = self.bundle.features[int(missing[i].argmax())]
            why[self.symbols[i]] = f"{named} has no value" if missing[i].any() else "too few bars with all features"
        return why

    def _beside(self, slot: int, ticks: Mapping[str, Sequence[float]]) -> tuple[Float64, Float64]:
        """Return the ticks and the events of one minute `[symbol, 6]`, `[symbol, 2]`, NaN where there are none."""
        told, events = without(len(self.symbols), TICKS), self.market.events
        for i, symbol in enumerate(self.symbols):
            told[i] = ticks.get(symbol, np.nan)
        return told, without(len(self.symbols), EVENTS) if events is None else events[slot]

    def freeze(self, frozen: Mapping[str, str]) -> None:
        """Open nothing in these symbols (with the reason of each) until told otherwise; exits and stops go on."""
        self._frozen = dict(frozen)
        self._may_enter = self.market.tradable & ~np.isin(self.symbols, list(frozen))

    def on_scores(self, slot: int, scores: Float64 | None) -> Decision:
        """Decide at the close of `slot`; `scores` `[n, member]` of the windows just returned, None for no scores."""
        table = np.full((len(self.symbols), len(MEMBERS)), np.nan)
        if scores is not None and self._scored.size:
            table[self._scored] = scores
        # A stop that ended by itself counts as resting until here, so that the next one comes a bar later.
        self._book.stop_live[[i for i in self._failed if self.symbols[i] not in self._stops]] = 0
        self._failed.clear()
        signal_step(
            self._signal_rules, self._signal_state, slot, table, self._state,
            np.ascontiguousarray(self._aux[:, 1]), np.ascontiguousarray(self._aux[:, 2]), self._signal,
        )  # fmt: skip
        market = self.market
        now = Snapshot(
            self._minutes.close,
            self._signal,
            np.ascontiguousarray(self._aux[:, 0]),
            market.statistics.expected_volume[min(slot + 1, self.n_slots - 1)],
            market.sector,
            self._may_enter,
            self._minutes.quiet,
            market.event_scale[slot],
            market.sector_limit,
            self._high,
            self._low,
            self._no,
            ~self._no,
            self._no,
            0,
            self._budget,
            *self._hedges,
        )
        n = step(
            self._book,
            slot,
            self.n_slots,
            now,
            float(self.thresholds[slot]),
            self._regimes.trading(self._state).scale,
            CONFIDENCE,
            self._rules,
            self._scratch,
            self._out,
        )
        orders = self._orders(slot, n)
        return Decision(orders, self._reasons(slot, orders), self._missing(table), self._moved())

    def protect(self, slot: int) -> list[Order]:
        """Return the stops that positions need now, each after the cancel of one for another quantity."""
        return self._orders(slot, protect(self._book, self._rules, True, self._out))

    def on_events(self, slot: int, phase: Phase, events: Sequence[BrokerEvent]) -> tuple[list[Fill], list[str]]:
        """Take the broker's updates into the book; return the executions, each once, and what went wrong, in words."""
        fills, faults = [], []
        for event in events:
            order = self._sent.get(event.client_order_id)
            if order is None:
                continue
            if event.event in _EXECUTIONS and event.execution_id not in self._executions:
                self._executions.add(event.execution_id)
                fills.append(self._fill(order, slot, phase, event))
            if self._unknown.get(order.symbol) == order.client_order_id and _tells_fate(order, event.event):
                del self._unknown[order.symbol]
                self._book.blocked[self.symbols.index(order.symbol)] = FREE
            if event.event in _ENDS and self._ended(order, event.event):
                faults.append(f"{order.client_order_id} {event.event} by the venue")
        return fills, faults

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

    def on_not_sent(self, order: Order) -> None:
        """Note that `order` never left: nothing rests and nothing is on its way."""
        if order.kind is OrderKind.STOP:
            self._stops.pop(order.symbol, None)
            self._book.stop_live[self.symbols.index(order.symbol)] = 0
        self._ended(order, "")

    def block(self, order: Order) -> None:
        """Keep hands off the symbol of an order with an unknown fate, until an update tells it.

        Of a cancel it is the stop's fate that is not known.
        """
        awaited = order.client_order_id
        if order.kind is OrderKind.CANCEL_STOP:
            stops = [sent.client_order_id for sent in self._sent.values() if _is_stop_of(order.symbol, sent)]
            awaited = stops[-1] if stops else awaited
        self._unknown[order.symbol] = awaited
        self._book.blocked[self.symbols.index(order.symbol)] = HANDS_OFF

    def is_blocked(self, symbol: str) -> bool:
        """Return whether an order of `symbol` has an unknown fate."""
        return symbol in self._unknown

    def _ended(self, order: Order, event: str) -> bool:
        """Take the end of an order into the book; return whether it is one that should not have happened."""
        i = self.symbols.index(order.symbol)
        if self._working.pop(order.client_order_id, None) is not None:
            self._book.blocked[i] = HANDS_OFF if order.symbol in self._unknown else FREE
            return event in _FAULTS and order.kind is OrderKind.EXIT
        if self._stops.get(order.symbol) == order.client_order_id:
            del self._stops[order.symbol]
            if event != "fill":
                self._book.stop_failures[i] += i not in self._failed  # once a bar
                self._failed.add(i)
                return True
        return False

    def _fill(self, order: Order, slot: int, phase: Phase, event: BrokerEvent) -> Fill:
        i = self.symbols.index(order.symbol)
        fee = fill_fee(order.side, event.qty, event.price, self._costs)
        self.fees += fee
        apply_fill(
            self._book, i, int(order.kind), order.side, event.qty, event.price, fee, slot, self._rules.cooldown_bars
        )
        return Fill(
            session=order.session,
            slot=slot,
            phase=phase,
            symbol=order.symbol,
            kind=order.kind,
            side=order.side,
            qty=event.qty,
            price=event.price,
            fee=fee,
            client_order_id=order.client_order_id,
        )

    def _orders(self, slot: int, n: int) -> list[Order]:
        out, orders = self._out, []
        for k in range(n):
            i = int(out.symbol[k])
            symbol = self.symbols[i]
            kind, side, qty, reason = int(out.kind[k]), int(out.side[k]), int(out.qty[k]), int(out.reason[k])
            price = float(out.price[k])
            order = order_of(self._run, self.market.session.date, slot, symbol, kind, side, qty, reason, price)
            order = replace(order, client_order_id=self._unused(order.client_order_id))
            orders.append(order)
            self._sent[order.client_order_id] = order
            if order.kind is OrderKind.CANCEL_STOP:
                self._stops.pop(symbol, None)
            elif order.kind is OrderKind.STOP:
                self._stops[symbol] = order.client_order_id
            else:
                self._working[order.client_order_id] = order
                # Beside an exit on its way a second one, or a stop, could open the opposite position; beside an entry
                # a second one would double it.
                self._book.blocked[i] = HANDS_OFF if order.kind is OrderKind.EXIT else ENTERING
        return orders

    def _unused(self, name: str) -> str:
        """Return `name`, or with the first free number where a bar needs a second stop of one symbol."""
        found, k = name, 2
        while found in self._sent:
            found, k = f"{name}-{k}", k + 1
        return found

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
        if not self._scored.size:
            return ()
        gone = np.isnan(table[self._scored]).any(axis=0) & (self._signal_state.weights > 0)
        return tuple(name for name, missing in zip(MEMBERS, gone, strict=True) if missing)


def _is_stop_of(symbol: str, order: Order) -> bool:
    return order.kind is OrderKind.STOP and order.symbol == symbol


def _tells_fate(order: Order, event: str) -> bool:
    """Return whether an update says where an order stands: of a stop that it rests, of any other that it has ended."""
    return order.kind is OrderKind.STOP or event in _ENDS
