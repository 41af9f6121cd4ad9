"""One trading session with everything plugged in: history from the store, vendors by their real clients.

The same function trades a rehearsal and a paper account; only addresses and the clock differ.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import structlog

from daytrader_ray.adapters.alpaca_broker import AlpacaBroker
from daytrader_ray.adapters.bar_buffer import BarBuffer, buffer_folder
from daytrader_ray.adapters.compaction import compact, compact_leftovers
from daytrader_ray.adapters.feature_inputs import unknown_kinds
from daytrader_ray.adapters.folder import local_root
from daytrader_ray.adapters.journal import has_ended, open_journal, reduce_path, start_of
from daytrader_ray.adapters.live_clock import LATE_SECONDS, LiveClock
from daytrader_ray.adapters.live_feed import LiveFeed
from daytrader_ray.adapters.sandbox_clock import SandboxClock
from daytrader_ray.adapters.session_lock import only_session
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.before import awaited, check_known, last_prices, learnt_since, load_bundle, market_before
from daytrader_ray.cluster.ingest import market_at
from daytrader_ray.cluster.practice import practise
from daytrader_ray.cluster.spec import SessionSpec, session_of
from daytrader_ray.domain.errors import BrokerError, FeedError, LockstepError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.ports import Broker, Journal, Scorer
from daytrader_ray.domain.sessions import Session
from daytrader_ray.domain.trading import Fill, Order
from daytrader_ray.engine.market import Start, Terms
from daytrader_ray.engine.runner import OPEN_HINT, SessionResult, flatten, run_session
from daytrader_ray.engine.session import SessionEngine

log = structlog.get_logger(__name__)

HEED_SECONDS = 5.0
"""Between two looks for a command, in the session's time."""


@dataclass(frozen=True)
class Told:
    """A journal whose alarms and notes of weights that moved are logged as well."""

    journal: Journal

    def order(self, order: Order) -> None:
        """Record an order that is about to be sent."""
        self.journal.order(order)

    def fill(self, fill: Fill) -> None:
        """Record an execution."""
        self.journal.fill(fill)

    def note(self, kind: str, values: Mapping[str, Any]) -> None:
        """Record anything else."""
        self.journal.note(kind, values)
        if kind == "weights":
            log.info("weights moved", **values)
        elif kind == "alarm":
            log.warning(values["text"], slot=values["slot"])


async def trade(spec: SessionSpec, scorer: Scorer) -> SessionResult:
    """Trade the session of `spec` and return what happened.

    Bars and trade updates are subscribed, and every kernel and member is warm, before the clock starts. What was
    received live is in the store afterwards; what an earlier session could not store is brought there first. A session
    that had begun and was left flat is not gone on with: it has not seen the bars between. While another live session
    runs with the same data root, none is begun: it would close what that one holds.
    """
    async with AsyncExitStack() as stack:
        if not spec.sandbox_url:
            stack.enter_context(only_session(spec.journal_root, spec.date.isoformat()))
            await asyncio.to_thread(_bring_in, spec)
        broker = await stack.enter_async_context(AlpacaBroker(spec.broker))
        start, held = await starting(spec, broker) if spec.cash is None else (Start(spec.cash), {})
        if start.start_equity is not None and not held and _missed(spec):
            return await _not_resumed(spec, broker, start)
        bundle = load_bundle(spec)
        market, behind = await asyncio.to_thread(market_before, spec, bundle)
        stocks = [symbol for symbol in market.history.symbols if not is_index(symbol)]
        told = await broker.hard_to_borrow(stocks)
        market = replace(market, hard_to_borrow=(*told, *spec.kernel.hard_to_borrow))
        bundle = await asyncio.to_thread(learnt_since, spec, bundle, market)
        terms = Terms(spec.kernel, spec.costs, spec.regime, spec.portfolio)
        engine = SessionEngine(bundle, market, terms, start, spec.run)
        check_known(spec, engine)
        check_positions(engine, held)
        await practise(engine, scorer)
        rehearses = bool(spec.sandbox_url)
        root = local_root(spec.journal_root)
        buffer = stack.enter_context(BarBuffer(buffer_folder(root, spec.buffer_name, spec.date), fresh=rehearses))
        rng, now, previous = np.random.default_rng(), _clock_of(spec, market.session), last_prices(market)
        feed = LiveFeed(spec.feed, market.session, awaited(spec, market), buffer, rng, now, previous)
        await stack.enter_async_context(feed)
        opened = open_journal(spec.journal_root, spec.date, spec.journal_name, fresh=rehearses)
        journal = Told(stack.enter_context(opened))
        journal.note("open", {"session": spec.date, "bundle": spec.bundle_id, "cash": start.cash})
        parts = engine, feed, broker, scorer, journal
        if rehearses:
            result = await _rehearsed(spec, stack, *parts)
        else:
            result = await _traded(spec, _live_clock(spec, market.session, feed, broker), *parts)
        result.alarms += feed.alarms() + [f"{symbol}: not traded, its session before is missing" for symbol in behind]
        result.alarms += unknown_kinds(ParquetStore(spec.root), spec.kernel.events)
        journal.note("feed", feed.counts)
    if not rehearses:
        result.alarms += await asyncio.to_thread(_put_away, spec)
    return result


def _missed(spec: SessionSpec) -> bool:
    """Return whether bars of the session have ended already."""
    return spec.pace.now() >= 60.0 * (session_of(spec).open_minute + 1)


