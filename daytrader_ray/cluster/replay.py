"""The backtest of one session with a bundle, from the store: what a rehearsal of it must repeat."""

import numpy as np

from daytrader_ray.adapters.feature_inputs import event_panel, event_scales, tick_panel
from daytrader_ray.adapters.market_caps import market_caps
from daytrader_ray.adapters.spreads import half_spreads
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.before import job_of
from daytrader_ray.cluster.feature_state import computed, warmed
from daytrader_ray.cluster.spec import SessionSpec
from daytrader_ray.domain.budget import CONFIDENCE
from daytrader_ray.domain.cadence import bars_between
from daytrader_ray.domain.indices import SPY
from daytrader_ray.domain.panel import Bool, Frames
from daytrader_ray.engine.backtest import Plan, backtest
from daytrader_ray.engine.budgets import Allocator, budgets_of
from daytrader_ray.engine.market import Conditions, Start
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.ensemble import Ensemble, new_state, rules_of, signals, weights_in_force
from daytrader_ray.regime.config import entry_scale, strategy_table
from daytrader_ray.regime.live import regime_states
from daytrader_ray.universe.eligibility import tradable
from daytrader_ray.universe.peers import peers_of, sector_codes
from daytrader_ray.universe.rotation import sector_budgets
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.replay import bundle_scores, caught_up
from daytrader_ray.walkforward.trade import Said, Traded, adjusted_closes


def replay(spec: SessionSpec, bundle: Bundle, start: Start, known: Conditions | None = None) -> Traded:
    """Backtest the session of `spec` on the batch features and scores of the store's bars.

    It begins where the traded session did, at `start`; `known` is what that was told beside bars, None: nothing was
    halted.
    """
    frames = frames_until(spec, bundle)
    panel, grid, symbols = frames.panel, frames.panel.grid, frames.panel.symbols
    session = grid.index_of(spec.date)
    block, rows = (session, session + 1), slice(int(grid.first_row[session]), int(grid.first_row[session + 1]))
    universe, store = spec.universe, ParquetStore(spec.root)
    may_trade = tradable(universe, panel, market_caps(store, panel, universe.stocks))
    ensemble = caught_up(bundle, frames.features, grid, may_trade, session)
    said = _said(spec, bundle, ensemble, frames, rows, may_trade[session])
    sector, sigma_30 = sector_codes(universe, symbols), frames.features.sigma_30[rows]
    allocator = Allocator(spec.portfolio, spec.kernel, symbols, sector, grid.bar_minutes, ensemble.ic)
    budgets, allocations = budgets_of(allocator, panel, block, may_trade, said.signal, sigma_30)
    plan = Plan(
        tradable=may_trade,
        sector=sector,
        threshold=np.full(len(grid.sessions), ensemble.threshold),
        sector_limit=sector_budgets(universe, panel, spec.kernel.max_sector),
        hours=ensemble.hours,
        event_scale=event_scales(store, symbols, grid.part(*block), spec.kernel.events),
        sizing=ensemble.sizing if spec.kernel.sizing == "kelly" else CONFIDENCE,
        budgets=budgets,
        shortable=~np.isin(symbols, known.hard_to_borrow if known else spec.kernel.hard_to_borrow),
        halts={spec.date: known.halts} if known else {},
        reducing={spec.date: known.reducing} if known else {},
        carried=start.carried,
        score_every=bars_between(ensemble.score_every_minutes, grid.bar_minutes),
    )
    signal, scale = np.full(panel.close.shape, np.nan), np.zeros(grid.n_rows)
    signal[rows], scale[rows] = said.signal, entry_scale(said.regime, spec.regime)
    result = backtest(frames, signal, scale, plan, spec.kernel, spec.costs, block, start.cash, spec.run, start.peak)
    spy, columns = adjusted_closes(panel, SPY, block), np.arange(len(symbols))
    return Traded(cut(frames, block), said, columns, may_trade[slice(*block)], result, spy, allocations)


def _said(spec: SessionSpec, bundle: Bundle, ensemble: Ensemble, frames: Frames, rows: slice, may_trade: Bool) -> Said:
    """Return what the bundle says at the bars `rows` of the session."""
    grid, features, symbols = frames.panel.grid, frames.features, frames.panel.symbols
    scores = bundle_scores(bundle, features, grid, np.arange(rows.start, rows.stop), np.arange(len(symbols)))
    scores[:, ~may_trade] = np.nan
    regimes = regime_states(bundle.regime, frames)[rows]
    given = (
        grid.slot_of_row[rows],
        scores,
        regimes,
        np.ascontiguousarray(features.return_30[rows]),
        np.ascontiguousarray(features.sigma_30[rows]),
    )
    rules = rules_of(ensemble, strategy_table(spec.regime), grid.bar_minutes)
    signal = signals(rules, new_state(ensemble, len(symbols), grid.bar_minutes), *given)
    weights = weights_in_force(rules, new_state(ensemble, len(symbols), grid.bar_minutes), *given)
    return Said(scores, signal, weights, regimes)


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
