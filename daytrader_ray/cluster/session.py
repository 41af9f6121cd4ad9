"""One trading session with everything plugged in: history from the store, vendors by their real clients.

The same function trades a rehearsal and a paper account; only addresses and the clock differ.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import structlog

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.alpaca_broker import AlpacaBroker, BrokerConfig
from daytrader_ray.adapters.bar_buffer import BarBuffer, buffer_folder
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.compaction import compact, compact_leftovers
from daytrader_ray.adapters.feature_inputs import event_panel, event_scales, tick_panel, unknown_kinds
from daytrader_ray.adapters.folder import local_root
from daytrader_ray.adapters.journal import open_journal
from daytrader_ray.adapters.live_clock import LATE_SECONDS, LiveClock
from daytrader_ray.adapters.live_config import FeedConfig
from daytrader_ray.adapters.live_feed import LiveFeed
from daytrader_ray.adapters.market_caps import market_caps
from daytrader_ray.adapters.sandbox_clock import SandboxClock
from daytrader_ray.adapters.store import IMPORTED, ParquetStore
from daytrader_ray.cluster.feature_alone import Job
from daytrader_ray.cluster.feature_state import computed, warmed
from daytrader_ray.cluster.features import made_by
from daytrader_ray.cluster.ingest import market_at
from daytrader_ray.cluster.practice import practise
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import BrokerError, BundleError, DataError, FeedError, LockstepError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.ports import Broker, Journal, Scorer
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.domain.trading import Fill, Order
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.runner import OPEN_HINT, SessionResult, run_session
from daytrader_ray.engine.session import Market, SessionEngine
from daytrader_ray.features.feature_set import FeatureSet
from daytrader_ray.market_data.statistics import next_session_statistics, session_statistics
from daytrader_ray.models.bundle import Bundle, differences
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.eligibility import tradable
from daytrader_ray.universe.peers import peers_of, sector_codes
from daytrader_ray.universe.rotation import sector_budgets
from daytrader_ray.walkforward.replay import caught_up

log = structlog.get_logger(__name__)

TRADED_AS_TRAINED = ("universe", "kernel", "costs", "regime")
"""Sections of the configuration that a session must share with its bundle's training."""


@dataclass(frozen=True)
class Pace:
    """The time that a live session goes by: `speed` seconds pass in a real one, from `market` on at the time `wall`.

    Both are seconds since 1970; the default is real time, another one that of an exchange that plays a session.
    """

    speed: float = 1.0
    wall: float = 0.0
    market: float = 0.0

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self.market + (time.time() - self.wall) * self.speed  # noqa: TID251 - the edge where real time enters


@dataclass(frozen=True)
class SessionSpec:
    """Everything a session needs, as plain values that can be sent to another process.

    `sandbox_url` is the exchange that holds the clock; empty means the time of `pace`. `cash` USD the account starts
    with; None asks the broker. `score_seconds` is how long a close waits for scores.
    """

    root: str
    date: dt.date
    bundle_id: str
    universe: UniverseConfig
    features: FeatureSet
    kernel: KernelConfig
    costs: CostConfig
    regime: RegimeConfig
    feed: FeedConfig
    broker: BrokerConfig
    journal_root: str
    sandbox_url: str = ""
    pace: Pace = Pace()
    cash: float | None = None
    score_seconds: float = 2.0

    @property
    def secrets(self) -> list[str]:
        """Return what must never be seen in a log."""
        return [*self.feed.secrets, *(key.get_secret_value() for key in (self.broker.key, self.broker.secret))]

    @property
    def run(self) -> str:
        """Return the first part of every client order id: the bundle that trades."""
        return self.bundle_id[:8]

    @property
    def journal_name(self) -> str:
        """Return the journal's name: rehearsals never touch the record of real orders."""
        return "rehearsal" if self.sandbox_url else "live"

    @property
    def buffer_name(self) -> str:
        """Return where received bars are kept: those of a rehearsal never reach the store."""
        return "rehearsal" if self.sandbox_url else "buffer"


@dataclass(frozen=True)
class Told:
    """A journal whose notes of weights that moved are logged as well."""

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