async def _not_resumed(spec: SessionSpec, broker: Broker, start: Start) -> SessionResult:
    """Close what a session that broke off may have left at the broker and tell where it stands."""
    ended = has_ended(spec.journal_root, spec.date, spec.journal_name)
    done = [] if ended else await flatten(broker)
    account = await broker.snapshot()
    why = "has ended" if ended else "was halted" if start.halted else "had begun and ended early"
    alarms = [f"the session of {spec.date} {why}: nothing more is opened before the next one"]
    alarms += [f"left at the broker: {', '.join(done)}"] if done else []
    return SessionResult(alarms=alarms, cash=account.cash, flat_at_close=not any(account.positions.values()))


def _clock_of(spec: SessionSpec, session: Session) -> Callable[[], float]:
    """Return what tells the session's time (s since 1970); a rehearsal's exchange is at no time of ours: its end."""
    end = 60.0 * (session.open_minute + session.n_minutes)
    return (lambda: end) if spec.sandbox_url else spec.pace.now


def _bring_in(spec: SessionSpec) -> None:
    """Store the buffers of earlier sessions; `DataError` where the store holds bars of another market than today's."""
    store = ParquetStore(spec.root)
    if store.market() != "unknown":
        store.claim(market_at(spec.feed.url))
    try:
        compact_leftovers(store, local_root(spec.journal_root), spec.buffer_name, spec.date)
    except Exception as error:  # an old buffer must not stop today's session; it stays where it is
        log.error("the bars of an earlier session are not stored", exc_info=error)


def _put_away(spec: SessionSpec) -> list[str]:
    """Bring the session's bars into the store; return an alarm where that fails: the next start tries again."""
    try:
        compact(ParquetStore(spec.root), local_root(spec.journal_root), spec.buffer_name, spec.date)
    except Exception as error:  # the session has ended: what it did must be told all the same
        log.error("the bars of the session are not stored", session=str(spec.date), exc_info=error)
        return [f"live bars: not stored ({error}); the next start tries again"]
    return []


def _live_clock(spec: SessionSpec, session: Session, feed: LiveFeed, broker: AlpacaBroker) -> LiveClock:
    """Return the clock of real time, or of the exchange that plays; a `FeedError` after the open."""
    pace = spec.pace
    clock = LiveClock(
        session,
        lambda: broker.pending,
        feed.is_complete,
        lambda seconds: feed.wake(seconds / pace.speed),
        pace.now,
        spec.feed.rules.deadline_seconds * pace.speed,
        LATE_SECONDS * pace.speed,
    )
    if clock.missed:
        raise FeedError(
            f"the session of {spec.date} opened {clock.missed} bars ago and they were not seen",
            "start before the open: 09:30 in New York, or while `daytrader sandbox --session` waits for it",
        )
    return clock


async def _traded(
    spec: SessionSpec,
    clock: LiveClock,
    engine: SessionEngine,
    feed: LiveFeed,
    broker: AlpacaBroker,
    scorer: Scorer,
    journal: Journal,
) -> SessionResult:
    """Trade in real time; after the close compare the day's bars with the vendor's history."""
    heeding = asyncio.create_task(_heed(spec, engine), name="command to reduce")
    try:
        result = await run_session(engine, clock, feed, broker, scorer, journal, time.perf_counter)
    except asyncio.CancelledError as stop:
        if not str(stop):
            raise
        raise BrokerError(str(stop), OPEN_HINT) from stop
    finally:
        heeding.cancel()
    log.info("comparing the day's bars with the vendor's history", session=str(spec.date))
    try:
        await feed.reconcile()
    except FeedError as error:  # the session has ended: what it did must be told all the same
        result.alarms.append(f"live bars: not compared with the vendor's history: {error}")
    return result


async def _rehearsed(
    spec: SessionSpec,
    stack: AsyncExitStack,
    engine: SessionEngine,
    feed: LiveFeed,
    broker: AlpacaBroker,
    scorer: Scorer,
    journal: Journal,
) -> SessionResult:
    held = await stack.enter_async_context(SandboxClock(spec.sandbox_url, spec.date))
    try:
        return await run_session(engine, held, feed, broker, scorer, journal, time.perf_counter)
    except (FeedError, BrokerError) as error:
        raise LockstepError(
            f"rehearsal of {spec.date} stopped at {held.position}: {error}",
            "run it again: the exchange begins each rehearsal anew",
        ) from error


async def starting(spec: SessionSpec, broker: Broker) -> tuple[Start, Mapping[str, int]]:
    """Return where the books stand, by the account and the journal, and the account's positions.

    What a session had to leave may have been closed by hand since.
    """
    account = await broker.snapshot()
    held = {symbol: qty for symbol, qty in account.positions.items() if qty}
    start = start_of(spec.journal_root, spec.date, spec.journal_name, account.cash)
    left = {symbol: kept for symbol, kept in start.carried.items() if symbol in held}
    return replace(start, carried=left), held


def check_positions(engine: SessionEngine, held: Mapping[str, int]) -> None:
    """Refuse an account that holds other positions than a session of ours has left to this one."""
    if held != engine.positions:
        named = ", ".join(f"{symbol} {qty:+d}" for symbol, qty in held.items()) or "nothing"
        left = ", ".join(f"{symbol} {qty:+d}" for symbol, qty in engine.positions.items()) or "nothing"
        raise BrokerError(
            f"the account already holds {named}, the session before left {left}",
            "close all positions before a session starts",
        )


async def _heed(spec: SessionSpec, engine: SessionEngine) -> None:
    """Follow `daytrader reduce`, which allows exits alone, for as long as the session lasts."""
    while True:
        engine.reduce("command", "by command" if reduce_path(spec.journal_root).exists() else "")
        await asyncio.sleep(HEED_SECONDS / max(spec.pace.speed, 1.0))
