"""The live loop over the ports: the same code for rehearsal, paper and live; only what is plugged in differs."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import BrokerError, DaytraderError
from daytrader_ray.domain.ports import Account, Broker, Clock, Journal, LiveBar, MarketFeed, Scorer, Tick
from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase, Reason
from daytrader_ray.engine.budgets import Allocation
from daytrader_ray.engine.market import Conditions, Start
from daytrader_ray.engine.session import HALT, Mark, SessionEngine, Sized

Float64 = npt.NDArray[np.float64]

CASH_TOLERANCE_USD = 0.01
INTERRUPTED_SECONDS = 12.0
"""How long an interrupted session goes on closing: who waits for its last words does not wait for ever."""
STALE = "stale"
"""What a feed calls the reason for which a symbol is frozen of which it is not known what it did."""
OPEN_HINT = (
    "a session is not resumed; its orders and positions were told to close: "
    "check the broker's account now, and close there what is left"
)


@dataclass
class SessionResult:
    """What a session did.

    `latency_ms` is, per order, the time from the last bar of its minute being read to the order being handed to the
    broker's connection (orders decided at a close only). `alarms` name everything that should not have happened.
    `marks` are the books at each close, `sized` says how each entry got its size, `start` where the session began,
    `conditions` what it knew beside bars and fills, `allocations` what the slow loop answered; `verdicts` count symbols
    by the last word on them at each close.
    """

    orders: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    sized: list[Sized] = field(default_factory=list)
    start: Start | None = None
    conditions: Conditions | None = None
    allocations: list[Allocation] = field(default_factory=list)
    verdicts: dict[Reason, int] = field(default_factory=dict)
    latency_ms: list[float] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    cash: float = 0.0
    flat_at_close: bool = False


async def run_session(
    engine: SessionEngine,
    clock: Clock,
    feed: MarketFeed,
    broker: Broker,
    scorer: Scorer,
    journal: Journal,
    stopwatch: Callable[[], float],
) -> SessionResult:
    """Trade one session and return what happened.

    Per phase: take the broker's updates into the book; at the open put stops under new positions; at the close of the
    minute cancel what rests of limits, protect, score, decide and send. `stopwatch` counts seconds and serves the
    latency figures only.

    Whatever ends the session early is noted in the journal as `aborted`; the error, or the text of a cancellation,
    names what is open.
    """
    loop = _Loop(engine, broker, journal, stopwatch)
    loop.note_budget(engine.budgets.opened)
    try:
        while (tick := await clock.next_tick()) is not None:
            await loop.take_events(tick, tick.n_events)
            if tick.phase is Phase.OPEN and tick.slot < engine.n_slots:
                await loop.send(tick, engine.protect(tick.slot, leaving_too=True))
            elif tick.phase is Phase.CLOSE:
                await loop.end_bar(tick, feed, scorer)
            await clock.done(tick)
        return loop.close(await broker.snapshot())
    except asyncio.CancelledError:
        raise asyncio.CancelledError(await loop.abort("interrupted", interrupted=True)) from None
    except Exception as error:  # whatever it was, positions must not be left behind; it is raised again
        held = await loop.abort(str(error))
        if not held:
            raise
        kind = type(error) if isinstance(error, DaytraderError) else BrokerError
        raise kind(held, OPEN_HINT) from error


async def flatten(broker: Broker, interrupted: bool = False) -> list[str]:
    """Have the broker close everything; return all that was done, also where it came to no end.

    It may go on for as long as it tries, and for INTERRUPTED_SECONDS from an interruption on, before it or in it.
    """
    done: list[str] = []
    closing = asyncio.create_task(_close(broker, done), name="close everything")
    try:
        await asyncio.wait({closing}, timeout=INTERRUPTED_SECONDS if interrupted else None)
    except asyncio.CancelledError:  # what has ended the session is still told, and what was done too
        await asyncio.wait({closing}, timeout=INTERRUPTED_SECONDS)
    if not closing.done():
        closing.cancel()
        await asyncio.wait({closing})
        done.append(f"not finished after {INTERRUPTED_SECONDS:g} s: what was asked for last may still be done")
    elif error := closing.exception():  # whatever it was, the session's end must be noted
        done.append(f"no further: {error or type(error).__name__}")
    return done


async def _close(broker: Broker, done: list[str]) -> None:
    async for said in broker.flatten():
        done.append(said)


class _Loop:
    """The thin place that performs what the engine decided."""

    def __init__(self, engine: SessionEngine, broker: Broker, journal: Journal, stopwatch: Callable[[], float]) -> None:
        self.engine = engine
        self.broker = broker
        self.journal = journal
        self.stopwatch = stopwatch
        self.result = SessionResult()
        self.missing: Sequence[str] = ()
        self.without_score: Counter[str] = Counter()
        self.unscored: Counter[str] = Counter()
        self.named: set[str] = set()
        self.frozen: dict[str, str] = {}
        self.reducing: list[str] = []

    async def take_events(self, tick: Tick, n_events: int | None) -> None:
        fills, faults = self.engine.on_events(tick.slot, tick.phase, await self.broker.events(n_events))
        for fill in fills:
            self.journal.fill(fill)
            self.result.fills.append(fill)
        for fault in faults if tick.slot < self.engine.n_slots else ():  # after the close all that rests expires
            self._alarm(tick.slot, fault)

    async def end_bar(self, tick: Tick, feed: MarketFeed, scorer: Scorer) -> None:
        """Do all that belongs to the close of a bar, in the order of `docs/fills.md`."""
        await self._ask()
        await self._release(tick)
        await self.send(tick, self.engine.protect(tick.slot, leaving_too=False))
        bars = await feed.bars(tick.n_bars)
        read_at = self.stopwatch()
        self.freeze(tick.slot, feed.frozen())
        orders = await self.decide(tick.slot, bars, feed.ticks(), scorer)
        self._mark(tick.slot)  # a halt is on record before the first order of it leaves
        await self.send(tick, orders, read_at)
        self.note_budget(self.engine.allocate(tick.slot))

    def note_budget(self, made: Allocation | None) -> None:
        """Note what the slow loop has said, if it was asked."""
        if made is not None:
            self.result.allocations.append(made)
            self.journal.note("budget", made.told(self.engine.symbols))

    async def _ask(self) -> None:
        """Ask the venue what became of orders of unknown fate; what it cannot say yet is asked at the next close."""
        lost = self.engine.orders.lost
        for answer in await asyncio.gather(*(self.broker.ask(order) for order in lost), return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, BrokerError):
                raise answer

    async def _release(self, tick: Tick) -> None:
        """Cancel what is left of limits, and again what could not be cancelled, all at once; await every outcome."""
        cancels = self.engine.release(tick.slot)
        for order in cancels:
            self.journal.order(order)
            self.result.orders.append(order)
        known = await asyncio.gather(*(self._submit(order) for order in cancels))
        if cancels or self.engine.orders.unknown:
            await self.take_events(tick, None)
        for order in compress(cancels, known):
            self.engine.orders.answered(order)

    def _mark(self, slot: int) -> None:
        """Note the books; what a session that is begun again must know is among it."""
        mark = self.engine.mark(slot)
        self.result.marks.append(mark)
        self.journal.note("mark", mark._asdict())

    def freeze(self, slot: int, frozen: Mapping[str, str]) -> None:
        """Hold entries in these symbols, in all of them while half are stale; what changes is noted."""
        self.engine.freeze(frozen)
        tradable = self.engine.tradable
        stale, n = sum(why == STALE and symbol in tradable for symbol, why in frozen.items()), len(tradable)
        if stale and 2 * stale >= n:
            self.engine.reduce("feed", f"{stale} of {n} stocks are stale")
        else:
            self.engine.reduce("feed", "")
        if (why := self.engine.reducing) != self.reducing:
            self.reducing = why
            self.journal.note("reducing", {"slot": slot, "why": why})
            if why:
                self._alarm(slot, f"nothing is opened: {'; '.join(why)}")
        if frozen != self.frozen:
            self.frozen = dict(frozen)
            self.journal.note("frozen", {"slot": slot, "symbols": self.frozen})

    async def decide(
        self, slot: int, bars: Sequence[LiveBar], ticks: Mapping[str, Sequence[float]], scorer: Scorer
    ) -> list[Order]:
        for name in self.engine.orders.unanswered:
            if name not in self.named:
                self.named.add(name)
                self._alarm(slot, f"{name}: sent a bar ago, and its end is not known")
        windows = self.engine.on_bars(slot, bars, ticks)
        self._tell_unscored(slot)
        scores = await scorer.score(windows) if len(windows) else None
        decision = self.engine.on_scores(slot, scores)
        if scores is not None:
            self._tell_missing(slot, scores, decision.missing_members)
        if decision.weights:
            self.journal.note("weights", {"slot": slot, "weights": decision.weights})
        self.result.sized += decision.sized
        if decision.reasons:
            self.journal.note("decision", {"slot": slot, "reasons": decision.reasons})
        return decision.orders

    def _tell_missing(self, slot: int, scores: Float64, missing: Sequence[str]) -> None:
        """Alarm for members that had scores in the bar before and have none, and for being without any."""
        none = bool(missing) and bool(np.isnan(scores[:, self.engine.bundle.ensemble.inside]).all())
        names = ("any member",) if none else missing
        if new := [name for name in names if name not in self.missing]:
            what = "no entries, no exits for a signal" if none else "weights renormalised"
            self._alarm(slot, f"no score from {', '.join(new)}: {what}")
        self.missing = names
        self.without_score.update(missing)

    def _tell_unscored(self, slot: int) -> None:
        why = self.engine.inputs.unscored
        if new := [f"{symbol} ({why[symbol]})" for symbol in why if symbol not in self.unscored]:
            self._alarm(slot, f"not scored, neither entered nor sold for a signal: {', '.join(new)}")
        self.unscored.update(why.keys())

    async def send(self, tick: Tick, orders: Sequence[Order], read_at: float | None = None) -> None:
        """Send orders one after another, in the kernel's order; each is journalled before it leaves."""
        for order in orders:
            if order.symbol in self.engine.orders.unknown or self._has_gone(order):
                # The cancel before it failed, or was too late: what that stop has sold must not be sold twice.
                self.engine.orders.not_sent(order)
                self.journal.note("skipped", {"slot": order.slot, "client_order_id": order.client_order_id})
                continue
            refusal = self.engine.refuse(order)
            if refusal is not None:
                self.engine.orders.not_sent(order)
                self.journal.note("breach", {"slot": order.slot, "client_order_id": order.client_order_id})
                self._alarm(order.slot, f"{order.client_order_id} not sent: {refusal}")
                continue
            self.journal.order(order)
            self.result.orders.append(order)
            if read_at is not None:
                self.result.latency_ms.append(1e3 * (self.stopwatch() - read_at))
            await self._submit(order)
            if order.kind is OrderKind.CANCEL_STOP:
                # The stop may have been filled in the meantime: then there is nothing left to sell.
                await self.take_events(tick, None)

    def _has_gone(self, order: Order) -> bool:
        return order.kind in (OrderKind.EXIT, OrderKind.STOP) and order.symbol not in self.engine.positions

    async def _submit(self, order: Order) -> bool:
        """Send an order; return whether what it is to the venue is known."""
        try:
            await self.broker.submit(order)
        except BrokerError as error:
            self.engine.orders.block(order)
            self.named.add(order.client_order_id)
            self._alarm(order.slot, f"{order.client_order_id}: fate unknown, {order.symbol} blocked: {error}")
            return False
        return True

    def close(self, account: Account) -> SessionResult:
        self.result.cash, self.result.conditions = self.engine.cash, self.engine.conditions
        self.result.start, self.result.verdicts = self.engine.start, self.engine.verdicts
        self.result.flat_at_close = self.engine.is_flat and not any(account.positions.values())
        difference = account.cash - self.engine.cash
        # A paper account charges no fees: a difference of exactly our fees is no alarm.
        if abs(difference) > CASH_TOLERANCE_USD and abs(difference - self.engine.orders.fees) > CASH_TOLERANCE_USD:
            self._alarm(-1, f"the broker's cash {account.cash:.2f} USD, our books {self.engine.cash:.2f} USD")
        if late := self.engine.inputs.minutes.late:
            self._alarm(-1, f"{late} bars came after their minute had been decided")
        for name, n in sorted(self.without_score.items()):
            self._alarm(-1, f"{name} gave no score in {n} bars")
        for symbol, n in sorted(self.unscored.items()):
            self._alarm(-1, f"{symbol} was not scored in {n} bars")
        carried = {symbol: kept._asdict() for symbol, kept in self.engine.carried.items()}
        for symbol, kept in carried.items():
            why = "halted" if self.frozen.get(symbol) == HALT else "not halted: it should have been sold"
            self._alarm(-1, f"{symbol} {kept['qty']:+d} is held through the close, {why}")
        flat = self.result.flat_at_close
        self.journal.note("close", {"cash": self.engine.cash, "flat": flat, "carried": carried})
        return self.result

    async def abort(self, why: str, interrupted: bool = False) -> str:
        """Have the broker close everything and note the end.

        Return `why`, what was open and what the broker was asked for; "" if it was nothing.
        """
        positions, unanswered = self.engine.positions, self.engine.orders.unanswered
        asked = await flatten(self.broker, interrupted) if self.result.orders or positions else []
        with suppress(OSError):  # a full disk may be what ended it
            noted = {"why": why, "positions": positions, "unanswered": unanswered, "asked": asked}
            self.journal.note("aborted", noted)
        held = ", ".join(f"{symbol} {qty:+d}" for symbol, qty in positions.items())
        parts = [f"open positions: {held}"] if held else []
        parts += [f"orders without an answer: {', '.join(unanswered)}"] if unanswered else []
        parts += [f"asked of the broker: {', '.join(asked)}"] if asked else []
        return "; ".join([why, *parts]) if parts else ""

    def _alarm(self, slot: int, text: str) -> None:
        self.result.alarms.append(text)
        self.journal.note("alarm", {"slot": slot, "text": text})
