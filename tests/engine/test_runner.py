"""The live loop against fakes: what happens when scorer, broker or stream misbehave."""

import dataclasses
import itertools

import numpy as np
import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import BrokerError
from daytrader_ray.domain.fakes import FakeBroker, FakeClock, FakeFeed, FakeJournal, FakeScorer
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.ports import BrokerEvent, LiveBar, Tick
from daytrader_ray.domain.trading import MEMBERS, Order, OrderKind, Phase, Reason
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.runner import SessionResult, run_session
from daytrader_ray.engine.session import Market, SessionEngine
from daytrader_ray.features.step import NAMES
from daytrader_ray.market_data.statistics import next_session_statistics, session_statistics
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.scaling import Scaler
from daytrader_ray.walkforward.cut import cut
from tests.engine.markets import frames

FEATURES = ("lag.return_1", "trend.sma_20")
FULL: Frames = frames(4, n_sessions=6, n_slots=390, n_symbols=3, minute_vol=0.0008)
HISTORY = cut(FULL, (0, 5)).panel
LAST = 5
N_MINUTES = 140


def bundle(threshold: float = 0.5) -> Bundle:
    return Bundle(
        feature_set=NAMES,
        features=FEATURES,
        symbols=HISTORY.symbols,
        scaler=Scaler(np.zeros(2), np.ones(2)),
        members={},
        mask=0b11111,
        weights=np.full(5, 0.2),
        q99=1.0,
        threshold=threshold,
        regime=None,
        left_out=(),
        plan={},
        seed=0,
        last_training_session=HISTORY.grid.sessions[-1].date,
        fingerprint="",
    )


def engine() -> SessionEngine:
    _, _, expected = session_statistics(HISTORY)
    market = Market(
        session=FULL.panel.grid.sessions[LAST],
        history=HISTORY,
        expected_history=expected,
        statistics=next_session_statistics(HISTORY, 390),
        tradable=np.ones(3, dtype=np.bool_),
        sector=np.zeros(3, dtype=np.int64),
    )
    return SessionEngine(bundle(), market, KernelConfig(), CostConfig(), 100_000.0, "run")


def bars() -> list[list[LiveBar]]:
    panel, first = FULL.panel, int(FULL.panel.grid.first_row[LAST])
    minute = FULL.panel.grid.sessions[LAST].open_minute
    found = []
    for slot in range(N_MINUTES):
        row, here = first + slot, []
        for i, symbol in enumerate(panel.symbols):
            if panel.traded[row, i]:
                prices = (float(x[row, i]) for x in (panel.open, panel.high, panel.low, panel.close))
                here.append(LiveBar(symbol, minute + slot, *prices, float(panel.volume[row, i]), float("nan")))
        found.append(here)
    return found


class Minutes(FakeFeed):
    """A feed that gives one minute of bars a call."""

    def __init__(self) -> None:
        self._minutes = iter(bars())

    async def bars(self, n_bars: int | None) -> list[LiveBar]:
        return next(self._minutes)


class Scores(FakeScorer):
    """Scores that change by minute: strong for a while, then whatever comes."""

    def __init__(self, by_minute: dict[int, float], otherwise: float) -> None:
        self._calls = itertools.count()
        self._by_minute, self._otherwise = by_minute, otherwise

    async def score(self, windows: np.ndarray) -> np.ndarray:
        value = self._by_minute.get(next(self._calls), self._otherwise)
        return np.full((len(windows), len(MEMBERS)), value)


def filled(order: Order) -> list[BrokerEvent]:
    """Fill entries and exits at the last close at once; stops rest."""
    if order.kind not in (OrderKind.ENTRY, OrderKind.EXIT):
        return []
    return [event("fill", order)]


def event(name: str, order: Order, execution: str = "") -> BrokerEvent:
    row = int(FULL.panel.grid.first_row[LAST]) + order.slot
    close = float(FULL.panel.close[row, FULL.panel.symbols.index(order.symbol)])
    qty, price = (order.qty, close) if name == "fill" else (0, 0.0)
    return BrokerEvent(
        name, order.client_order_id, order.symbol, order.side, qty, price, execution or order.client_order_id
    )


async def session(broker: FakeBroker, scorer: FakeScorer, journal: FakeJournal | None = None) -> SessionResult:
    ticks = [Tick(slot, phase, None, None) for slot in range(N_MINUTES) for phase in Phase]
    seconds = itertools.count()
    return await run_session(
        engine(), FakeClock(ticks), Minutes(), broker, scorer, journal or FakeJournal(), lambda: next(seconds) / 1e3
    )


