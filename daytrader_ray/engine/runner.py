"""The live loop over the ports: the same code for rehearsal, paper and live; only what is plugged in differs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daytrader_ray.domain.errors import BrokerError
from daytrader_ray.domain.ports import Account, Broker, Clock, Journal, LiveBar, MarketFeed, Scorer, Tick
from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase
from daytrader_ray.engine.session import SessionEngine

CASH_TOLERANCE_USD = 0.01


@dataclass
class SessionResult:
    """What a session did.

    `latency_ms` is, per order, the time from the last bar of its minute being read to the order being handed to the
    broker's connection (orders decided at a close only). `alarms` name everything that should not have happened.
    """

    orders: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
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
    minute score, decide and send. `stopwatch` counts seconds and serves the latency figures only.
    """
    loop = _Loop(engine, broker, journal, stopwatch)
    while (tick := await clock.next_tick()) is not None:
        await loop.take_events(tick, tick.n_events)
        if tick.phase is Phase.OPEN:
            await loop.send(tick, engine.protect(tick.slot))
        elif tick.phase is Phase.CLOSE:
            bars = await feed.bars(tick.n_bars)
            read_at = stopwatch()
            await loop.send(tick, await loop.decide(tick.slot, bars, scorer), read_at)
        await clock.done(tick)
    return loop.close(await broker.snapshot())


class _Loop:
    """The thin place that performs what the engine decided."""

    def __init__(self, engine: SessionEngine, broker: Broker, journal: Journal, stopwatch: Callable[[], float]) -> None:
        self.engine = engine
        self.broker = broker
        self.journal = journal
        self.stopwatch = stopwatch
        self.result = SessionResult()

    async def take_events(self, tick: Tick, n_events: int | None) -> None:
        for fill in self.engine.on_events(tick.slot, tick.phase, await self.broker.events(n_events)):
            self.journal.fill(fill)
            self.result.fills.append(fill)

    async def decide(self, slot: int, bars: Sequence[LiveBar], scorer: Scorer) -> list[Order]:
        windows = self.engine.on_bars(slot, bars)
        scores = await scorer.score(windows) if len(windows) else None
        decision = self.engine.on_scores(slot, scores)
        if decision.missing_members:
            self._alarm(slot, f"no score from {', '.join(decision.missing_members)}: weights renormalised")
        return decision.orders

    async def send(self, tick: Tick, orders: Sequence[Order], read_at: float | None = None) -> None:
        """Send orders one after another, in the kernel's order; each is journalled before it leaves."""
        for order in orders:
            refusal = self.engine.refuse(order)
            if refusal is not None:
                self.engine.on_refused(order)
                self._alarm(order.slot, f"{order.client_order_id} not sent: {refusal}")
                continue
            self.journal.order(order)
            self.result.orders.append(order)
            if read_at is not None:
                self.result.latency_ms.append(1e3 * (self.stopwatch() - read_at))
            try:
                await self.broker.submit(order)
            except BrokerError as error:
                self.engine.block(order.symbol)
                self._alarm(order.slot, f"{order.client_order_id}: fate unknown, {order.symbol} blocked: {error}")
            if order.kind is OrderKind.CANCEL_STOP:
                # The stop may have been filled in the meantime: then there is nothing left to sell.
                await self.take_events(tick, None)

    def close(self, account: Account) -> SessionResult:
        self.result.cash = self.engine.cash
        self.result.flat_at_close = self.engine.is_flat and not any(account.positions.values())
        difference = abs(account.cash - self.engine.cash)
        if difference > CASH_TOLERANCE_USD:
            self._alarm(-1, f"the broker's cash {account.cash:.2f} USD, our books {self.engine.cash:.2f} USD")
        self.journal.note("close", {"cash": self.engine.cash, "flat": self.result.flat_at_close})
        return self.result

    def _alarm(self, slot: int, text: str) -> None:
        self.result.alarms.append(text)
        self.journal.note("alarm", {"slot": slot, "text": text})