async def trade(spec: SessionSpec, scorer: Scorer) -> SessionResult:
    """Trade the session of `spec` and return what happened.

    Bars and trade updates are subscribed, and every kernel and member is warm, before the clock starts. What was
    received live is in the store afterwards; what an earlier session could not store is brought there first.
    """
    if not spec.sandbox_url:
        await asyncio.to_thread(_bring_in, spec)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(AlpacaBroker(spec.broker))
        cash = await starting_cash(broker) if spec.cash is None else spec.cash
        bundle = load_bundle(spec)
        market, behind = await asyncio.to_thread(market_before, spec, bundle)
        bundle = await asyncio.to_thread(learnt_since, spec, bundle, market)
        engine = SessionEngine(bundle, market, spec.kernel, spec.costs, cash, spec.run, spec.regime)
        check_known(spec, engine)
        await practise(engine, scorer)
        rehearses = bool(spec.sandbox_url)
        root = local_root(spec.journal_root)
        buffer = stack.enter_context(BarBuffer(buffer_folder(root, spec.buffer_name, spec.date), fresh=rehearses))
        rng, now, previous = np.random.default_rng(), _clock_of(spec, market.session), last_prices(market)
        feed = LiveFeed(spec.feed, market.session, awaited(spec, market), buffer, rng, now, previous)
        await stack.enter_async_context(feed)
        opened = open_journal(spec.journal_root, spec.date, spec.journal_name, fresh=rehearses)
        journal = Told(stack.enter_context(opened))
        journal.note("open", {"session": spec.date, "bundle": spec.bundle_id, "cash": cash})
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
    try:
        result = await run_session(engine, clock, feed, broker, scorer, journal, time.perf_counter)
    except asyncio.CancelledError as stop:
        if not str(stop):
            raise
        raise BrokerError(str(stop), OPEN_HINT) from stop
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


def load_bundle(spec: SessionSpec) -> Bundle:
    """Load the session's bundle.

    A `BundleError` when it has been trained on the session itself or later, or with other features or other rules than
    the session's.
    """
    bundle = model_store.load(spec.root, spec.bundle_id, spec.features.names, spec.features.origins)
    if bundle.last_training_session >= spec.date:
        raise BundleError(
            f"bundle {spec.bundle_id} was trained up to {bundle.last_training_session}: it has seen {spec.date}",
            "choose a later session, or a bundle trained on earlier ones",
        )
    wishes: dict[str, Any] = {name: getattr(spec, name).model_dump(mode="json") for name in TRADED_AS_TRAINED}
    wishes |= {name: list(getattr(spec.feed.rules, name)) for name in ("quotes", "trades")}
    shared = wishes.keys() & bundle.plan.keys()
    then_and_now = {name: bundle.plan[name] for name in shared}, {name: wishes[name] for name in shared}
    for key, then, now in differences(*then_and_now):
        raise BundleError(
            f"bundle {spec.bundle_id} was trained with {key} = {then}, this session has {now}",
            f"train again, or restore {key}",
        )
    return bundle


def market_before(spec: SessionSpec, bundle: Bundle) -> tuple[Market, list[str]]:
    """Return what is known before the session: earlier sessions from the store and what they say of today.

    Beside it the stocks whose last session is not there: they are not tradable.
    """
    session = session_of(spec)
    panel, behind = panel_until(spec, bundle)
    history, share_factor = panel.part(0, len(panel.grid.sessions) - 1), panel.share_factor[-1]
    _, _, expected = session_statistics(history)
    statistics = next_session_statistics(history, session.n_minutes, share_factor)
    store, universe = ParquetStore(spec.root), spec.universe
    may_trade = tradable(universe, panel, market_caps(store, panel, universe.stocks))[-1]
    rules, today = spec.feed.rules, SessionGrid((session,))
    near_events = event_scales(store, history.symbols, today, spec.kernel.events)
    ticks = tick_panel(store, history.symbols, history.grid, rules.quotes, rules.trades)
    events = event_panel(store, history.symbols, history.grid)
    peers = peers_of(universe, panel.symbols, [day.date for day in panel.grid.sessions])
    known = warmed(job_of(spec), history, expected, peers, ticks, events)
    if known is None:
        since = str(history.grid.sessions[0].date)
        log.warning("no stored features hold: all are computed from the bars that are there", since=since)
    market = Market(
        session=session,
        history=history,
        expected_history=expected,
        statistics=statistics,
        price_factor=panel.price_factor[-1],
        share_factor=share_factor,
        tradable=may_trade & ~np.isin(history.symbols, behind),
        sector=sector_codes(universe, history.symbols),
        sector_limit=sector_budgets(universe, panel, spec.kernel.max_sector)[-1],
        event_scale=near_events.get(spec.date, np.ones((session.n_minutes, len(history.symbols)))),
        past_ticks=ticks if known is None else None,
        past_events=events if known is None else None,
        events=event_panel(store, history.symbols, today),
        peers=peers,
        warmed=known,
        extras=spec.features.extras,
    )
    return market, behind


