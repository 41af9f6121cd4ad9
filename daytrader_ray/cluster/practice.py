"""A dry run before the session: everything that the hot path calls is compiled, loaded and warm when it counts."""

import time
from collections.abc import Sequence

import numpy as np

from daytrader_ray.domain.fakes import FakeBroker, FakeClock, FakeFeed, FakeJournal, FakeScorer
from daytrader_ray.domain.ports import BrokerEvent, LiveBar, Scorer, Tick
from daytrader_ray.domain.trading import MEMBERS, WINDOW_ROWS, Order, OrderKind, Phase
from daytrader_ray.engine.runner import run_session
from daytrader_ray.engine.session import SessionEngine
from daytrader_ray.features.bar import TICKS

BARS_AFTER = 2
"""Bars after the first at which members score: what it decides is sent, filled and protected."""
SCORER_CALLS = 3
TICKS_OF_A_MINUTE = (1.0,) * len(TICKS)


async def practise(engine: SessionEngine, scorer: Scorer) -> None:
    """Trade a few minutes with made-up bars and scores, on paper; then ask the real scorer.

    Nothing of it is kept: what trades is a twin of the session's engine, as warm as that one.
    """
    twin = engine.twin()
    twin.thresholds = np.zeros(twin.n_slots)
    ticks = [Tick(slot, phase, None, None) for slot in range(twin.score_every + BARS_AFTER) for phase in Phase]
    prices = engine.market.history.close[-1]
    feed = FakeFeed(
        [_bar(twin, symbol, price) for symbol, price in zip(twin.symbols, prices, strict=True) if price > 0]
    )
    feed.told = dict.fromkeys(twin.symbols, TICKS_OF_A_MINUTE)
    price_of = dict(zip(twin.symbols, prices.tolist(), strict=True))
    broker = FakeBroker(reply=lambda order: _fills(order, price_of[order.symbol]))
    made_up = FakeScorer([1.0] * len(MEMBERS))
    await run_session(twin, FakeClock(ticks), feed, broker, made_up, FakeJournal(), time.perf_counter)
    windows = np.zeros((len(twin.symbols), WINDOW_ROWS, len(engine.bundle.features)), dtype=np.float32)
    for _ in range(SCORER_CALLS):
        await scorer.score(windows)


def _bar(engine: SessionEngine, symbol: str, price: float) -> LiveBar:
    return LiveBar(symbol, engine.market.session.open_minute, price, price, price, price, 1000.0, price)


def _fills(order: Order, price: float) -> Sequence[BrokerEvent]:
    if order.kind not in (OrderKind.ENTRY, OrderKind.EXIT):
        return []
    name = order.client_order_id
    return [BrokerEvent("fill", name, order.symbol, order.side, order.qty, price, name)]
