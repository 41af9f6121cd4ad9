"""Quotes, trades and events reach a rehearsed session as they reach its backtest, and both keep away from an event."""

import dataclasses
import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.feature_inputs import event_panel, tick_panel
from daytrader_ray.adapters.live_config import LiveConfig
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import QUOTE_BARS, TRADE_BARS, Kind
from daytrader_ray.adapters.tick_tables import tick_table
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.session_spec import rehearsal_spec
from daytrader_ray.domain.errors import BundleError, DataError
from daytrader_ray.domain.panel import FeatureMatrix, Frames
from daytrader_ray.domain.selection import Choice, Selection
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.market import Start
from daytrader_ray.features.compute import compute
from daytrader_ray.features.feature_set import FeaturesConfig
from daytrader_ray.features.step import NAMES
from daytrader_ray.market_data.conditions import trade_updates
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.market_data.ticks import QuoteAggregator, TradeAggregator
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_grid
from daytrader_ray.universe.config import UniverseConfig
from tests.e2e.conftest import OFF, SANDBOX, fill_store, fit_bundle

STOCKS, SYMBOLS = ("MRNA",), ("MRNA", "SPY")
UNIVERSE = UniverseConfig(sectors={"one": STOCKS}, references=("SPY",), eligibility=OFF)
TODAY = SANDBOX.n_sessions - 1
FIRST_TICKS = 2
"""The first session with quotes and trades: earlier ones have no labels."""
FEATURES = (
    "microstructure.spread_bps", "microstructure.depth_imbalance", "microstructure.order_flow_imbalance",
    "microstructure.tick_imbalance", "microstructure.trade_count", "events.minutes_to", "events.minutes_since",
    "lag.return_1", "momentum.rsi_14", "trend.sma_20",
)  # fmt: skip


def fill_ticks(store: ParquetStore, market: Market) -> None:
    for symbol in STOCKS:
        for s, session in enumerate(market.grid.sessions[FIRST_TICKS:], FIRST_TICKS):
            quotes, trades = QuoteAggregator(), TradeAggregator()
            for slot in range(session.n_minutes):
                q, t = market.quotes(symbol, s, slot), market.trades(symbol, s, slot)
                quotes.add(q.stamp_ns, q.bid, q.ask, q.bid_size, q.ask_size)
                trades.add(t.stamp_ns, t.price, t.size, trade_updates([None] * len(t.price)))
            for kind, schema, one in ((Kind.QUOTE_BARS, QUOTE_BARS, quotes), (Kind.TRADE_BARS, TRADE_BARS, trades)):
                table = tick_table(one.take(session.close_minute), schema)
                store.write_table(kind, symbol, f"{session.date:%Y-%m}", table)
                store.mark(kind, symbol, session.date, session.date)


def fill_events(store: ParquetStore, market: Market) -> int:
    """Store an event of long ago, one of the last session, known since the one before, and one far off; its slot."""
    last, slot = market.grid.sessions[TODAY], 120
    minutes = [market.grid.sessions[0].open_minute - 9000, last.open_minute + slot, last.close_minute + 9000]
    known = [minutes[0], market.grid.sessions[TODAY - 1].open_minute + 77, minutes[0]]
    columns = [[dt.datetime.fromtimestamp(60 * at, dt.UTC) for at in some] for some in (minutes, known)]
    for symbol in STOCKS:
        rows = {"timestamp": columns[0], "known_at": columns[1], "kind": ["fda"] * 3, "note": [""] * 3}
        rows["withdrawn_at"] = [None] * 3
        store.write_table(Kind.EVENTS, symbol, "events", pa.table(rows))
    return slot


def test_a_session_of_quotes_trades_and_events_has_no_difference_to_its_backtest(tmp_path) -> None:
    from daytrader_ray.cluster.before import load_bundle
    from daytrader_ray.cluster.rehearsal import rehearse
    from daytrader_ray.cluster.replay import replay

    root, market = str(tmp_path), Market(SANDBOX, market_grid(SANDBOX))
    store = ParquetStore(root)
    fill_store(root, market, SYMBOLS)
    fill_ticks(store, market)
    at = fill_events(store, market)
    panel = store.panel(SYMBOLS)
    adv, sigma_day, expected = session_statistics(panel)
    inputs = {"ticks": tick_panel(store, SYMBOLS, panel.grid, STOCKS, STOCKS)}
    inputs["events"] = event_panel(store, SYMBOLS, panel.grid)
    features = compute(panel, expected, **inputs)
    chosen = [NAMES.index(name) for name in FEATURES]
    values = np.asarray(features.values)[:, :, chosen]
    few = FeatureMatrix(FEATURES, values, features.atr_5, features.return_30, features.sigma_30)
    bundle = fit_bundle(Frames(panel, few, adv, sigma_day, expected), TODAY, STOCKS)
    kept = {choice.feature: choice for choice in bundle.selection.choices}
    every = tuple(kept.get(name, Choice(name, None, "not of this test")) for name in NAMES)
    assert set(FEATURES[:7]) & set(bundle.selection.features)
    changed = {
        "plan": {**bundle.plan, "quotes": list(STOCKS), "trades": list(STOCKS)},
        "selection": Selection(every),
        "ensemble": dataclasses.replace(bundle.ensemble, threshold=0.1),
    }
    model_store.save(dataclasses.replace(bundle, **changed), root)
    live = LiveConfig(quotes=STOCKS, trades=STOCKS)
    profile = load("sandbox", root, {}).model_copy(
        update={"sandbox": SANDBOX, "universe": UNIVERSE, "live": live, "features": FeaturesConfig()}
    )
    with running(profile.sandbox, profile.costs) as url:
        spec = rehearsal_spec(profile, market.grid.sessions[TODAY].date, "latest", url)
        found = rehearse(spec)
    assert found.differences == () and found.alarms == ()
    assert found.orders >= 6
    backtested = replay(spec, load_bundle(spec), Start(100_000.0)).result
    entries = [order.slot for order in backtested.orders if order.kind is OrderKind.ENTRY]
    assert entries and not [slot for slot in entries if at - 30 <= slot + 1 < at + 30]
    assert backtested.verdicts[Reason.DENIED_EVENT] > 0
    blind = dataclasses.replace(spec, feed=spec.feed.model_copy(update={"rules": LiveConfig(quotes=STOCKS)}))
    with pytest.raises(BundleError, match=r"trained with trades = \['MRNA'\], this session has \[\]"):
        load_bundle(blind)
    for path in tmp_path.glob("historical/trade_bars/symbol=MRNA/_*.json"):
        path.unlink()
    with pytest.raises(DataError, match=r"live.trades names MRNA: no trades of") as failure:
        rehearse(spec)
    assert "download --trades MRNA" in failure.value.hint
