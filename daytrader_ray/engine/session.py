"""One trading day, live: bars and updates in, orders out. Synchronous, without any input or output of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import CONFIDENCE
from daytrader_ray.domain.cadence import bars_between
from daytrader_ray.domain.errors import BrokerError
from daytrader_ray.domain.ports import BrokerEvent, LiveBar
from daytrader_ray.domain.trading import MEMBERS, Fill, Order, OrderKind, Phase, Reason
from daytrader_ray.engine.book import (
    CASH,
    EQUITY,
    HALTED,
    PEAK,
    START_EQUITY,
    Carried,
    new_book,
    open_session,
    restate,
)
from daytrader_ray.engine.budgets import Allocation, Allocator
from daytrader_ray.engine.fills import costs_of
from daytrader_ray.engine.kernel import protect, release, step
from daytrader_ray.engine.live_budgets import LiveBudgets
from daytrader_ray.engine.live_inputs import NO_TICKS, LiveInputs
from daytrader_ray.engine.market import Conditions, Market, Start, Terms
from daytrader_ray.engine.open_orders import OpenOrders
from daytrader_ray.engine.short_sales import short_sales
from daytrader_ray.engine.values import (
    BETA,
    GROSS,
    HEDGED,
    NET,
    Snapshot,
    hedge_caps,
    new_intents,
    new_scratch,
    rules_of,
)
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.ensemble import new_state, signal_step
from daytrader_ray.models.ensemble import rules_of as signal_rules
from daytrader_ray.models.thresholds import thresholds
from daytrader_ray.regime.config import strategy_table
from daytrader_ray.risk.checks import Exposure, refuse

Float64 = npt.NDArray[np.float64]
WEIGHT_MOVED = 0.01
HALT = "halt"
"""What a feed calls the reason for which a halted symbol is frozen."""


class Sized(NamedTuple):
    """How an entry came about: `steps` as `domain.budget.SIZING_STEPS`, `scores` and `weights` `[member]`."""

    order: Order
    regime: int
    steps: Float64
    scores: Float64
    weights: Float64


@dataclass(frozen=True)
class Decision:
    """What was decided at one close: orders in the order of sending, and why.

    `reasons` names, by symbol, the reason of its order, or why a signal at or over the threshold led to none. `weights`
    are the members' where one has moved by more than WEIGHT_MOVED since they were told last, and at the first close.
    `sized` says how each entry got its size.
    """

    orders: list[Order]
    reasons: Mapping[str, str]
    missing_members: tuple[str, ...]
    weights: Mapping[str, float]
    sized: tuple[Sized, ...]


class Mark(NamedTuple):
    """The books at one close: `state` ACTIVE, REDUCING or HALTED; USD, hedges signed, `beta_usd` of all positions."""

    slot: int
    state: int
    regime: int
    equity: float
    cash: float
    gross_usd: float
    net_usd: float
    hedge_usd: float
    beta_usd: float
    start_equity: float
    peak: float


class SessionEngine:
    """State of one trading day: inputs, book and orders, stepped by bars, scores and trade updates.

    `inputs` has what the last bars said; `orders` what became of our orders; `conditions` what else the session was
    told; `tradable` the symbols that may be entered today; `thresholds` `[slot]` the smallest |signal| that opens a
    position; members score each `score_every` bars. `run` begins every client order id.
    """

    def __init__(self, bundle: Bundle, market: Market, terms: Terms, start: Start, run: str) -> None:
        grid, symbols = market.history.grid, market.history.symbols
        n, ensemble = len(symbols), bundle.ensemble
        self.bundle, self.market, self.symbols = bundle, market, symbols
        self.tradable = frozenset(compress(symbols, market.tradable))
        self.n_slots = market.session.n_minutes // grid.bar_minutes
        self._kernel, self._regimes = terms.kernel, terms.regime
        self.score_every = bars_between(ensemble.score_every_minutes, grid.bar_minutes)
        self._rules = rules_of(terms.kernel, terms.costs.participation, grid.bar_minutes, self.score_every)
        self.start = start
        self._open_book(start)
        date, cooldown = market.session.date, self._rules.cooldown_bars
        costs = costs_of(terms.costs, date, self.n_slots, grid.bar_minutes)
        self.orders = OpenOrders(run, date, symbols, self._book, costs, cooldown)
        self.inputs = LiveInputs(bundle, market)
        self._out, self._scratch = new_intents(n), new_scratch(market.sector)
        self._is_hedge, self._hedge_cap = hedge_caps(terms.kernel, symbols)
        self._shortable = ~np.isin(symbols, market.hard_to_borrow)
        self._sizing = ensemble.sizing if terms.kernel.sizing == "kelly" else CONFIDENCE
        minutes, ic = grid.bar_minutes, ensemble.ic
        allocator = Allocator(terms.portfolio, terms.kernel, symbols, market.sector, minutes, ic)
        self.budgets = LiveBudgets(allocator, market.history, market.tradable, self.n_slots)
        self._short_sales = short_sales(market.history, len(grid.sessions), market.price_factor)
        self._restricted = self._short_sales.restricted.copy()
        self._signal = np.full(n, np.nan)
        self._signal_rules = signal_rules(ensemble, strategy_table(terms.regime), grid.bar_minutes)
        self._signal_state = new_state(ensemble, n, grid.bar_minutes)
        self._announced = np.full(len(MEMBERS), np.nan)
        self._verdicts = Counter[int]()
        self.thresholds = thresholds(ensemble.threshold, ensemble.hours, self.n_slots, grid.bar_minutes)
        halts, reducing = np.zeros((self.n_slots, n), dtype=np.bool_), np.zeros(self.n_slots, dtype=np.bool_)
        self.conditions = Conditions(market.hard_to_borrow, halts, reducing)
        self._reducing: dict[str, str] = {}
        self.freeze({})

    def _open_book(self, start: Start) -> None:
        """Begin the day; one that had begun before goes on from its own start, and a halt in it holds."""
        self._book = book = new_book(len(self.symbols), start.cash, start.peak)
        for symbol, kept in start.carried.items():
            if symbol not in self.symbols:
                raise BrokerError(
                    f"the session before left {symbol} {kept.qty:+d}: expected one of the bundle's {len(self.symbols)}",
                    f"close {symbol} in the broker's account, or trade a bundle that knows it",
                )
            i = self.symbols.index(symbol)
            book.qty[i], book.entry_price[i], book.stop_price[i], book.atr[i], book.mark[i] = kept
        restate(book, self.market.share_factor / self.market.history.share_factor[-1])
        open_session(book)
        if not np.isfinite(self.equity):
            raise BrokerError(
                f"the equity at the start is {self.equity}: expected a number, the day's loss is counted from it",
                "close what the session before left in the broker's account",
            )
        if start.start_equity is not None:
            book.money[START_EQUITY] = start.start_equity
        if start.halted:
            book.state[0] = HALTED

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

    @property
    def carried(self) -> dict[str, Carried]:
        """Every open position as the next session must know it."""
        book, found = self._book, {}
        for symbol, qty in self.positions.items():
            i = self.symbols.index(symbol)
            prices = (float(values[i]) for values in (book.entry_price, book.stop_price, book.atr, book.mark))
            found[symbol] = Carried(qty, *prices)
        return found

    @property
    def verdicts(self) -> dict[Reason, int]:
        """How often each was the last word on a symbol at a close."""
        return {Reason(code): n for code, n in sorted(self._verdicts.items())}

    @property
    def reducing(self) -> list[str]:
        """Why exits alone are allowed; empty while they are not."""
        unknown = [f"the fate of an order of {symbol} is not known" for symbol in self.orders.unknown]
        return [*self._reducing.values(), *unknown]

    def reduce(self, source: str, why: str) -> None:
        """Allow exits alone from the next decision on, until `source` says "" for `why`."""
        self._reducing[source] = why
        if not why:
            del self._reducing[source]

    def mark(self, slot: int) -> Mark:
        """Return the books on the marks of the last decision, which was made at the close of `slot`."""
        marked, money = self._scratch.marked, self._book.money
        return Mark(
            slot=slot,
            state=int(self._book.state[0]),
            regime=self.inputs.regime,
            equity=self.equity,
            cash=self.cash,
            gross_usd=float(marked[GROSS]),
            net_usd=float(marked[NET]),
            hedge_usd=float(marked[HEDGED]),
            beta_usd=float(marked[BETA]),
            start_equity=float(money[START_EQUITY]),
            peak=float(money[PEAK]),
        )

    def on_bars(
        self, slot: int, bars: Sequence[LiveBar], ticks: Mapping[str, Sequence[float]] = NO_TICKS
    ) -> npt.NDArray[np.float32]:
        """Take in the minute's bars; return the windows to be scored (`LiveInputs.take`)."""
        windows = self.inputs.take(slot, bars, ticks)
        self._restricted |= self.inputs.minutes.low <= self._short_sales.limit
        return windows

    def freeze(self, frozen: Mapping[str, str]) -> None:
        """Open nothing in these symbols (with the reason of each) until told otherwise; exits and stops go on."""
        self._frozen = dict(frozen)
        self._halted = np.isin(self.symbols, [symbol for symbol, why in frozen.items() if why == HALT])
        self._may_enter = self.market.tradable & ~np.isin(self.symbols, list(frozen))

    def on_scores(self, slot: int, scores: Float64 | None) -> Decision:
        """Decide at the close of `slot`; `scores` `[n, member]` of the windows just returned, None for no scores.

        At a bar at which members do not score the signals of the bar before hold.
        """
        table = np.full((len(self.symbols), len(MEMBERS)), np.nan)
        scored, aux = self.inputs.scored, self.inputs.aux
        if scores is not None and scored.size:
            table[scored] = scores
        self.orders.forget_failed_stops()
        self.budgets.take(slot, self.inputs.minutes.close)
        signal_step(
            self._signal_rules, self._signal_state, slot, table, self.inputs.regime,
            np.ascontiguousarray(aux[:, 1]), np.ascontiguousarray(aux[:, 2]), self._signal,
        )  # fmt: skip
        self.conditions.halts[slot], self.conditions.reducing[slot] = self._halted, bool(self.reducing)
        n = step(
            self._book, slot, self.n_slots, self._snapshot(slot), float(self.thresholds[slot]),
            self._regimes.trading(self.inputs.regime).scale, self._sizing, self._rules, self._scratch, self._out,
        )  # fmt: skip
        self._verdicts.update(self._scratch.verdict.tolist())
        orders = self.orders.of(slot, self._out, n)
        sized = self._sized(orders, table)
        return Decision(orders, self._reasons(slot, orders), self._missing(table), self._moved(), sized)

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
            self._halted,
            self._shortable,
            self._restricted,
            int(self.conditions.reducing[slot]),
            self.budgets.budget,
            self._is_hedge,
            self._hedge_cap,
        )

    def _sized(self, orders: Sequence[Order], table: Float64) -> tuple[Sized, ...]:
        weights, regime = self._signal_state.weights, self.inputs.regime
        return tuple(
            Sized(order, regime, self._out.sizing[k].copy(), table[self.symbols.index(order.symbol)], weights.copy())
            for k, order in enumerate(orders)
            if order.kind is OrderKind.ENTRY
        )

    def allocate(self, slot: int) -> Allocation | None:
        """Return what the slow loop says on the last decision's bars, None where it is not asked."""
        return self.budgets.allocate(slot, self._signal, np.ascontiguousarray(self.inputs.aux[:, 2]))

    def release(self, slot: int) -> list[Order]:
        """Return the cancels of what is left of limits, whose bar is over, and of stops that were not cancelled yet."""
        limits = self.orders.of(slot, self._out, release(self._book, self._out))
        return limits + self.orders.stops_again(slot)

    def protect(self, slot: int, leaving_too: bool) -> list[Order]:
        """Return the stops that positions need now, each after the cancel of one for another quantity.

        With `leaving_too` also for what is left of a position on its way out.
        """
        return self.orders.of(slot, self._out, protect(self._book, self._rules, leaving_too, self._out))

    def on_events(self, slot: int, phase: Phase, events: Sequence[BrokerEvent]) -> tuple[list[Fill], list[str]]:
        """Take the broker's updates into the book (`OpenOrders.take`)."""
        return self.orders.take(slot, phase, events)

    def refuse(self, order: Order) -> str | None:
        """Return why our own limits forbid sending `order`, None if they do not.

        All that is on its way beside it counts, in net and net beta what moves them the same way: it may fill alone.
        """
        book, kernel, i = self._book, self._kernel, self.symbols.index(order.symbol)
        held, moves = book.qty * book.mark, self.orders.on_the_way(besides=order) * book.mark
        gross = np.maximum(np.abs(held), np.abs(held + moves))  # what is sold frees no room before it is
        beta, may_short = np.nan_to_num(self.budgets.budget.beta, nan=1.0), self._shortable & ~self._restricted
        sector = (self.market.sector == self.market.sector[i]) & ~self._is_hedge
        exposure = Exposure(
            state=int(book.state[0]),
            equity=self.equity,
            start_equity=float(book.money[START_EQUITY]),
            held=int(book.qty[i]),
            price=float(book.mark[i]),
            beta=float(beta[i]),
            may_short=bool(may_short[i] and (kernel.allow_short or self._is_hedge[i])),
            sector_gross=float(gross[sector].sum()),
            gross=float(gross.sum()),
            net=float((held + np.where(moves * order.side > 0, moves, 0.0)).sum()),
            net_beta=float(((held + np.where(moves * beta * order.side * beta[i] > 0, moves, 0.0)) * beta).sum()),
            max_position=float(self._hedge_cap[i]) if self._is_hedge[i] else kernel.max_position,
            max_sector=min(kernel.max_sector, float(self.market.sector_limit[self.market.sector[i]])),
            max_gross=kernel.max_gross * self.budgets.budget.gross_scale,
            max_net=kernel.max_net,
            max_beta=kernel.max_beta,
            buying_power=kernel.buying_power,
        )
        return refuse(order, exposure)

    def _reasons(self, slot: int, orders: Sequence[Order]) -> dict[str, str]:
        strong = np.flatnonzero(np.abs(self._scratch.signal) >= self.thresholds[slot])
        reasons = {self.symbols[i]: Reason(self._scratch.verdict[i]).name for i in strong}
        reasons |= {symbol: f"FROZEN ({self._frozen[symbol]})" for symbol in self._frozen if symbol in reasons}
        return reasons | {order.symbol: order.reason.name for order in orders}

    def _moved(self) -> dict[str, float]:
        weights = self._signal_state.weights
        if (np.abs(weights - self._announced) <= WEIGHT_MOVED).all():
            return {}
        self._announced = weights.copy()
        return {name: round(float(weight), 6) for name, weight in zip(MEMBERS, weights, strict=True) if weight > 0.0}

    def _missing(self, table: Float64) -> tuple[str, ...]:
        if not self.inputs.scored.size:
            return ()
        gone = np.isnan(table[self.inputs.scored]).any(axis=0) & (self._signal_state.weights > 0)
        return tuple(name for name, missing in zip(MEMBERS, gone, strict=True) if missing)
