"""A dry run before the session: everything that the hot path calls is compiled, loaded and warm when it counts."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.fakes import FakeBroker, FakeClock, FakeFeed, FakeJournal, FakeScorer
from daytrader_ray.domain.ports import BrokerEvent, LiveBar, Scorer, Tick
from daytrader_ray.domain.trading import MEMBERS, WINDOW_ROWS, Order, OrderKind, Phase
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.runner import run_session
from daytrader_ray.engine.session import Market, SessionEngine
from daytrader_ray.models.bundle import Bundle

N_BARS = 3
SCORER_CALLS = 3
CASH = 100_000.0


async def practise(bundle: Bundle, market: Market, kernel: KernelConfig, costs: CostConfig, scorer: Scorer) -> None:
    """Trade a few minutes of the last session again, on paper and with made-up scores; then ask the real scorer.

    Nothing of it is kept: the session's own engine is another one.
    """
    last = _last_session(market)
    ticks = [Tick(slot, phase, None, None) for slot in range(N_BARS) for phase in Phase]
    bold = replace(bundle, threshold=0.0)
    engine = SessionEngine(bold, last, kernel, costs, CASH, "practice")
    prices = last.history.close[-1]
    bars = [_bar(engine, symbol, price) for symbol, price in zip(engine.symbols, prices, strict=True) if price > 0]
    price_of = dict(zip(engine.symbols, prices.tolist(), strict=True))
    broker = FakeBroker(reply=lambda order: _fills(order, price_of[order.symbol]))
    made_up = FakeScorer([1.0] * len(MEMBERS))
    await run_session(engine, FakeClock(ticks), FakeFeed(bars), broker, made_up, FakeJournal(), time.perf_counter)
    windows = np.zeros((len(engine.symbols), WINDOW_ROWS, len(bundle.features)), dtype=np.float32)
    for _ in range(SCORER_CALLS):
        await scorer.score(windows)


def _bar(engine: SessionEngine, symbol: str, price: float) -> LiveBar:
    return LiveBar(symbol, engine.market.session.open_minute, price, price, price, price, 1000.0, price)


def _fills(order: Order, price: float) -> Sequence[BrokerEvent]:
    if order.kind not in (OrderKind.ENTRY, OrderKind.EXIT):
        return []
    name = order.client_order_id
    return [BrokerEvent("fill", name, order.symbol, order.side, order.qty, price, name)]


def _last_session(market: Market) -> Market:
    """Return the same market with one session of history: enough to fill every window."""
    panel = market.history
    n = len(panel.grid.sessions)
    rows = slice(int(panel.grid.first_row[n - 1]), None)
    return replace(
        market,
        history=panel.part(n - 1, n),
        expected_history=market.expected_history[rows],
        warmed=None,
        past_ticks=None if market.past_ticks is None else market.past_ticks[rows],
        past_events=None if market.past_events is None else market.past_events[rows],
    )
