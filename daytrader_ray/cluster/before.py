"""What is known before a session opens: its bundle, the bars of earlier sessions, and what they say of today."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import structlog

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_inputs import event_panel, event_scales, tick_panel
from daytrader_ray.adapters.market_caps import market_caps
from daytrader_ray.adapters.store import IMPORTED, ParquetStore
from daytrader_ray.cluster.feature_alone import Job
from daytrader_ray.cluster.feature_state import computed, warmed
from daytrader_ray.cluster.features import made_by
from daytrader_ray.cluster.spec import SessionSpec, session_of
from daytrader_ray.domain.errors import BundleError, DataError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.engine.market import Market
from daytrader_ray.engine.session import SessionEngine
from daytrader_ray.market_data.statistics import next_session_statistics, session_statistics
from daytrader_ray.models.bundle import Bundle, differences
from daytrader_ray.universe.eligibility import tradable
from daytrader_ray.universe.peers import peers_of, sector_codes
from daytrader_ray.universe.rotation import sector_budgets
from daytrader_ray.walkforward.replay import caught_up

log = structlog.get_logger(__name__)

TRADED_AS_TRAINED = ("universe", "kernel", "costs", "regime", "portfolio")
"""Sections of the configuration that a session must share with its bundle's training."""


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
    if unknown := engine.inputs.unknown:
        since = engine.market.history.grid.sessions[0].date
        raise DataError(
            f"{spec.root}: no stock that may be traded has had a value of {', '.join(unknown)} since {since}",
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
