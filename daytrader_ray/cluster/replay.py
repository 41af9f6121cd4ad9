"""The backtest of one session with a bundle, from the store: what a rehearsal of it must repeat."""

import numpy as np

from daytrader_ray.adapters.feature_inputs import event_panel, event_scales, half_spreads, tick_panel
from daytrader_ray.adapters.market_caps import market_caps
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.before import job_of
from daytrader_ray.cluster.feature_state import computed, warmed
from daytrader_ray.cluster.spec import SessionSpec
from daytrader_ray.domain.panel import Frames
from daytrader_ray.engine.backtest import BacktestResult, Plan, backtest
from daytrader_ray.engine.market import Conditions
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.ensemble import new_state, rules_of, signals
from daytrader_ray.regime.config import entry_scale, strategy_table
from daytrader_ray.regime.live import regime_states
from daytrader_ray.universe.eligibility import tradable
from daytrader_ray.universe.peers import peers_of, sector_codes
from daytrader_ray.universe.rotation import sector_budgets
from daytrader_ray.walkforward.replay import bundle_scores, caught_up


def replay(spec: SessionSpec, bundle: Bundle, cash: float, known: Conditions | None = None) -> BacktestResult:
    """Backtest the session of `spec` on the batch features and scores of the store's bars.

    `known` is what the traded session was told beside them; None: all may be sold short and nothing was halted.
    """
    frames = frames_until(spec, bundle)
    grid, symbols = frames.panel.grid, frames.panel.symbols
    session = grid.index_of(spec.date)
    rows = slice(int(grid.first_row[session]), int(grid.first_row[session + 1]))
    universe, panel = spec.universe, frames.panel
    store = ParquetStore(spec.root)
    may_trade = tradable(universe, panel, market_caps(store, panel, universe.stocks))
    ensemble = caught_up(bundle, frames.features, grid, may_trade, session)
    scores = bundle_scores(bundle, frames.features, np.arange(rows.start, rows.stop), np.arange(len(symbols)))
    scores[:, ~may_trade[session]] = np.nan
    regimes = regime_states(bundle.regime, frames)
    found = np.full(panel.close.shape, np.nan)
    found[rows] = signals(
        rules_of(ensemble, strategy_table(spec.regime), grid.bar_minutes),
        new_state(ensemble, len(symbols), grid.bar_minutes),
        grid.slot_of_row[rows],
        scores,
        regimes[rows],
        np.ascontiguousarray(frames.features.return_30[rows]),
        np.ascontiguousarray(frames.features.sigma_30[rows]),
    )
    plan = Plan(
        tradable=may_trade,
        sector=sector_codes(universe, symbols),
        threshold=np.full(len(grid.sessions), ensemble.threshold),
        sector_limit=sector_budgets(universe, panel, spec.kernel.max_sector),
        hours=ensemble.hours,
        event_scale=event_scales(store, symbols, grid.part(session, session + 1), spec.kernel.events),
        shortable=~np.isin(symbols, known.hard_to_borrow if known else ()),
        halts={spec.date: known.halts} if known else {},
        reducing={spec.date: known.reducing} if known else {},
    )
    part, scale = (session, session + 1), entry_scale(regimes, spec.regime)
    return backtest(frames, found, scale, plan, spec.kernel, spec.costs, part, cash, spec.run)


def frames_until(spec: SessionSpec, bundle: Bundle) -> Frames:
    """Return bars, features and statistics of the bundle's symbols up to and including the session."""
    store = ParquetStore(spec.root)
    panel = store.panel(bundle.symbols, end=spec.date)
    adv, sigma_day, expected = session_statistics(panel)
    rules = spec.feed.rules
    ticks = tick_panel(store, panel.symbols, panel.grid, rules.quotes, rules.trades)
    events = event_panel(store, panel.symbols, panel.grid)
    peers = peers_of(spec.universe, panel.symbols, [session.date for session in panel.grid.sessions])
    found = warmed(job_of(spec), panel, expected, peers, ticks, events)
    features = (
        found.features
        if found is not None
        else computed(spec.features, bundle.features, panel, expected, peers=peers, ticks=ticks, events=events)
    )
    return Frames(panel, features, adv, sigma_day, expected, half_spreads(store, panel, spec.costs))
