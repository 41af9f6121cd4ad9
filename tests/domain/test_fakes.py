import datetime as dt

import numpy as np

from daytrader_ray.domain.fakes import FakeBroker, FakeClock, FakeFeed, FakeJournal, FakeScorer
from daytrader_ray.domain.ports import Broker, BrokerEvent, Clock, Journal, LiveBar, MarketFeed, Scorer, Tick
from daytrader_ray.domain.trading import Order, OrderKind, Phase, Reason

ORDER = Order(dt.date(2025, 12, 2), 0, "A", OrderKind.ENTRY, 1, 5, None, Reason.SIGNAL, "id")


def filled(order):
    return [BrokerEvent("fill", order.client_order_id, order.symbol, order.side, order.qty, 10.0, "e1")]


async def test_the_clock_gives_its_ticks_and_then_none():
    clock: Clock = FakeClock([Tick(0, Phase.OPEN, 0, 0)])
    tick = await clock.next_tick()
    await clock.done(tick)
    assert tick.phase == "A" and await clock.next_tick() is None


async def test_the_feed_returns_each_bar_once():
    bars = [LiveBar("A", minute, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) for minute in range(3)]
    feed: MarketFeed = FakeFeed(bars)
    assert [await feed.bars(2), await feed.bars(2), await feed.bars(None)] == [bars[:2], [], bars[2:]]


async def test_the_broker_keeps_orders_and_replies_with_updates():
    fake = FakeBroker(reply=filled)
    broker: Broker = fake
    await broker.submit(ORDER)
    assert fake.submitted == [ORDER]
    assert [event.qty for event in await broker.events(1)] == [5]
    assert await broker.events(1) == [] and (await broker.snapshot()).cash == 100_000.0


async def test_the_scorer_repeats_its_scores_and_the_journal_remembers():
    scorer: Scorer = FakeScorer([0.5, -0.5])
    assert (await scorer.score(np.zeros((3, 30, 2), np.float32))).shape == (3, 2)
    fake = FakeJournal()
    journal: Journal = fake
    journal.order(ORDER)
    journal.note("alarm", {"x": 1})
    assert fake.records == [("order", ORDER), ("alarm", {"x": 1})]