def learnt_since(spec: SessionSpec, bundle: Bundle, market: Market) -> Bundle:
    """Return the bundle with what weights that learn while trading have learnt from the sessions since its training."""
    if bundle.ensemble.online is None:
        return bundle
    history, store, universe = market.history, ParquetStore(spec.root), spec.universe
    n = len(history.grid.sessions)
    features = (
        market.warmed.features
        if market.warmed is not None
        else computed(
            spec.features,
            bundle.features,
            history,
            market.expected_history,
            peers=market.peers and market.peers.part(0, n),
            ticks=market.past_ticks,
            events=market.past_events,
        )
    )
    may_trade = tradable(universe, history, market_caps(store, history, universe.stocks))
    return replace(bundle, ensemble=caught_up(bundle, features, history.grid, may_trade, n))


def check_known(spec: SessionSpec, engine: SessionEngine) -> None:
    """Refuse a session in which nothing could be scored: a `DataError` names the features that history does not give.

    What a build has left of pruned bars may not hold any more: then it is gone, and longer windows with it.
    """
    if engine.unknown:
        since = engine.market.history.grid.sessions[0].date
        raise DataError(
            f"{spec.root}: no stock that may be traded has had a value of {', '.join(engine.unknown)} since {since}",
            f"run `daytrader download` for days before {since}, then `daytrader features`; or train again",
        )


def job_of(spec: SessionSpec) -> Job:
    """Return what tells the stored features of a session from those of other settings."""
    rules = spec.feed.rules
    return Job(spec.root, made_by(), spec.universe, spec.features, rules.quotes, rules.trades)


def awaited(spec: SessionSpec, market: Market) -> list[str]:
    """Return the symbols to subscribe to: all but stocks that have left the universe and trade no more."""
    priced = zip(market.history.symbols, np.isfinite(market.history.close[-1]).tolist(), strict=True)
    universe = spec.universe
    return [s for s, trades in priced if trades or s in universe.references or universe.has(s, spec.date)]


def last_prices(market: Market) -> dict[str, float]:
    """Return the stocks' last prices of the session before, in USD as today counts: after splits and dividends."""
    symbols, factor = market.history.symbols, market.history.price_factor[-1] / market.price_factor
    prices = zip(symbols, (market.history.close[-1] * factor).tolist(), strict=True)
    return {symbol: price for symbol, price in prices if price > 0 and not is_index(symbol)}


def panel_until(spec: SessionSpec, bundle: Bundle) -> tuple[Panel, list[str]]:
    """Return the bars of the bundle's symbols up to the session to trade, whose own bars are not looked at.

    What splits and dividends do to that session is known before it opens: its factors are in the panel. Beside it the
    stocks without the session before (halted, or not to trust); `DataError` where it is half of them: not downloaded.
    """
    store = ParquetStore(spec.root)
    if store.bar_minutes != 1:
        raise DataError(
            f"{spec.root} holds {store.bar_minutes}-minute bars; a session is traded on one-minute bars",
            "`daytrader backtest` works on these; download one-minute bars into another --data",
        )
    end = spec.date - dt.timedelta(days=1)
    first, _ = store.span(bundle.symbols)
    if first > end:
        raise DataError(f"no bars before {spec.date} in {spec.root}", "run `daytrader download` first")
    before = session_grid(end - dt.timedelta(days=10), end).sessions[-1].date
    universe = spec.universe
    due = [symbol for symbol in bundle.symbols if symbol in universe.references or universe.has(symbol, spec.date)]
    stocks = [symbol for symbol in due if not is_index(symbol)]
    behind = _behind(store, stocks, before)
    if behind and 2 * len(behind) >= len(stocks):
        raise DataError(
            f"the session of {before} is missing in {spec.root} for {', '.join(behind)}",
            "run `daytrader download`; for a stock that no longer trades set `universe.membership`, then train again",
        )
    if behind:
        log.warning("not traded: their session before is missing", session=str(before), symbols=behind)
    return store.panel(bundle.symbols, end=spec.date), behind


def _behind(store: ParquetStore, symbols: Sequence[str], day: dt.date) -> list[str]:
    """Return the symbols without that day; what a session left that broke off makes no day of a downloaded store."""
    if store.market() == IMPORTED:
        return [symbol for symbol in symbols if store.span((symbol,))[1] < day]
    return [symbol for symbol in symbols if not store.is_downloaded(symbol, day, day)]


def session_of(spec: SessionSpec) -> Session:
    """Return the exchange's session on the day of `spec`; `DataError` on a day without one."""
    grid = session_grid(spec.date, spec.date)
    if not grid.sessions:
        raise DataError(f"{spec.date} is no trading day of the New York exchanges", "choose another --session")
    return grid.sessions[0]


async def starting_cash(broker: Broker) -> float:
    """Return the account's cash in USD; a `BrokerError` when it holds positions that no session of ours knows."""
    account = await broker.snapshot()
    if any(account.positions.values()):
        held = ", ".join(f"{symbol} {qty:+d}" for symbol, qty in account.positions.items())
        raise BrokerError(f"the account already holds {held}", "close all positions before a session starts")
    return account.cash