async def test_every_order_is_journalled_before_it_is_sent_and_every_position_gets_its_stop() -> None:
    journal = FakeJournal()

    class Watching(FakeBroker):
        async def submit(self, order: Order) -> None:
            assert ("order", order) in journal.records
            await super().submit(order)

    broker = Watching(reply=filled)
    result = await session(broker, FakeScorer([1.0] * 5), journal)
    kinds = [order.kind for order in broker.submitted]
    assert kinds.count(OrderKind.ENTRY) == kinds.count(OrderKind.STOP) >= 3
    assert result.orders == broker.submitted
    assert all(ms > 0 for ms in result.latency_ms)


async def test_without_any_score_nothing_opens_and_what_is_open_still_leaves_on_time() -> None:
    broker = FakeBroker(reply=filled)
    result = await session(broker, Scores({k: 1.0 for k in range(3)}, float("nan")))
    entries = [order for order in broker.submitted if order.kind is OrderKind.ENTRY]
    exits = [order for order in broker.submitted if order.kind is OrderKind.EXIT]
    assert entries and max(order.slot for order in entries) <= 3
    assert {order.reason for order in exits} == {Reason.TIME_EXIT}
    assert len(exits) == len(entries)
    assert any("no score from" in alarm for alarm in result.alarms)


async def test_one_missing_member_is_named_and_the_others_go_on() -> None:
    result = await session(FakeBroker(reply=filled), FakeScorer([1.0, float("nan"), 1.0, 1.0, 1.0]))
    assert any(order.kind is OrderKind.ENTRY for order in result.orders)
    assert "no score from cnn: weights renormalised" in result.alarms


async def test_an_order_with_an_unknown_fate_blocks_its_symbol_and_no_other() -> None:
    class Losing(FakeBroker):
        async def submit(self, order: Order) -> None:
            await super().submit(order)
            if order.symbol == "S00":
                raise BrokerError("answer lost")

    broker = Losing(reply=filled)
    result = await session(broker, FakeScorer([1.0] * 5))
    assert len([order for order in broker.submitted if order.symbol == "S00"]) == 1
    assert len([order for order in broker.submitted if order.symbol == "S01"]) > 1
    assert any("fate unknown, S00 blocked" in alarm for alarm in result.alarms)


async def test_an_execution_told_twice_counts_once() -> None:
    once = await session(FakeBroker(reply=filled), FakeScorer([1.0] * 5))
    twice = await session(FakeBroker(reply=lambda order: 2 * filled(order)), FakeScorer([1.0] * 5))
    assert twice.fills == once.fills
    assert twice.cash == once.cash


async def test_a_stop_that_fills_while_it_is_being_cancelled_leaves_nothing_to_sell() -> None:
    stops: dict[str, Order] = {}

    def reply(order: Order) -> list[BrokerEvent]:
        if order.kind is OrderKind.STOP:
            stops[order.symbol] = order
        if order.kind is OrderKind.CANCEL_STOP:
            return [event("fill", stops[order.symbol])]
        return filled(order)

    broker = FakeBroker(reply=reply)
    result = await session(broker, Scores({k: 1.0 for k in range(3)}, 0.0))
    assert any(order.kind is OrderKind.CANCEL_STOP for order in broker.submitted)
    assert not any(order.kind is OrderKind.EXIT for order in broker.submitted)
    assert any(fill.kind is OrderKind.STOP for fill in result.fills)


async def test_a_stop_that_the_venue_drops_is_placed_again() -> None:
    dropped: set[str] = set()

    def reply(order: Order) -> list[BrokerEvent]:
        if order.kind is OrderKind.STOP and order.symbol not in dropped:
            dropped.add(order.symbol)
            return [event("expired", order)]
        return filled(order)

    broker = FakeBroker(reply=reply)
    await session(broker, Scores({k: 1.0 for k in range(3)}, 1.0))
    stops = [order for order in broker.submitted if order.kind is OrderKind.STOP and order.symbol == "S00"]
    assert len(stops) >= 2
    assert stops[0].stop_price == stops[1].stop_price


async def test_cash_that_differs_from_the_brokers_is_an_alarm() -> None:
    broker = FakeBroker(reply=filled)
    broker.account = dataclasses.replace(broker.account, cash=99_999.0)
    result = await session(broker, FakeScorer([0.0] * 5))
    assert result.alarms == ["the broker's cash 99999.00 USD, our books 100000.00 USD"]
    assert result.flat_at_close


@pytest.mark.parametrize("n", [1, 3])
async def test_a_rejected_entry_leaves_no_position_and_no_stop(n: int) -> None:
    broker = FakeBroker(reply=lambda order: [event("rejected", order)] * n)
    result = await session(broker, Scores({k: 1.0 for k in range(3)}, 0.0))
    assert {order.kind for order in result.orders} == {OrderKind.ENTRY}
    assert result.fills == [] and result.flat_at_close
